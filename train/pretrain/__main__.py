"""`python -m train.pretrain`."""

import sys

from train.pretrain.command import main

sys.exit(main())
