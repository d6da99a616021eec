"""`python -m train.benchmark`."""

import sys

from train.benchmark.command import main

sys.exit(main())
