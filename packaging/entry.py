"""The frozen program's start: the same door as `python -m app`."""

import sys

from app.__main__ import main

sys.exit(main())
