"""The fault form on the inbox."""

import re
from typing import Any

import pytest

from subscriber_app.faults import FaultMode
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver, receipts
from tests.pages import Visitor

SCRIPT = "<script>alert(1)</script>"


async def current_fault(subscriber: Client) -> dict[str, object]:
    fault: dict[str, object] = (await subscriber.get("/v1/faults")).json()
    return fault


async def test_the_inbox_offers_every_fault(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/")

    assert "Responses: normal" in page.text
    for mode in set(FaultMode) - {FaultMode.NONE}:
        assert f'<option value="{mode}"' in page.answer.text


async def test_it_fails_as_set_and_says_so_on_the_inbox(subscribed: Client) -> None:
    visitor = Visitor(subscribed)

    page = await visitor.submit("/faults", mode="status", status="503")

    assert page.status == 303
    assert page.answer.headers["location"] == "/"
    assert "Responses: 503 on purpose" in (await visitor.get("/")).text
    assert (await deliver(subscribed)).status_code == 503
    row = r"rejected Unread request , [^,]*(, [^,]*)? simulated_fault"
    assert re.search(row, (await visitor.get("/")).text)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"mode": "status", "status": "429", "retry_after": "5"},
            {"mode": "status", "status": 429, "retry_after": 5},
        ),
        (
            {"mode": "status", "status": "302", "location": "/x"},
            {"mode": "status", "status": 302, "location": "/x"},
        ),
        ({"mode": "slow", "seconds": "3"}, {"mode": "slow", "seconds": 3}),
        ({"mode": "never"}, {"mode": "never"}),
        ({"mode": "drop"}, {"mode": "drop"}),
        ({"mode": "accept_then_500"}, {"mode": "accept_then_500"}),
        (
            {"mode": "random", "percent": "30", "status": "503", "seed": "7"},
            {"mode": "random", "percent": 30, "status": 503, "seed": 7, "position": 0},
        ),
        (
            {"mode": "script", "script": "503  drop"},
            {"mode": "script", "script": "503 drop", "position": 0},
        ),
    ],
    ids=lambda fields: fields["mode"],
)
async def test_every_fault_can_be_set_by_the_form(
    fields: dict[str, str], fault: dict[str, Any], subscriber: Client
) -> None:
    # A browser sends all fields, including hidden ones with their values.
    untouched = {"status": "500", "seconds": "3", "percent": "30", "seed": "1", "script": "200"}

    page = await Visitor(subscriber).submit("/faults", **(untouched | fields))

    assert page.status == 303
    assert await current_fault(subscriber) == fault


async def test_it_goes_back_to_normal(subscribed: Client) -> None:
    visitor = Visitor(subscribed)
    await visitor.submit("/faults", mode="status", status="503")

    page = await visitor.submit("/faults", mode="none")

    assert page.status == 303
    assert await current_fault(subscribed) == {"mode": "none"}
    assert (await deliver(subscribed)).status_code == 200


async def test_the_used_up_part_of_a_script_is_struck_through(subscribed: Client) -> None:
    visitor = Visitor(subscribed)
    await visitor.submit("/faults", mode="script", script="503 429:5 500")

    await deliver(subscribed)
    on_the_way = await visitor.get("/")
    await deliver(subscribed)
    await deliver(subscribed)
    used_up = await visitor.get("/")

    assert "<s>503</s>" in on_the_way.answer.text
    assert '<strong aria-current="step">429:5</strong>' in on_the_way.answer.text
    assert (
        "the next webhook gets a 429 response, with Retry-After: 5: word 2 of 3" in on_the_way.text
    )
    assert used_up.answer.text.count("<s>") == 3
    assert "Failing on purpose" not in used_up.text
    assert "Responses: normal" in used_up.text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"mode": "script", "script": f"503 {SCRIPT}"}, f"‘{SCRIPT}’ is not a script word"),
        ({"mode": "script", "script": ""}, "Script must be 1 to 100 words"),
        ({"mode": "status", "status": "500", "retry_after": "5"}, "Retry_after needs"),
        ({"mode": "slow", "seconds": "soon"}, "Seconds must be a whole number"),
        ({"mode": "slow", "seconds": "61"}, "Seconds must be from 1 to 60."),
        ({"mode": "perhaps"}, "Choose a fault."),
        ({}, "Choose a fault."),
    ],
)
async def test_an_invalid_form_is_explained_and_keeps_the_input(
    fields: dict[str, str], problem: str, subscriber: Client
) -> None:
    page = await Visitor(subscriber).submit("/faults", **fields)

    assert page.status == 422
    assert problem in page.text
    assert all(page.scripts)  # none is inline
    for name in fields.keys() - {"mode"}:
        assert page.values[name] == [fields[name]]
    assert await current_fault(subscriber) == {"mode": "none"}


async def test_a_receipt_names_its_injected_fault(subscribed: Client) -> None:
    visitor = Visitor(subscribed)
    await visitor.submit("/faults", mode="accept_then_500")
    await deliver(subscribed)

    [receipt] = await receipts(subscribed)
    page = await visitor.get(f"/receipts/{receipt['id']}")

    assert "accepted answered with 500" in page.text
    assert "Fault on purpose: accept_then_500" in page.text
    row = r"purchase.created , [^,]*(, [^,]*)? 500 after booking"
    assert re.search(row, (await visitor.get("/")).text)


async def test_the_form_shows_the_fault_that_is_set(subscribed: Client) -> None:
    visitor = Visitor(subscribed)
    await visitor.submit("/faults", mode="script", script="503")
    await deliver(subscribed)

    page = await visitor.get("/")  # ended, but still in the form to be set again

    assert '<option value="script" selected>' in page.answer.text
    assert page.values["script"] == ["503"]
