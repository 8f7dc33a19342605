"""The entry point ``python -m hookshop.demo``."""

import signal


def main() -> None:
    """Run the demo. Ctrl-C ends it without a traceback, even while Python is loading it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hookshop.demo.run import run  # noqa: PLC0415 – Ctrl-C must be safe before this import

    run()


if __name__ == "__main__":
    main()
