"""The attack desk, the result of an attack, and the editor."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.lab.attacks import Attack
from subscriber_app.receiving.defences import Defence
from tests.integration.subscriber.conftest import (
    Client,
    Clock,
    remember_subscription,
    running,
    served_subscriber,
)
from tests.integration.subscriber.desk import attack, follow, post, switch_off, verdict_of
from tests.integration.subscriber.requests import deliver, send, stats
from tests.integration.subscriber.signer import FORMER_SECRET, NOW, Delivery, purchase
from tests.pages import Visitor, read_page

HOSTILE = "<script>alert(1)</script> {{7*7}} \"'&amp;"
GENUINE = "\n".join(f"{name}: {value}" for name, value in Delivery().headers())


@pytest.fixture
async def subscriber(tmp_path: Path, clock: Clock) -> AsyncIterator[Client]:
    async with served_subscriber(tmp_path, clock) as (client, _settings):
        yield client


async def booked(subscriber: Client) -> str:
    answer = await deliver(subscriber)
    return str(answer.json()["receipt_id"])


async def test_a_receipt_offers_every_attack_with_its_prediction(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)

    page = await Visitor(subscriber).get(f"/receipts/{receipt_id}")

    for each in Attack:
        assert f"/receipts/{receipt_id}/attacks/{each.value}" in page.forms
    assert "Prediction rejected timestamp_too_old" in page.text
    assert "Prediction duplicate" in page.text


async def test_a_replay_of_a_request_with_an_older_live_secret_goes_as_predicted(
    subscriber: Client, clock: Clock
) -> None:
    older = Delivery(secret=FORMER_SECRET)
    receipt_id = (await deliver(subscriber, older)).json()["receipt_id"]

    fresh = await attack(subscriber, receipt_id, Attack.REPLAY)
    clock.pass_seconds(24 * 3600)
    await switch_off(subscriber, {Defence.TIMESTAMP})
    late = await attack(subscriber, receipt_id, Attack.REPLAY)

    assert await verdict_of(subscriber, fresh.receipt_id) == ("duplicate", None)
    assert await verdict_of(subscriber, late.receipt_id) == ("rejected", "signature_mismatch")
    assert fresh.as_predicted
    assert late.as_predicted


async def test_an_attack_leaves_a_receipt_and_shows_its_result(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)

    result = await attack(subscriber, receipt_id, Attack.AMOUNT)

    assert "Prediction rejected signature_mismatch Verdict rejected signature_mismatch" in (
        result.page.text
    )
    assert f"/receipts/{result.receipt_id}" in result.page.links
    assert await verdict_of(subscriber, result.receipt_id) == ("rejected", "signature_mismatch")
    assert (await stats(subscriber))["revenue_cents"] == 5075


async def test_an_attack_that_succeeds_shows_the_money(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)
    await switch_off(subscriber, {Defence.SIGNATURE})

    result = await attack(subscriber, receipt_id, Attack.AMOUNT)

    assert "The attack succeeded $9,999.99 was booked" in result.page.text
    assert "Signature check (off)" in result.page.text
    assert (await stats(subscriber))["revenue_cents"] == 5075 + 999_999


async def test_a_fault_is_part_of_the_prediction(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)
    await subscriber.put("/v1/faults", json={"mode": "status", "status": 503})

    result = await attack(subscriber, receipt_id, Attack.REPLAY)

    assert result.as_predicted
    assert await verdict_of(subscriber, result.receipt_id) == ("rejected", "simulated_fault")


@pytest.mark.parametrize("fault", [{"mode": "drop"}, {"mode": "status", "status": 304}], ids=str)
async def test_an_attack_without_a_response_is_judged_by_its_receipt(
    fault: dict[str, object], subscriber: Client
) -> None:
    receipt_id = await booked(subscriber)
    (await subscriber.put("/v1/faults", json=fault)).raise_for_status()

    result = await attack(subscriber, receipt_id, Attack.AMOUNT)

    assert result.as_predicted
    assert await verdict_of(subscriber, result.receipt_id) == ("rejected", "simulated_fault")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], b""),
        ([("content-type", "text/plain")], b"hello"),
        ([("webhook-id", "a.b"), ("content-type", "application/json")], b"{}"),
        (Delivery().headers(webhook_signature="v1,x"), Delivery().body),
        (Delivery().headers(user_agent="Zo\xeb \xff"), Delivery().body),
        (Delivery(body=b'{"event":{"type":"new"}}').headers(), b'{"event":{"type":"new"}}'),
        (Delivery(body=b'{"value": 1}').headers(), b'{"value": 1}'),
        (Delivery().headers() * 2, Delivery().body),
    ],
    ids=["nothing", "text", "bad id", "bad signature", "latin", "unknown", "no event", "twice"],
)
async def test_on_any_receipt_every_attack_that_is_possible_goes_as_predicted(
    headers: list[tuple[str, str]], body: bytes, subscriber: Client
) -> None:
    sent = await subscriber.post(
        "/v1/new-purchase",
        content=body,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers],
    )
    receipt_id = sent.json()["receipt_id"]
    page = await Visitor(subscriber).get(f"/receipts/{receipt_id}")

    for each in Attack:
        if f"/receipts/{receipt_id}/attacks/{each.value}" in page.forms:
            result = await attack(subscriber, receipt_id, each)
            assert result.as_predicted, each
        else:
            refused = await post(subscriber, f"/receipts/{receipt_id}/attacks/{each.value}")
            assert refused.status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/receipts/rcp_0/attacks/replay", "/receipts/rcp_0/editor", "/receipts/%00/attacks/replay"],
)
async def test_an_unknown_receipt_cannot_be_attacked(path: str, subscriber: Client) -> None:
    assert (await post(subscriber, path)).status_code == 404


async def test_an_unknown_attack_is_not_found(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)

    for name in ("nonsense", "REPLAY", "%3Cb%3E"):
        answer = await post(subscriber, f"/receipts/{receipt_id}/attacks/{name}")
        assert answer.status_code == 404


async def test_a_receipt_of_no_attack_has_no_result(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)

    for each in (receipt_id, "rcp_0", "%FF"):
        assert (await subscriber.get(f"/attacks/{each}")).status_code == 404


async def test_nothing_is_sent_without_the_forms_token(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)
    await subscriber.get("/")

    for path in ("attacks/replay", "editor"):
        answer = await subscriber.post(f"/receipts/{receipt_id}/{path}", data={"action": "send"})
        assert answer.status_code == 403
    assert (await stats(subscriber))["receipts"]["duplicate"] == 0


async def test_deleting_all_receipts_deletes_the_attacks(subscriber: Client) -> None:
    result = await attack(subscriber, await booked(subscriber), Attack.REPLAY)

    deleted = await subscriber.delete("/v1/receipts")

    assert deleted.status_code == 204
    assert (await subscriber.get(f"/attacks/{result.receipt_id}")).status_code == 404


async def test_the_editor_shows_the_request_and_valid_credentials_for_changes(
    subscriber: Client,
) -> None:
    receipt_id = await booked(subscriber)
    changed = purchase(1.0, note="Zoë 🪝\n")

    answer = await post(
        subscriber,
        f"/receipts/{receipt_id}/editor",
        headers=GENUINE,
        body=changed.decode(),
        action="compute",
    )

    page = read_page(answer)
    assert page.status == 200
    assert Delivery(body=changed).signature in page.text
    assert "Prediction: rejected signature_mismatch" in page.text


async def test_a_request_signed_in_the_editor_is_accepted(subscriber: Client, clock: Clock) -> None:
    receipt_id = await booked(subscriber)
    clock.pass_seconds(1000)
    path = f"/receipts/{receipt_id}/editor"
    fresh = Delivery(message_id="msg_by_hand", timestamp=NOW + 1000, body=purchase(3.5))

    signed = await post(
        subscriber,
        path,
        headers="content-type: application/json\r\nwebhook-id: msg_by_hand",
        body=fresh.body.decode(),
        action="sign",
    )
    assert fresh.signature in signed.text
    sent = await post(
        subscriber,
        path,
        headers="\r\n".join(f"{name}: {value}" for name, value in fresh.headers()),
        body=fresh.body.decode(),
        action="send",
    )

    result = await follow(subscriber, sent)
    assert result.as_predicted
    assert await verdict_of(subscriber, result.receipt_id) == ("accepted", None)
    assert (await stats(subscriber))["revenue_cents"] == 5075 + 350


async def test_bytes_that_cannot_be_typed_are_edited_in_hex(subscriber: Client) -> None:
    raw = b"\xff\x00\r\n"
    receipt_id = (await send(subscriber, [], raw)).json()["receipt_id"]
    path = f"/receipts/{receipt_id}/editor"

    page = await Visitor(subscriber).get(path)
    sent = await post(
        subscriber, path, headers="", body="ff 00 0d0a\r\n01", form="hex", action="send"
    )

    assert "Body, in hex" in page.text
    assert "ff 00 0d 0a" in page.text
    result = await follow(subscriber, sent)
    shown = await Visitor(subscriber).get(f"/receipts/{result.receipt_id}")
    assert "ff 00 0d 0a 01" in shown.text


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ("no colon", "is not written as name: value"),
        (": empty", "is not written as name: value"),
        ("na me: x", "is not written as name: value"),
        ("näme: x", "is not written as name: value"),
        ("x: \x00", "holds a character that HTTP does not allow"),
        ("x: a\rb", "holds a character that HTTP does not allow"),
        ("x: 🪝", "holds a character that HTTP does not allow"),
        ("Host: example.com", "is set by the connection"),
        ("content-length: 9", "is set by the connection"),
        ("Transfer-Encoding: chunked", "is set by the connection"),
        ("x: y\n" * 61, "more than 60 headers"),
        (f"x: {'y' * 17_000}", "longer than 16384 characters"),
    ],
)
async def test_headers_that_cannot_be_sent_are_refused_and_shown_again(
    headers: str, problem: str, subscriber: Client
) -> None:
    receipt_id = await booked(subscriber)

    answer = await post(
        subscriber,
        f"/receipts/{receipt_id}/editor",
        headers=headers,
        body=HOSTILE,
        action="send",
    )

    page = read_page(answer)
    assert page.status == 422
    assert problem in page.text
    assert HOSTILE in page.text
    assert all(page.scripts)
    assert sum((await stats(subscriber))["receipts"].values()) == 1


@pytest.mark.parametrize(
    ("body", "form"),
    [("x" * 262_145, "text"), ("0" * 524_290, "hex"), ("0", "hex"), ("zz", "hex")],
    ids=["large", "large in hex", "half a byte", "no hex"],
)
async def test_a_body_that_cannot_be_sent_is_refused(
    body: str, form: str, subscriber: Client
) -> None:
    receipt_id = await booked(subscriber)

    answer = await post(
        subscriber,
        f"/receipts/{receipt_id}/editor",
        headers="",
        body=body,
        form=form,
        action="send",
    )

    assert answer.status_code == 422


@pytest.mark.parametrize("content", [b"", b"headers=%FF&body=%ED%A0%80&action=send", b"action=%00"])
async def test_the_editor_handles_any_input(content: bytes, subscriber: Client) -> None:
    receipt_id = await booked(subscriber)
    await subscriber.get("/")
    [token] = [value for name, value in subscriber.cookies.items() if "csrf" in name]

    answer = await subscriber.post(
        f"/receipts/{receipt_id}/editor",
        content=b"_csrf_token=" + token.encode() + b"&" + content,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code < 500


async def test_an_unreachable_receiver_is_an_error_page(settings: Settings, clock: Clock) -> None:
    """Nothing listens at the URL of this subscriber."""
    nowhere = settings.model_copy(update={"port": 1})
    async with running(create_app(nowhere, now=clock)) as unreachable:
        await remember_subscription(nowhere, clock())
        receipt_id = await booked(unreachable)

        answer = await post(unreachable, f"/receipts/{receipt_id}/attacks/replay")

    assert answer.status_code == 502
    assert "The receiver sent no response" in answer.text


async def test_an_attack_sent_twice_by_a_double_click_is_one_attack(subscriber: Client) -> None:
    receipt_id = await booked(subscriber)
    page = await Visitor(subscriber).get(f"/receipts/{receipt_id}")
    fields = {name: page.values[name][-1] for name in ("_csrf_token", "_nonce")}
    address = f"/receipts/{receipt_id}/attacks/{Attack.REPLAY.value}"

    answers = await asyncio.gather(
        *[subscriber.post(address, data=fields, follow_redirects=False) for _click in range(2)]
    )

    assert len({answer.headers["location"] for answer in answers}) == 1
    assert sum((await stats(subscriber))["receipts"].values()) == 2
