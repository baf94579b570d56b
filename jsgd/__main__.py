"""`python -m jsgd` is the command `jsgd`."""

import sys

from jsgd.cli import main

if __name__ == "__main__":
    sys.exit(main())
