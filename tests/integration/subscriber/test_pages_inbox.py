import re
from datetime import datetime, timedelta

import pytest

from tests.integration.subscriber.conftest import Client, Clock
from tests.integration.subscriber.requests import deliver, receipts, stats, totals
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import HEAVIEST_PAGE, Page, Visitor, first_load

PAGE_SIZE = 25


@pytest.fixture
async def mixed(subscribed: Client, clock: Clock) -> Client:
    """A subscriber with one receipt of each verdict, a second apart."""
    deliveries = [
        Delivery(message_id="msg_bought"),
        Delivery(message_id="msg_bought"),
        Delivery(message_id="msg_gift", body=purchase(type_="purchase.gift")),
        Delivery(message_id="msg forged"),
    ]
    for delivery in deliveries:
        await deliver(subscribed, delivery)
        clock.pass_seconds(1)
    return subscribed


def rows(page: Page) -> list[str]:
    return [link for link in page.links if link.startswith("/receipts/rcp_")]


async def test_before_subscribing_the_inbox_says_what_to_do(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/")

    assert "Not subscribed yet" in page.text
    assert page.links["/subscription"] == "Subscribe…"


async def test_after_subscribing_it_says_what_to_wait_for(subscribed: Client) -> None:
    page = await Visitor(subscribed).get("/")

    assert "No webhooks yet" in page.text
    assert "http://127.0.0.1:1/" in page.links
    assert "/receipts/delete" not in page.links


async def test_every_receipt_is_a_row_with_its_verdict_and_reason(mixed: Client) -> None:
    page = await Visitor(mixed).get("/")

    assert len(rows(page)) == 4
    assert re.search(r"rejected Unread request , [^,]*(, [^,]*)? malformed_id", page.text)
    assert "ignored purchase.gift" in page.text
    assert "duplicate purchase.created" in page.text
    assert "accepted purchase.created" in page.text
    assert page.text.index("rejected Unread") < page.text.index("accepted purchase.created")


async def test_the_totals_equal_the_booked_purchases(mixed: Client) -> None:
    page = await Visitor(mixed).get("/")

    assert "Booked $50.75 Purchases 1" in page.text
    assert "all 4 accepted 1 duplicate 1 ignored 1 rejected 1" in page.text


async def test_a_refund_is_shown_with_a_minus_sign(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=purchase(-1234.5, type_="purchase.refunded")))

    assert "Booked −$1,234.50" in (await Visitor(subscribed).get("/")).text


@pytest.mark.parametrize("verdict", ["accepted", "duplicate", "ignored", "rejected"])
async def test_a_tab_shows_one_verdict_only(verdict: str, mixed: Client) -> None:
    page = await Visitor(mixed).get("/", verdict=verdict)

    assert len(rows(page)) == 1
    shown = (await mixed.get(f"/v1{rows(page)[0]}")).json()
    assert shown["verdict"] == verdict
    current = re.findall(r'<a href="([^"]*)" aria-current="true"', page.answer.text)
    assert current == [f"/?verdict={verdict}"]


async def test_a_tab_without_receipts_leads_back_to_all(subscribed: Client) -> None:
    page = await Visitor(subscribed).get("/", verdict="rejected")

    assert "No matching receipts" in page.text
    assert page.links["/"].strip()


async def test_older_receipts_are_on_the_next_pages(subscribed: Client, clock: Clock) -> None:
    for _ in range(PAGE_SIZE + 1):
        await deliver(subscribed, webhook_id=None)
        clock.pass_seconds(0.01)
    visitor = Visitor(subscribed)

    first = await visitor.get("/", verdict="rejected")
    [older] = [link for link, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)

    assert len(rows(first)) == PAGE_SIZE
    assert len(rows(second)) == 1
    assert not set(rows(first)) & set(rows(second))
    assert "Older" not in second.text
    assert second.links["/?verdict=rejected"]
    assert "/receipts/live?verdict=rejected&amp;cursor=rcp_" in second.answer.text


async def test_a_full_page_is_light(subscribed: Client) -> None:
    for number in range(PAGE_SIZE):
        await deliver(subscribed, Delivery(message_id=f"msg_{number:032}"))

    page = await Visitor(subscribed).get("/")

    assert len(rows(page)) == PAGE_SIZE
    assert first_load(page) < HEAVIEST_PAGE


async def test_a_page_after_the_last_one_leads_to_the_first(mixed: Client) -> None:
    visitor = Visitor(mixed)
    oldest = rows(await visitor.get("/"))[-1].removeprefix("/receipts/")

    everything = await visitor.get("/", cursor=oldest)
    filtered = await visitor.get("/", cursor=oldest, verdict="accepted")

    assert "No older receipts" in everything.text
    assert everything.links["/"] == "First page"
    assert "No older matching receipts" in filtered.text
    assert filtered.links["/?verdict=accepted"] == "First page"


async def test_deleting_all_receipts_asks_for_confirmation(mixed: Client) -> None:
    page = await Visitor(mixed).get("/receipts/delete")

    assert "4 receipts are deleted" in page.text
    assert "1 purchases are deleted: $50.75, net of refunds" in page.text
    assert "/receipts/delete" in page.forms
    assert len(await receipts(mixed)) == 4


async def test_all_receipts_are_deleted_after_confirmation(mixed: Client) -> None:
    page = await Visitor(mixed).submit("/receipts/delete", seen_on="/receipts/delete")

    assert page.status == 303
    assert page.answer.headers["location"] == "/"
    assert await stats(mixed) == totals()
    assert "No webhooks yet" in (await Visitor(mixed).get("/")).text


async def test_nothing_is_deleted_without_the_forms_token(mixed: Client) -> None:
    await mixed.get("/receipts/delete")

    answer = await mixed.post("/receipts/delete")

    assert answer.status_code == 403
    assert len(await receipts(mixed)) == 4


async def test_filters_are_in_the_url_and_kept_by_tabs_and_pages(mixed: Client) -> None:
    page = await Visitor(mixed).get("/", event_type="purchase.created", q="50.75")

    assert len(rows(page)) == 2
    assert "/?verdict=duplicate&event_type=purchase.created&q=50.75" in page.links
    assert page.values["q"] == ["50.75"]
    assert "/receipts/live?event_type=purchase.created&amp;q=50.75" in page.answer.text
    assert "all accepted duplicate ignored rejected" in page.text  # counts would be misleading


async def test_a_reason_is_a_filter(mixed: Client) -> None:
    page = await Visitor(mixed).get("/", reason="malformed_id")

    assert len(rows(page)) == 1
    assert page.links["/"] == "Show all"


async def test_an_unknown_event_type_can_be_a_filter(mixed: Client) -> None:
    page = await Visitor(mixed).get("/", event_type="purchase.gift")

    assert len(rows(page)) == 1
    assert '<option value="purchase.gift" selected>' in page.answer.text


async def test_hostile_filters_are_shown_as_text_and_find_nothing(mixed: Client) -> None:
    hostile = "\"><script>alert(1)</script>%_'"

    page = await Visitor(mixed).get("/", q=hostile, event_type=hostile)

    assert page.status == 200
    assert rows(page) == []
    assert "<script>alert" not in page.answer.text
    assert page.values["q"] == [hostile]


async def test_a_reason_that_does_not_exist_is_refused(mixed: Client) -> None:
    assert (await Visitor(mixed).get("/", reason="bad_luck")).status == 400


async def test_a_search_that_found_nothing_so_far_leads_on(
    mixed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriber_app.receiving.receipts.MAX_SEARCHED_RECEIPTS", 2)

    page = await Visitor(mixed).get("/", q="msg_bought")

    assert "No match in the newest receipts" in page.text
    [onwards] = [link for link, text in page.links.items() if text == "Search older receipts"]
    assert len(rows(await Visitor(mixed).get(onwards))) == 2


def typed(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


async def ids(client: Client) -> list[str]:
    """Return the ids of the receipts, newest first."""
    return [receipt["id"] for receipt in await receipts(client)]


def listed(page: Page) -> list[str]:
    return [link.removeprefix("/receipts/") for link in rows(page)]


async def test_a_period_shows_only_newer_receipts(subscribed: Client, clock: Clock) -> None:
    for wait in (timedelta(hours=20), timedelta(minutes=40), timedelta(minutes=10)):
        await deliver(subscribed, webhook_id=None)
        clock.pass_seconds(wait.total_seconds())
    visitor = Visitor(subscribed)

    counts = {
        period: len(rows(await visitor.get("/", period=period)))
        for period in ("15min", "hour", "day", "")
    }

    assert counts == {"15min": 1, "hour": 2, "day": 3, "": 3}


async def test_two_times_are_a_range_and_can_be_shared(subscribed: Client, clock: Clock) -> None:
    first = clock()
    for _ in range(4):
        await deliver(subscribed, webhook_id=None)
        clock.pass_seconds(10)
    since, until = typed(first + timedelta(seconds=5)), typed(first + timedelta(seconds=20))

    page = await Visitor(subscribed).get("/", verdict="rejected", since=since, until=until)

    assert listed(page) == (await ids(subscribed))[1:3]
    assert page.values["since"] == [since]
    encoded = f"since={since.replace(':', '%3A')}&until={until.replace(':', '%3A')}"
    assert f"/?verdict=accepted&{encoded}" in page.links
    assert (
        f"/receipts/live?verdict=rejected&amp;{encoded.replace('&', '&amp;')}" in page.answer.text
    )


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"until": "2026-02-30T12:00"}, {"period": "year"}]
)
async def test_an_invalid_time_is_refused(query: dict[str, str], subscribed: Client) -> None:
    assert (await Visitor(subscribed).get("/", **query)).status == 400


async def test_a_receipt_is_found_by_any_id_whole_or_by_its_beginning_or_end(
    subscribed: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"
    await deliver(subscribed, Delivery(message_id=f"msg_{digits}"))
    for _ in range(3):
        clock.pass_seconds(100)
        await deliver(subscribed, webhook_id=None)
    oldest = (await ids(subscribed))[-1]
    monkeypatch.setattr(
        "subscriber_app.receiving.receipts.MAX_SEARCHED_RECEIPTS", 2
    )  # does not apply to ids
    visitor = Visitor(subscribed)

    for text in (
        oldest,
        oldest[-8:],
        f"rcp_…{oldest[-8:]}",
        f"msg_{digits}",
        f"msg_{digits[:16]}",
        digits[-8:],
        f"msg_…{digits[-8:]}",
        "0193A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B",
    ):
        assert listed(await visitor.get("/", q=text)) == [oldest], text


async def test_an_inbox_that_holds_still_counts_what_has_come_since(mixed: Client) -> None:
    all_ids = await ids(mixed)
    visitor = Visitor(mixed)

    page = await visitor.get("/", newest=all_ids[2])
    narrow = await visitor.get("/", verdict="rejected", newest=all_ids[2])
    nonsense = await visitor.get("/", newest="rcp_nope")

    assert listed(page) == all_ids[2:]
    assert "2 new, show" in page.text
    assert f"/receipts/live?newest={all_ids[2]}" in page.answer.text
    assert "1 new, show" in narrow.text
    assert nonsense.status == 400


async def test_an_empty_result_offers_to_remove_each_filter(mixed: Client) -> None:
    page = await Visitor(mixed).get("/", verdict="accepted", reason="malformed_id")

    assert "No matching receipts" in page.text
    assert page.links["/?verdict=accepted"].strip() in {"accepted", "Any reason"}
    assert page.links["/"].strip() == "Show all receipts"
