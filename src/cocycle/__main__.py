"""`python -m cocycle` is the command `cocycle`."""

import sys

from cocycle.cli import main

if __name__ == "__main__":
    sys.exit(main())
