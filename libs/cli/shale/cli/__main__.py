"""`python -m shale.cli`: the `shale` command without its script."""

import sys

from shale.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
