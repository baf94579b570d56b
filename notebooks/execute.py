"""Run the notebooks: each `NN_name.py` (percent format) becomes `NN_name.ipynb` with its outputs.

    python notebooks/execute.py            # all of them
    python notebooks/execute.py 03 07      # some

needs `pip install '.[notebooks]'`. A notebook that fails or warns is an error; its `.ipynb` then stays
what it was. The largest picture of each is kept, smaller, in `notebooks/thumbnails/`.
"""

import base64
import io
import sys
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).resolve().parent
WIDTH = 320  # pixels, of a thumbnail


def main(chosen):
    files = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    for name in chosen:
        if not any(file.name.startswith(name) for file in files):
            sys.exit(f"there is no notebook {name!r}: {', '.join(file.stem for file in files)}")
    total = 0.0
    for file in files:
        if chosen and not file.name.startswith(tuple(chosen)):
            continue
        start = time.perf_counter()
        execute(file)
        total += (seconds := time.perf_counter() - start)
        print(f"{file.stem:40s} {seconds:6.1f} s", flush=True)
    print(f"{'all':40s} {total:6.1f} s")


def execute(file):
    notebook = jupytext.read(file)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    pictures = []
    for i, cell in enumerate(notebook.cells):
        cell.id = f"{i:02d}"  # not at random: the file only changes where the notebook does
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                sys.exit(f"{file.name}, cell {i}: a warning\n{output.text}")
            if png := output.get("data", {}).get("image/png"):
                pictures.append(base64.b64decode(png))
    jupytext.write(notebook, file.with_suffix(".ipynb"))
    if pictures:
        picture = Image.open(io.BytesIO(max(pictures, key=len))).convert("RGB")
        picture.thumbnail((WIDTH, WIDTH))
        (FOLDER / "thumbnails").mkdir(exist_ok=True)
        picture.save(FOLDER / "thumbnails" / f"{file.stem}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
