"""The entry point ``python -m shop.demo``, which ``make demo`` runs."""

import signal


def main() -> None:
    """Run the demo; a Ctrl-C that comes while Python is still loading it ends it quietly."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from shop.demo.run import run  # noqa: PLC0415  the loading takes a noticeable moment

    run()


if __name__ == "__main__":
    main()
