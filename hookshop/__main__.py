"""The entry point ``python -m hookshop``."""

from hookshop.cli.main import main

if __name__ == "__main__":
    main()
