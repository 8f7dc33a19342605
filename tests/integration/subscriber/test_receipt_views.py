"""What a page computes from a request is bounded, cached, and done outside of the event loop."""

import asyncio
import threading
from datetime import timedelta

from sqlmodel import select

from subscriber_app.config import Settings
from subscriber_app.database.models import Receipt, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.keyring import KnownSecret
from subscriber_app.web.receipt_view import MAX_CACHED_RECEIPTS, ReceiptViews
from tests.integration.subscriber.conftest import Client, Clock, encryption_of
from tests.integration.subscriber.requests import only_receipt, send
from tests.integration.subscriber.signer import OTHER_SECRET, OUR_URL, SECRET, Delivery
from tests.pages import Page, Visitor

# Without limits, these take ten to thirty seconds.
DEEP_AND_WIDE = b"[" * 400 + b"1," * 7000 + b"1" + b"]" * 400


async def page_of(subscriber: Client) -> Page:
    """Return the page of the only receipt."""
    return await Visitor(subscriber).get(f"/receipts/{(await only_receipt(subscriber))['id']}")


async def stored_receipt(settings: Settings) -> Receipt:
    database = Database(settings.resolved_database_url)
    async with database.reading() as session:
        receipt = (await session.exec(select(Receipt))).one()
    await database.close()
    return receipt


async def test_the_page_of_a_hostile_request_says_what_was_skipped(subscribed: Client) -> None:
    await send(subscribed, Delivery(secret=OTHER_SECRET).headers(), DEEP_AND_WIDE)

    page = await page_of(subscribed)

    assert page.status == 200
    assert (
        "Not checked: re-serialized bodies: the JSON is nested deeper than 12 levels." in page.text
    )


async def test_a_token_nested_too_deeply_to_be_written_does_not_break_the_page(
    subscribed: Client,
) -> None:
    claims = {"iss": _nested(900)}
    await send(subscribed, Delivery(claims=claims).headers(webhook_signature=None), b"{}")

    assert (await page_of(subscribed)).status == 200


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


async def test_the_work_is_done_in_one_separate_thread(
    subscribed: Client,
) -> None:
    assert subscribed
    views = ReceiptViews()

    threads = await asyncio.gather(
        *(views.run_in_thread(threading.current_thread) for _ in range(10))
    )

    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()
    await views.close()


async def test_the_result_is_cached_until_the_known_secrets_change(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    await send(subscribed, Delivery(secret=OTHER_SECRET).headers(), DEEP_AND_WIDE)
    receipt = await stored_receipt(settings)
    ours = KnownSecret(SECRET, clock() - timedelta(days=1))
    views = ReceiptViews()

    async def seen(*keyring: KnownSecret) -> object:
        return await views.context(
            receipt, url=OUR_URL, audience=OUR_URL, keyring=keyring, issuer=None
        )

    first, again, both = await asyncio.gather(
        seen(ours), seen(ours), seen(ours, KnownSecret(OTHER_SECRET, clock()))
    )

    assert again is first
    assert both is not first
    await views.close()


async def test_the_cache_has_a_maximum_size(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    await send(subscribed, Delivery().headers(), b"{}")
    receipt = await stored_receipt(settings)
    ours = KnownSecret(SECRET, clock())
    views = ReceiptViews()

    async def seen(url: str) -> object:
        return await views.context(receipt, url=url, audience=OUR_URL, keyring=[ours], issuer=None)

    first = await seen("http://0.example")
    for number in range(1, MAX_CACHED_RECEIPTS + 1):
        await seen(f"http://{number}.example")

    assert await seen(f"http://{MAX_CACHED_RECEIPTS}.example") is not None
    assert await seen("http://0.example") is not first
    await views.close()


async def test_a_page_uses_the_known_secrets(subscribed: Client, settings: Settings) -> None:
    await send(subscribed, Delivery(secret=OTHER_SECRET).headers(), b"{}")
    assert "The receiver cannot tell which" in (await page_of(subscribed)).text

    database = Database(settings.resolved_database_url)
    async with database.writing() as session:
        standing = (await session.exec(select(Subscription))).one()
        standing.encrypted_secret = encryption_of(settings).encrypt(OTHER_SECRET)
        session.add(standing)
    await database.close()

    assert "The receiver cannot tell which" not in (await page_of(subscribed)).text
