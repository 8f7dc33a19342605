"""The right receivers serve: they accept what is genuine, do its work once, and reject the rest."""

import time
from collections.abc import Iterator

import httpx
import pytest

from shop.exam.cases import ALL_CASES
from shop.webhooks.rules.signing import LiveSecret, SignedContent, generate_secret, signing_headers
from tests.receivers.examining import OUR_SUBSCRIBER, STOCK
from tests.receivers.manifest import RIGHT, WRONG
from tests.receivers.running import FOLDER, Receiver, running, why_not

RIGHT_PROGRAMS = sorted(f"right/{path.stem}" for path in (FOLDER / "right").glob("*.*"))
WRONG_PROGRAMS = {path.stem for path in (FOLDER / "wrong").glob("*.*")}
SECRET = generate_secret()
BODY = b'{"event":{"type":"purchase.created","value":50.75,"order_id":"ord_1"}}'
JUNK = (b"", b"[", b"[1]", b'"text"', b'{"event": 1}', b"\xff")


@pytest.fixture(scope="module", params=[*RIGHT_PROGRAMS, STOCK])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    with running(request.param, SECRET) as receiver:
        yield receiver


def signed_headers(receiver: Receiver, message_id: str, body: bytes) -> dict[str, str]:
    content = SignedContent(message_id, int(time.time()), body)
    live = [LiveSecret("sec_1", SECRET)]
    headers = signing_headers(content, live, issuer="http://shop", audience=receiver.url)
    return headers | {"Content-Type": "application/json"}


def post(receiver: Receiver, headers: dict[str, str], body: bytes) -> int:
    with httpx.Client(trust_env=False) as sender:
        return sender.post(receiver.url, content=body, headers=headers).status_code


def probe(receiver: Receiver, **query: str) -> object:
    with httpx.Client(trust_env=False) as sender:
        return sender.get(receiver.probe_url, params=query).json()


def test_it_accepts_a_genuine_webhook_twice_and_does_its_work_once(receiver: Receiver) -> None:
    headers = signed_headers(receiver, "msg_twice", BODY)

    assert [post(receiver, headers, BODY), post(receiver, headers, BODY)] == [204, 204]

    if receiver.name != STOCK:
        assert probe(receiver, message_id="msg_twice") == {"times": 1, "value": 50.75}
        assert probe(receiver, order_id="ord_1") == {"state": "created"}


def test_it_rejects_a_forged_webhook(receiver: Receiver) -> None:
    headers = signed_headers(receiver, "msg_forged", BODY)
    without_credential = {"Content-Type": "application/json"}

    assert post(receiver, headers, BODY.replace(b"50.75", b"50.76")) in {400, 401}
    assert post(receiver, without_credential, BODY) in {400, 401}


def test_it_still_serves_after_signed_junk(receiver: Receiver) -> None:
    statuses = {post(receiver, signed_headers(receiver, "msg_junk", junk), junk) for junk in JUNK}
    headers = signed_headers(receiver, "msg_after_junk", BODY)

    assert statuses <= ({400, 401, 204} if receiver.name == STOCK else {400, 401})
    assert post(receiver, headers, BODY) == 204


def test_the_manifest_lists_every_receiver() -> None:
    assert set(RIGHT) == {*RIGHT_PROGRAMS, OUR_SUBSCRIBER}
    assert set(WRONG) == WRONG_PROGRAMS


def test_every_case_that_the_manifest_names_is_a_case_of_the_exam() -> None:
    cases = {case.name for case in ALL_CASES}

    assert {name for wrong in WRONG.values() for name in wrong.fails} <= cases
