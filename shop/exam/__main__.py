"""The entry point ``python -m shop.exam``."""

import sys

from shop.exam.command import main

if __name__ == "__main__":
    sys.exit(main())
