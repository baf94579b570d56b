"""The command line: `jsgd sweep`, `jsgd train`, `jsgd list`."""

from jsgd.cli.main import main as main
