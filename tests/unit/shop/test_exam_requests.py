"""The requests of the exam as bytes, their credentials, and how they are shown."""

import base64
import subprocess

import jwt
import pytest

from shop.exam.case import Scheme
from shop.exam.crafting import ATTACKERS_SECRET, Message, Signer
from shop.exam.curl import as_curl
from shop.exam.wire import Framing, WebhookRequest, decode_chunks, parse_head
from shop.webhooks.rules.signing import LiveSecret, decode_secret
from shop.webhooks.rules.urls import parse_url
from tests.raw_receiver import running_raw_receiver

SECRET = (
    "whsec_"
    + base64.b64encode(b"a secret of the receiver, of 64 bytes, as HS512 recommends: ----").decode()
)
URL = parse_url("http://127.0.0.1:9000/hook?a=%7E")
MESSAGE = Message("msg_1", 1719750896, b'{"event":{"value":50.75}}')


def signer(scheme: Scheme = Scheme.BOTH, *secrets: str) -> Signer:
    live = tuple(LiveSecret(f"sec_{n}", each) for n, each in enumerate(secrets or (SECRET,)))
    return Signer(live, "http://127.0.0.1:8000", "http://127.0.0.1:9000/hook", scheme)


def test_the_head_keeps_the_target_and_the_names_of_the_headers() -> None:
    request = WebhookRequest((("WeBhOoK-Id", "msg_1"),), b"abc")

    assert request.head(URL) == (
        b"POST /hook?a=%7E HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nWeBhOoK-Id: msg_1\r\n"
        b"Connection: close\r\nContent-Length: 3\r\n\r\n"
    )


def test_a_chunked_body_is_the_same_body_in_several_chunks() -> None:
    request = WebhookRequest((), bytes(range(200)), framing=Framing.CHUNKED)

    assert b"Content-Length" not in request.head(URL)
    assert request.framed_body().startswith(b"40\r\n")
    assert decode_chunks(request.framed_body()) == request.body


@pytest.mark.parametrize("raw", [b"", b"zz\r\nabc", b"-1\r\nabc", b"5\r\nab"])
def test_broken_chunks_end_the_body(raw: bytes) -> None:
    assert decode_chunks(raw) in (b"", b"ab", b"a")


@pytest.mark.parametrize("head", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\r\n\r\n"])
def test_what_is_not_http_is_no_response(head: bytes) -> None:
    with pytest.raises(ValueError, match="does not begin"):
        parse_head(head)


def test_each_scheme_has_its_credentials() -> None:
    def credentials(scheme: Scheme) -> list[str]:
        names = [name for name, _ in signer(scheme).genuine(MESSAGE).headers]
        return [name for name in names if name in ("webhook-signature", "Authorization")]

    assert credentials(Scheme.STANDARD) == ["webhook-signature"]
    assert credentials(Scheme.TOKEN) == ["Authorization"]
    assert credentials(Scheme.BOTH) == ["webhook-signature", "Authorization"]


def test_a_token_differs_only_in_what_was_asked_for() -> None:
    token = signer().token(MESSAGE, claims={"aud": "other"}, alg="HS512")

    claims = jwt.decode(
        token,
        decode_secret(SECRET),
        algorithms=["HS512"],
        audience="other",
        options={"verify_exp": False},
    )
    assert (claims["jti"], claims["exp"]) == ("msg_1", MESSAGE.timestamp + 300)


def test_a_token_without_a_signature_says_so() -> None:
    token = signer().token(MESSAGE, alg="none")

    assert jwt.get_unverified_header(token)["alg"] == "none"
    assert token.endswith(".")


def test_the_attacker_has_another_secret() -> None:
    forged = signer().with_secret(ATTACKERS_SECRET).genuine(MESSAGE)
    right = signer().genuine(MESSAGE)

    assert forged.header("webhook-signature") != right.header("webhook-signature")
    assert forged.header("webhook-id") == right.header("webhook-id")


@pytest.mark.parametrize(
    "body", [b'{"a":1}', b"", b"\xff\x00'\"\n", "é $HOME `id`".encode(), b"@/etc/hostname"]
)
def test_the_shown_curl_command_sends_the_same_bytes(body: bytes) -> None:
    with running_raw_receiver() as receiver:
        request = WebhookRequest((("webhook-id", "it's"), ("webhook-signature", "")), body)
        command = as_curl(f"{receiver.url}/hook?x=[1]", request)

        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=10)

    [(_connection, sent)] = receiver.requests
    head, _, sent_body = sent.partition(b"\r\n\r\n")
    assert sent_body == body
    assert b"webhook-id: it's" in head
    assert b"\r\nwebhook-signature:" in head
