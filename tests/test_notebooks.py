"""The notebooks: each `.py` runs, is what its `.ipynb` shows, and stands in the README."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def cells(text):
    """The cells of a file in percent format, as (kind, source)."""
    for part in re.split(r"^# %%", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        if markdown := head.strip() == "[markdown]":
            body = re.sub(r"^# ?", "", body, flags=re.M)
        yield "markdown" if markdown else "code", body.strip()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_without_a_warning(file, tmp_path):
    """In a fresh process, those that take long with less of everything."""
    env = os.environ | {"JSGD_FAST": "1", "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, file], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_notebook_is_this_file_executed(file):
    """`python notebooks/execute.py` makes it."""
    page = json.loads(file.with_suffix(".ipynb").read_text())
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in page["cells"]]
    assert found == list(cells(file.read_text()))
    code = [cell for cell in page["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [x for x in outputs if x["output_type"] == "error" or x.get("name") == "stderr"]


def test_the_readme_shows_all_of_them():
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(r"notebooks/(\d\d_\w+)\.ipynb", readme)
    assert sorted(set(shown)) == [file.stem for file in FILES]
    pictures = re.findall(r"notebooks/(thumbnails/\w+\.png)", readme)
    assert all((ROOT / "notebooks" / picture).exists() for picture in pictures)
    assert {Path(picture).stem for picture in pictures} <= set(shown)
