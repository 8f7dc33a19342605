"""A private PostgreSQL server for tests, with one database for each test.

``python -m tests.postgres COMMAND …`` runs a command, such as pytest, with ``TEST_POSTGRES_URL``
set to a server that is started for it and removed afterwards. If the variable is already set, that
server is used. With the variable, the fixtures use PostgreSQL for the shop (tests/conftest.py).
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import URL, make_url

from shop.database.transactions import Database
from tests.browser import attempt

Result = TypeVar("Result")
VARIABLE = "TEST_POSTGRES_URL"
CLUSTER = (
    "TEST_POSTGRES_CLUSTER"  # set to the folder of the private server, for tests that restart it
)
OWNER = "postgres"  # runs the server if we are root, because it refuses to run as root
INSTALL_SECONDS = 600
HOW_TO_GET_ONE = (
    "No PostgreSQL for these tests: install it (on Debian: apt-get install postgresql), "
    f"or set {VARIABLE}=postgresql+asyncpg://… to a server on which databases may be created."
)
SETTINGS = {
    # It listens only on a socket in its own folder, so it cannot conflict with anything.
    "listen_addresses": "",
    "max_connections": "300",
    # Commits survive a crash of the server, but not of the machine.
    "fsync": "off",
}
DURABLE = {"fsync": "on"}


def main() -> None:
    """Exit with the command's code, or with 2 and one line if there is no PostgreSQL."""
    command = sys.argv[1:]
    if os.environ.get(VARIABLE):
        sys.exit(subprocess.run(command, check=False).returncode)
    if not find_programs():
        _install_with_apt()
    programs = find_programs()
    if not programs:
        sys.stderr.write(f"{HOW_TO_GET_ONE}\n")
        sys.exit(2)
    with running_cluster(programs) as cluster:
        environment = os.environ | {VARIABLE: cluster.url, CLUSTER: str(cluster.folder)}
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


class Cluster:
    """A private server. ``folder``: its data and its socket. ``settings``: besides ``SETTINGS``."""

    def __init__(
        self, folder: Path, programs: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._programs = programs
        self._settings = settings or {}

    @classmethod
    def of_this_run(cls) -> "Cluster | None":
        """Return the server that ``main`` has started; None for a foreign server."""
        folder, programs = os.environ.get(CLUSTER), find_programs()
        return cls(Path(folder), programs) if folder and programs else None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://{OWNER}@/postgres?host={self.folder}"

    def create(self) -> None:
        # In Danish "aa" sorts after "z": code that sorts ids must not depend on the collation.
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=da-DK")
        self._run("initdb", "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync", *locale)

    def start(self) -> None:
        own = {"unix_socket_directories": str(self.folder)}
        settings = {**SETTINGS, **self._settings, **own}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def restart_at_once(self) -> None:
        """Restart as after a crash: connections are cut, uncommitted changes are lost."""
        self._run("pg_ctl", "restart", "-w", "-m", "immediate", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def _run(self, program: str, *options: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *options]
        if os.geteuid() == 0:
            command = [
                "setpriv",
                f"--reuid={OWNER}",
                f"--regid={OWNER}",
                "--clear-groups",
                *command,
            ]
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"


@contextmanager
def running_cluster(programs: Path, settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """Run a new server until the block ends, and remove it, also on a signal."""
    # A short path: the path of a socket is limited to 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="hookshop-pg-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(OWNER).pw_uid, pwd.getpwnam(OWNER).pw_gid)
        cluster = Cluster(folder, programs, settings)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path | None:
    """Return the folder with ``initdb`` and ``pg_ctl``, which on Debian is not on the PATH."""
    found = shutil.which("initdb")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    candidates = [*versions, *([Path(found)] if found else [])]
    return candidates[-1].parent if candidates else None


def _version(initdb: Path) -> int:
    name = initdb.parts[-3]
    return int(name) if name.isdecimal() else 0


def _install_with_apt() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempt(
            "Installing Debian's PostgreSQL",
            ["sh", "-c", "apt-get update -q && apt-get install -qy postgresql"],
            INSTALL_SECONDS,
        )


# Databases on it


@contextmanager
def migrated_template() -> Iterator[str]:
    """Create a database with the shop's empty tables; return its name, to copy it."""
    with _database("") as url:
        run_in_new_loop(migrate(url))
        yield str(make_url(url).database)


@contextmanager
def copy_of(template: str, *, name: str | None = None) -> Iterator[str]:
    """Copy the template; return the URL of the new database."""
    with _database(f'TEMPLATE "{template}"', name=name) as url:
        yield url


@contextmanager
def empty_database(server_url: str | None = None) -> Iterator[str]:
    """Create a database without tables; return its URL. ``server_url``: None: that of the tests."""
    with _database("", server_url=server_url) as url:
        yield url


@contextmanager
def _database(
    options: str, *, name: str | None = None, server_url: str | None = None
) -> Iterator[str]:
    server = make_url(server_url or os.environ[VARIABLE])
    name = name or f"hookshop_{uuid4().hex}"
    execute(server, f'CREATE DATABASE "{name}" {options}')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def migrate(url: str) -> None:
    """Create the shop's tables in an empty database of either kind."""
    database = Database(url)
    await database.migrate()
    await database.close()


def execute(url: URL | str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement on a new connection; return its rows. ``values``: for ``$1``, ``$2`` …"""

    async def run() -> list[tuple[Any, ...]]:
        connection = await connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    return run_in_new_loop(run())


async def connect(url: URL | str) -> Any:
    plain = make_url(url).set(drivername="postgresql")
    return await asyncpg.connect(plain.render_as_string(hide_password=False))


def run_in_new_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine, even if an event loop is running in this thread, such as Playwright's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


if __name__ == "__main__":
    main()
