"""A private PostgreSQL server for tests, and databases on it: one for each test.

``python -m tests.postgres COMMAND …`` runs a command, such as pytest, with ``TEST_POSTGRES_URL``
set to a server that is started for it and removed afterwards; where the variable is set already,
that server is used. Where it is set, the fixtures put the shop's tables there (tests/conftest.py).
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
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
CLUSTER = "TEST_POSTGRES_CLUSTER"  # the folder of a private server, for tests that restart it
OWNER = "postgres"  # who runs the server when we are root, which it refuses to run as
INSTALL_SECONDS = 600
HOW_TO_GET_ONE = (
    "No PostgreSQL for these tests: install it (on Debian: apt-get install postgresql), "
    f"or set {VARIABLE}=postgresql+asyncpg://… to a server on which databases may be created."
)
SETTINGS = {
    # Reached by a socket in its own folder only, so that nothing else can be in its way.
    "listen_addresses": "",
    "max_connections": "300",
    # What is written survives the server's death all the same, only not the machine's.
    "fsync": "off",
}


def main() -> None:
    """Exit with the command's code, or with 2 and one line where there is no PostgreSQL."""
    command = sys.argv[1:]
    if os.environ.get(VARIABLE):
        sys.exit(subprocess.run(command, check=False).returncode)
    if not _programs():
        _install_with_apt()
    programs = _programs()
    if not programs:
        sys.stderr.write(f"{HOW_TO_GET_ONE}\n")
        sys.exit(2)
    with running_cluster(programs) as cluster:
        environment = os.environ | {VARIABLE: cluster.url, CLUSTER: str(cluster.folder)}
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


class Cluster:
    """A server of our own; ``folder`` holds its data and its socket."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs

    @classmethod
    def of_this_run(cls) -> "Cluster | None":
        """The one that ``main`` has started; None on a server that is not ours to restart."""
        folder, programs = os.environ.get(CLUSTER), _programs()
        return cls(Path(folder), programs) if folder and programs else None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://{OWNER}@/postgres?host={self.folder}"

    def create(self) -> None:
        # In Danish "aa" comes after "z". Whatever depends on the order of ids must not care.
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=da-DK")
        self._run("initdb", "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync", *locale)

    def start(self) -> None:
        settings = SETTINGS | {"unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def restart_at_once(self) -> None:
        """As after a crash: connections are cut, whatever was not committed is gone."""
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
def running_cluster(programs: Path) -> Iterator[Cluster]:
    """A new server, until the block ends. On a signal, too, nothing of it is left."""
    # Not a deep folder: the path of a socket holds no more than 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="hookshop-pg-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(OWNER).pw_uid, pwd.getpwnam(OWNER).pw_gid)
        cluster = Cluster(folder, programs)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``; Debian keeps it off the PATH."""
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
    """A database with the shop's tables and nothing in them; its name, to make copies of."""
    with _database("") as url:
        in_a_loop_of_its_own(migrate(url))
        yield str(make_url(url).database)


@contextmanager
def copy_of(template: str, *, name: str | None = None) -> Iterator[str]:
    """The URL of a new database that is like the template."""
    with _database(f'TEMPLATE "{template}"', name=name) as url:
        yield url


@contextmanager
def empty_database() -> Iterator[str]:
    """The URL of a new database without any table."""
    with _database("") as url:
        yield url


@contextmanager
def _database(options: str, *, name: str | None = None) -> Iterator[str]:
    server = make_url(os.environ[VARIABLE])
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
    """Run one statement over a connection of its own; its rows. Values stand for ``$1`` …"""

    async def run() -> list[tuple[Any, ...]]:
        connection = await connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    return in_a_loop_of_its_own(run())


async def connect(url: URL | str) -> Any:
    plain = make_url(url).set(drivername="postgresql")
    return await asyncpg.connect(plain.render_as_string(hide_password=False))


def in_a_loop_of_its_own(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine whether or not a loop is running here: Playwright has one, for instance."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


if __name__ == "__main__":
    main()
