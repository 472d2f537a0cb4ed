"""`python -m localcloud`: the command line, where the command `localcloud` is not installed."""

import sys

from localcloud.cli import main

sys.exit(main())
