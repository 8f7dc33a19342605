"""The right receivers serve: they accept what is genuine, do its work once, and reject the rest."""

import time
from collections.abc import Iterator

import httpx
import pytest

from shop.webhooks.rules.signing import LiveSecret, SignedContent, generate_secret, signing_headers
from tests.receivers.running import FOLDER, Receiver, running, why_not

RIGHT = sorted(f"right/{path.stem}" for path in (FOLDER / "right").glob("*.*"))
SECRET = generate_secret()
BODY = b'{"event":{"type":"purchase.created","value":50.75,"order_id":"ord_1"}}'
JUNK = (b"", b"[", b"[1]", b'"text"', b'{"event": 1}', b"\xff")


@pytest.fixture(scope="module", params=[*RIGHT, "stock"])
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


def probe(receiver: Receiver, message_id: str) -> object:
    with httpx.Client(trust_env=False) as sender:
        return sender.get(receiver.probe_url, params={"message_id": message_id}).json()


def test_it_accepts_a_genuine_webhook_twice_and_does_its_work_once(receiver: Receiver) -> None:
    headers = signed_headers(receiver, "msg_twice", BODY)

    assert [post(receiver, headers, BODY), post(receiver, headers, BODY)] == [204, 204]

    if receiver.name != "stock":
        assert probe(receiver, "msg_twice") == {"times": 1, "value": 50.75}


def test_it_rejects_a_forged_webhook(receiver: Receiver) -> None:
    headers = signed_headers(receiver, "msg_forged", BODY)
    without_credential = {"Content-Type": "application/json"}

    assert post(receiver, headers, BODY.replace(b"50.75", b"50.76")) in {400, 401}
    assert post(receiver, without_credential, BODY) in {400, 401}


def test_it_still_serves_after_signed_junk(receiver: Receiver) -> None:
    statuses = {post(receiver, signed_headers(receiver, "msg_junk", junk), junk) for junk in JUNK}
    headers = signed_headers(receiver, "msg_after_junk", BODY)

    assert statuses <= ({400, 401, 204} if receiver.name == "stock" else {400, 401})
    assert post(receiver, headers, BODY) == 204
