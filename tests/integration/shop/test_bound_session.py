"""One statement reads the rows of the sandbox of its session, whichever session executed it last.

SQLAlchemy compiles a statement once and keeps it, so the number of the sandbox must not be kept.
"""

from sqlalchemy.orm import aliased
from sqlmodel import col, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from shop.database.bound_sandbox import ALL, bound_to
from shop.database.models import Endpoint, EndpointSecret
from shop.database.transactions import Database
from tests.integration.shop.conftest import Clock
from tests.integration.shop.sandboxes import SandboxedShop

OTHER = aliased(Endpoint)
OF_EACH = select(func.count()).select_from(Endpoint)
WITH_ALIAS_AND_SUBQUERY = (
    select(func.count())
    .select_from(OTHER)
    .where(col(OTHER.id).in_(select(Endpoint.id).where(col(Endpoint.deleted_at).is_(None))))
)


async def counts(session: AsyncSession) -> list[int]:
    return [(await session.exec(query)).one() for query in (OF_EACH, WITH_ALIAS_AND_SUBQUERY)]


async def test_sessions_of_two_sandboxes_take_turns_with_the_same_statement(
    database: Database, clock: Clock, encryption: Encryption
) -> None:
    shops = SandboxedShop(database, clock, encryption)
    one, two = await shops.create("one"), await shops.create("two")
    await shops.register(number=one)
    for path in ("a", "b"):
        await shops.register(f"http://127.0.0.1:1025/{path}", number=two)

    with bound_to(one):
        first = database.reading()
        of_one = await first.__aenter__()
    with bound_to(two):
        async with database.reading() as of_two:
            for _ in range(3):
                assert await counts(of_one) == [1, 1]
                assert await counts(of_two) == [2, 2]
    await first.__aexit__(None, None, None)
    with bound_to(ALL):
        async with database.reading() as of_all:
            assert await counts(of_all) == [3, 3]


async def test_a_session_changes_and_deletes_only_rows_of_its_sandbox(
    database: Database, clock: Clock, encryption: Encryption
) -> None:
    shops = SandboxedShop(database, clock, encryption)
    one, two = await shops.create("one"), await shops.create("two")
    for number in (one, two):
        await shops.register(number=number)
    named = select(Endpoint.description)
    numbers = {one: "of one", two: "of two"}

    for number, description in numbers.items():
        with bound_to(number):
            async with database.writing() as session:
                await session.exec(update(Endpoint).values(description=description))
    for number, description in numbers.items():
        with bound_to(number):
            async with database.reading() as session:
                assert (await session.exec(named)).all() == [description]

    with bound_to(one):
        async with database.writing() as session:
            await session.exec(delete(EndpointSecret))
    assert await shops.count(EndpointSecret, number=one) == 0
    assert await shops.count(EndpointSecret, number=two) == 1
