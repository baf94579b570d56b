"""The command line: `jsgd sweep`, `jsgd train`, `jsgd evaluate`, `jsgd predict`, `jsgd list`."""

from jsgd.cli.main import main as main
