"""What comes at once shares a transaction, and each item has an outcome of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError

from hookshop.webkit.group_commit import MAX_ITEMS, GroupCommit
from subscriber_app.database.transactions import Database, DatabaseShut

pytestmark = pytest.mark.one_database("the same code on both")


@dataclass
class Names:
    """A table of names, each of which may be stored once.

    ``tried`` and ``batches``: what was stored together, before and after the commit. ``has_begun``:
    set in a transaction, which then waits for ``may_end``.
    """

    database: Database
    batches: list[list[str]] = field(default_factory=list)
    tried: list[list[str]] = field(default_factory=list)
    has_begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_end.set()
        self.commits = GroupCommit(self.database, self.store, self.note_commit)

    def store(self, connection: Connection, names: Sequence[str]) -> list[str]:
        self.tried.append(list(names))
        self.has_begun.set()
        self.may_end.wait()
        for name in names:
            connection.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})
        return [name.upper() for name in names]

    def note_commit(self) -> None:
        self.batches.append(self.tried[-1])

    async def commit_all(self, *names: str) -> list[str | BaseException]:
        """Commit the names at once, and return the outcomes and errors."""
        waiting = (self.commits.commit(name) for name in names)
        return await asyncio.gather(*waiting, return_exceptions=True)

    async def stored(self) -> list[str]:
        return await self.database.read(
            lambda connection: list(
                connection.scalars(text("SELECT name FROM names ORDER BY rowid"))
            )
        )


@pytest.fixture
async def names(tmp_path: Path) -> AsyncIterator[Names]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/names.db")
    await database.write(
        lambda connection: connection.execute(text("CREATE TABLE names (name TEXT PRIMARY KEY)"))
    )
    yield Names(database)
    await database.close()


async def test_what_comes_at_once_shares_a_commit(names: Names) -> None:
    outcomes = await names.commit_all("ann", "bob", "cleo")

    assert outcomes == ["ANN", "BOB", "CLEO"]
    assert names.batches == [["ann", "bob", "cleo"]]
    assert await names.stored() == ["ann", "bob", "cleo"]


async def test_what_comes_during_a_commit_shares_the_next_one(names: Names) -> None:
    names.may_end.clear()
    first = asyncio.create_task(names.commits.commit("ann"))
    await asyncio.to_thread(names.has_begun.wait)
    others = asyncio.create_task(names.commit_all("bob", "cleo"))
    await asyncio.sleep(0)

    names.may_end.set()

    assert [await first, *await others] == ["ANN", "BOB", "CLEO"]
    assert names.batches == [["ann"], ["bob", "cleo"]]


async def test_an_item_that_cannot_be_stored_fails_alone(names: Names) -> None:
    [ann, again, bob] = await names.commit_all("ann", "ann", "bob")

    assert isinstance(again, IntegrityError)
    assert (ann, bob) == ("ANN", "BOB")
    assert await names.stored() == ["ann", "bob"]
    assert await names.commit_all("cleo", "dan") == ["CLEO", "DAN"]
    assert names.batches == [["ann"], ["bob"], ["cleo", "dan"]]


async def test_a_batch_has_a_limit(names: Names) -> None:
    many = [str(number) for number in range(MAX_ITEMS + 1)]

    assert await names.commit_all(*many) == many
    assert [len(batch) for batch in names.batches] == [MAX_ITEMS, 1]


async def test_an_item_whose_owner_is_gone_before_the_transaction_is_dropped(names: Names) -> None:
    leaving = asyncio.create_task(names.commits.commit("ann"))
    staying = asyncio.create_task(names.commits.commit("bob"))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await staying == "BOB"
    assert await names.stored() == ["bob"]


async def test_a_database_that_cannot_be_written_to_fails_everything_that_waits(
    names: Names,
) -> None:
    await names.database.shut()

    outcomes = await names.commit_all("ann", "bob")

    assert all(isinstance(outcome, DatabaseShut) for outcome in outcomes)
    assert names.tried == []


async def test_a_database_that_fails_in_mid_transaction_fails_the_whole_batch_at_once(
    names: Names,
) -> None:
    await names.database.write(lambda connection: connection.execute(text("DROP TABLE names")))

    outcomes = await names.commit_all("ann", "bob")

    assert all(isinstance(outcome, OperationalError) for outcome in outcomes)
    assert names.tried == [["ann", "bob"]]


async def test_closing_waits_for_the_commit_under_way(names: Names) -> None:
    names.may_end.clear()
    first = asyncio.create_task(names.commits.commit("ann"))
    await asyncio.to_thread(names.has_begun.wait)
    closing = asyncio.create_task(names.commits.close())
    await asyncio.sleep(0)
    assert not closing.done()

    names.may_end.set()
    await closing

    assert await names.stored() == ["ann"]
    assert await first == "ANN"
