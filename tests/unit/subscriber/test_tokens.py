"""The rules for bearer tokens, one change at a time, signed with our own secret if possible."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from subscriber_app.checklist import VerificationError
from subscriber_app.receiving.tokens import TokenExpectation, check_token, is_signed_by
from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.signer import (
    NOW,
    OTHER_SECRET,
    OUR_URL,
    SECRET,
    SHOP_URL,
    Delivery,
    base64url,
    key_of,
    signed_token,
)

HEADER = '{"alg":"HS256","typ":"webhook+jwt"}'


def expected(now: float = NOW) -> TokenExpectation:
    delivery = Delivery()
    return TokenExpectation(
        is_signed=lambda signed, signature: is_signed_by(signed, signature, [key_of(SECRET)]),
        audience=OUR_URL,
        message_id=delivery.message_id,
        timestamp=NOW,
        body=delivery.body,
        now=now,
        issuer=SHOP_URL,
    )


def reason_of(token: str, now: float = NOW) -> Reason:
    with pytest.raises(VerificationError) as caught:
        check_token(token, expected(now))
    return caught.value.reason


def with_claims(**claims: object) -> str:
    return Delivery(claims=claims).token


def with_header(**members: object) -> str:
    return Delivery(token_header=members).token


def test_a_genuine_token_is_accepted() -> None:
    assert "HS256" in check_token(Delivery().token, expected()).detail


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "HS384", "RS256", "hs256", None, 1])
def test_only_hs256_is_accepted(algorithm: object) -> None:
    assert reason_of(with_header(alg=algorithm)) is Reason.TOKEN_ALGORITHM


@pytest.mark.parametrize("type_", ["JWT", "at+jwt", "WEBHOOK+JWT", None, ["webhook+jwt"]])
def test_only_our_own_type_is_accepted(type_: object) -> None:
    assert reason_of(with_header(typ=type_)) is Reason.TOKEN_TYPE


def test_an_unsupported_critical_header_is_rejected() -> None:
    assert reason_of(with_header(crit=["b64"], b64=False)) is Reason.MALFORMED_TOKEN
    assert reason_of(with_header(crit=[])) is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize("b64", [False, True, None])
def test_a_header_with_b64_is_rejected(b64: object) -> None:
    assert reason_of(with_header(b64=b64)) is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_json_in_another_encoding_than_utf_8_is_rejected(encoding: str) -> None:
    claims = base64.urlsafe_b64decode(parts()[1] + "==").decode()

    token = signed_token(HEADER, claims, SECRET, encoding=encoding)

    assert reason_of(token) is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize("not_before", [None, 0, NOW - 300, NOW])
def test_a_token_that_is_valid_by_now_is_accepted(not_before: int | None) -> None:
    check_token(with_claims(nbf=not_before), expected())


@pytest.mark.parametrize("member", ["kid", "jku", "jwk", "x5u"])
def test_key_sources_in_a_token_are_ignored(member: str) -> None:
    check_token(with_header(**{member: "../../dev/null"}), expected())


def test_a_token_of_another_secret_is_rejected() -> None:
    assert reason_of(Delivery(secret=OTHER_SECRET).token) is Reason.TOKEN_SIGNATURE


def test_a_signature_with_another_hash_is_rejected() -> None:
    claims = Delivery().token.split(".")[1]
    text = base64.urlsafe_b64decode(claims + "==").decode()

    assert reason_of(signed_token(HEADER, text, SECRET, digest="sha384")) is Reason.TOKEN_SIGNATURE


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": None}, Reason.TOKEN_LIFETIME),
        ({"exp": str(NOW + 300)}, Reason.TOKEN_LIFETIME),
        ({"exp": NOW + 300.0}, Reason.TOKEN_LIFETIME),
        ({"exp": True}, Reason.TOKEN_LIFETIME),
        ({"exp": NOW + 301}, Reason.TOKEN_LIFETIME),
        ({"exp": NOW}, Reason.TOKEN_LIFETIME),
        ({"exp": 10**2000}, Reason.TOKEN_LIFETIME),
        ({"iat": None}, Reason.TOKEN_LIFETIME),
        ({"iat": float(NOW)}, Reason.TOKEN_LIFETIME),
        ({"iat": NOW + 1}, Reason.TOKEN_TIMESTAMP),
        ({"iat": 10**2000}, Reason.TOKEN_TIMESTAMP),
        ({"nbf": NOW + 1}, Reason.TOKEN_NOT_YET_VALID),
        ({"nbf": 10**2000}, Reason.TOKEN_NOT_YET_VALID),
        ({"nbf": str(NOW)}, Reason.TOKEN_LIFETIME),
        ({"nbf": float(NOW)}, Reason.TOKEN_LIFETIME),
        ({"nbf": True}, Reason.TOKEN_LIFETIME),
        ({"iss": "http://other.example"}, Reason.TOKEN_ISSUER),
        ({"iss": None}, Reason.TOKEN_ISSUER),
        ({"iss": [SHOP_URL]}, Reason.TOKEN_ISSUER),
        ({"aud": None}, Reason.TOKEN_AUDIENCE),
        ({"aud": f"{OUR_URL}/"}, Reason.TOKEN_AUDIENCE),
        ({"aud": [OUR_URL]}, Reason.TOKEN_AUDIENCE),
        ({"jti": None}, Reason.TOKEN_MESSAGE_ID),
        ({"jti": "MSG_1"}, Reason.TOKEN_MESSAGE_ID),
        ({"payload_hash": None}, Reason.TOKEN_PAYLOAD_HASH),
        ({"payload_hash": hashlib.sha256(b"").hexdigest()}, Reason.TOKEN_PAYLOAD_HASH),
        ({"payload_hash": {"sha256": "…"}}, Reason.TOKEN_PAYLOAD_HASH),
    ],
)
def test_a_wrong_claim_is_named_even_with_our_own_secret(
    claims: dict[str, object], reason: Reason
) -> None:
    assert reason_of(with_claims(**claims)) is reason


def test_a_token_expires_at_the_second_of_exp() -> None:
    """RFC 7519, section 4.1.4: not on or after ``exp``. A signature is valid for the full 300 s."""
    check_token(Delivery().token, expected(now=NOW + 299))

    assert reason_of(Delivery().token, now=NOW + 300) is Reason.TOKEN_EXPIRED
    assert reason_of(with_claims(exp=NOW + 10), now=NOW + 11) is Reason.TOKEN_EXPIRED


def parts() -> list[str]:
    return Delivery().token.split(".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        ".".join(parts()[:2]),
        ".".join([*parts(), ""]),
        f"{Delivery().token}=",
        f" {Delivery().token}",
        f"{Delivery().token}\n",
        ".".join([f"{parts()[0]}=", *parts()[1:]]),
        ".".join(["é", *parts()[1:]]),
        ".".join(["A", *parts()[1:]]),
        ".".join([base64url(b"\xff"), *parts()[1:]]),
        ".".join([base64url(b"[]"), *parts()[1:]]),
        ".".join([base64url(b"[" * 1500), *parts()[1:]]),
        ".".join([base64url(b'{"alg":"none","alg":"HS256"}'), *parts()[1:]]),
        with_claims(note="x" * 4000),
    ],
    ids=lambda token: token[:12].encode("unicode_escape").decode(),
)
def test_a_token_must_have_three_parts_in_base64url(token: str) -> None:
    assert reason_of(token) is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize(
    "claims", ["[]", '{"x":NaN}', '{"x":-Infinity}', '{"jti":1,"jti":2}', "nonsense", "[" * 1500]
)
def test_claims_that_are_not_an_object_are_rejected_even_with_our_own_secret(claims: str) -> None:
    assert reason_of(signed_token(HEADER, claims, SECRET)) is Reason.MALFORMED_TOKEN


def test_an_empty_signature_is_rejected() -> None:
    header, claims, _signature = parts()

    assert reason_of(f"{header}.{claims}.") is Reason.TOKEN_SIGNATURE


def test_a_changed_unused_bit_in_the_signature_is_rejected() -> None:
    """Only four bits of the last character are used; a lenient decoder ignores the other two."""
    header, claims, signature = parts()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    altered = signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1]
    assert base64.urlsafe_b64decode(f"{altered}=") == base64.urlsafe_b64decode(f"{signature}=")

    assert reason_of(f"{header}.{claims}.{altered}") is Reason.TOKEN_SIGNATURE


def test_quoted_values_of_a_token_are_short() -> None:
    claims: dict[str, Any] = {"aud": "\x00" + "x" * 1000}

    with pytest.raises(VerificationError) as caught:
        check_token(with_claims(**claims), expected())

    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 250


def test_any_of_several_keys_may_have_signed() -> None:
    signature = base64url(hmac.digest(b"two", json.dumps("text").encode(), "sha256"))

    assert is_signed_by('"text"', signature, [b"one", b"two"])
    assert not is_signed_by('"text"', signature, [b"one"])
    assert not is_signed_by('"text"', signature, [])
