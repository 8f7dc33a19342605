"""How the subscriber of a private demo asks for the worker to be killed: see mission 15.

The demo kills the process that it has started itself. So nobody needs to know its process id, which
could belong to another process by then.
"""

from pathlib import Path


def crash_request(var: Path) -> Path:
    """Return the file that the subscriber creates, and that the demo removes as it kills."""
    return var.absolute() / "crash-worker"
