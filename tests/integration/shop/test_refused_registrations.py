"""The log of registrations that were refused because of their URL."""

from datetime import UTC, datetime, timedelta

from litestar import Litestar
from litestar.testing import AsyncTestClient

from hookshop.webkit.times import utc_now
from shop.database.transactions import Database
from shop.vocabulary import RefusalReason
from shop.webhooks.endpoints.refusals import MAX_KEPT, list_refusals, record_refusal
from shop.webhooks.engine.retention import prune
from shop.webhooks.rules.urls import UrlRefused

Shop = AsyncTestClient[Litestar]
LOG = "/v1/refused-registrations"


async def refuse(shop: Shop, url: str) -> None:
    answer = await shop.post("/v1/webhooks/register", json={"webhook_url": url})
    assert answer.status_code == 422, answer.text


async def test_refused_urls_are_listed_with_their_reasons_newest_first(shop: Shop) -> None:
    reasons = {
        "http://10.0.0.1/": "not_public",
        "http://127.0.0.1:22/": "this_machine",
        "http://127.0.0.1:8000/": "own_address",
        "http://0x7f.1/": "unusual_address",
        "http://printer.local/": "internal_name",
        "ftp://example.com/": "not_a_url",
        "http://ada@example.com/": "user_information",
    }
    for url in reasons:
        await refuse(shop, url)

    found = (await shop.get(LOG)).json()

    assert [each["reason"] for each in found["data"]] == list(reversed(reasons.values()))
    assert found["data"][-1]["webhook_url"] == "http://10.0.0.1/"
    assert found["data"][-1]["detail"].startswith("10.0.0.1 is not a public address")
    assert found["next_cursor"] is None


async def test_a_password_in_a_refused_url_is_not_stored(shop: Shop) -> None:
    await refuse(shop, "http://ada:sesame@example.com/hook")

    listed = await shop.get(LOG)

    assert listed.json()["data"][0]["webhook_url"] == "http://…@example.com/hook"
    assert "sesame" not in listed.text


async def test_control_characters_and_very_long_urls_can_be_stored(shop: Shop) -> None:
    await refuse(shop, "http://example.com/\x00\n")
    await refuse(shop, "http://example.com/" + "a" * 5000)

    long, control = (await shop.get(LOG)).json()["data"]

    assert "\x00" not in control["webhook_url"]
    assert len(long["webhook_url"]) == 2048


async def test_a_form_that_is_refused_is_listed_on_the_page_of_endpoints(shop: Shop) -> None:
    await refuse(shop, "http://<b>.local/")

    page = (await shop.get("/endpoints")).text

    assert "Refused registrations" in page
    assert "http://&lt;b&gt;.local/" in page


async def test_only_the_newest_hundred_are_kept(database: Database) -> None:
    refusal = UrlRefused("it is internal", RefusalReason.INTERNAL_NAME)
    async with database.writing() as session:
        for number in range(MAX_KEPT + 5):
            now = utc_now() + timedelta(milliseconds=number)
            await record_refusal(session, f"http://{number}.local/", refusal, now=now)

    async with database.reading() as session:
        kept = await list_refusals(session, limit=1000)

    assert [kept[0].url, kept[-1].url] == [f"http://{MAX_KEPT + 4}.local/", "http://5.local/"]


async def test_old_ones_are_pruned(database: Database) -> None:
    refusal = UrlRefused("it is internal", RefusalReason.INTERNAL_NAME)
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    async with database.writing() as session:
        await record_refusal(session, "http://old.local/", refusal, now=old)
        await record_refusal(session, "http://new.local/", refusal, now=new)

    await prune(database, before=datetime(2026, 2, 1, tzinfo=UTC))

    async with database.reading() as session:
        assert [each.url for each in await list_refusals(session)] == ["http://new.local/"]
