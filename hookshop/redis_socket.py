"""The address of the private Redis of a ``HOOKSHOP_VAR``: the demo starts it, the shop connects."""

import hashlib
import tempfile
from pathlib import Path

# The kernel's sun_path holds 108 bytes on Linux and 104 on macOS, one of them the closing NUL.
MAX_SOCKET_PATH_BYTES = 103


def private_redis_socket(var: Path) -> Path:
    """Return the path of the socket: in ``var``, or in a temporary folder if that is too long.

    The path depends on ``var`` alone, so every process can compute it.
    """
    socket = var.absolute() / "redis.sock"
    if len(bytes(socket)) <= MAX_SOCKET_PATH_BYTES:
        return socket
    fingerprint = hashlib.sha256(bytes(socket)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hookshop-{fingerprint}" / "redis.sock"
