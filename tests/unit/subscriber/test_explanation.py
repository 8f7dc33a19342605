"""The explanation agrees with the checks, and contains no secret."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.explaining.explanation import (
    MAX_SHOWN_LENGTH,
    CheckedValue,
    Explanation,
    explain,
)
from subscriber_app.receiving.keyring import KnownSecret
from subscriber_app.receiving.verification import IncomingRequest
from tests.integration.subscriber.signer import (
    NOW,
    OTHER_SECRET,
    OUR_URL,
    SECRET,
    SHOP_URL,
    Delivery,
    base64url,
    incoming,
    key_of,
    purchase,
)

RECEIVED_AT = datetime.fromtimestamp(NOW, UTC)
A_DAY = timedelta(days=1)
OURS = KnownSecret(SECRET, RECEIVED_AT - A_DAY)
EXPIRED = KnownSecret(OTHER_SECRET, RECEIVED_AT - 3 * A_DAY, RECEIVED_AT - A_DAY)

headers = st.lists(
    st.tuples(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "authorization"]),
        st.text(max_size=70)
        | st.sampled_from([value for _name, value in Delivery().headers()])
        | st.from_regex(r"(Bearer )?[\w=-]{0,20}(\.[\w=-]{0,20}){0,3}"),
    ),
    max_size=6,
)


def explained(
    request: IncomingRequest,
    keyring: Sequence[KnownSecret] = (OURS, EXPIRED),
    *,
    issuer: str | None = None,
) -> Explanation:
    return explain(
        request, received_at=RECEIVED_AT, audience=OUR_URL, keyring=keyring, issuer=issuer
    )


def wrong(judgments: Any) -> list[str]:
    return [each.name for each in judgments if each.is_valid is False]


def claim(found: Explanation, name: str) -> CheckedValue:
    assert found.token
    [judgment] = [each for each in found.token.claims if each.name == name]
    return judgment


def test_of_a_genuine_request_everything_is_valid() -> None:
    found = explained(incoming(Delivery()))

    assert found.signature
    assert found.token
    assert found.signature.is_valid
    assert wrong([*found.timestamp, *found.token.claims]) == []


def test_the_signed_content_is_id_timestamp_and_body() -> None:
    found = explained(incoming(Delivery(body=b"{}\n")))

    assert found.signature
    assert found.signature.signed == f"msg_1.{NOW}.{{}}\n".encode()


def test_each_signature_is_tried_against_each_secret() -> None:
    both = f"{Delivery(secret=OTHER_SECRET).signature} {Delivery().signature}"
    found = explained(incoming(Delivery(), webhook_signature=both))

    assert found.signature
    assert [(each.status, list(each.matches)) for each in found.signature.tried] == [
        ("valid", [False, True]),
        ("expired then", [True, False]),
    ]
    assert found.signature.is_valid


def test_an_expired_secret_matches_but_is_not_valid() -> None:
    found = explained(incoming(Delivery(secret=OTHER_SECRET)))

    assert found.signature
    assert found.signature.tried[1].matches == [True]
    assert not found.signature.is_valid
    assert claim(found, "signature").is_valid is False
    assert EXPIRED.fingerprint in claim(found, "signature").actual


def test_the_age_is_measured_at_arrival() -> None:
    found = explained(incoming(Delivery(timestamp=NOW - 301)))

    assert wrong(found.timestamp) == ["Age"]
    assert found.timestamp[0].actual == "301.0 s ago"


def test_every_wrong_claim_is_marked_with_its_value() -> None:
    strange = {"aud": "http://x", "jti": "msg_9", "iat": NOW - 1, "exp": NOW * 2}
    found = explained(incoming(Delivery(claims=strange)))

    assert found.token
    assert wrong(found.token.claims) == ["aud", "jti", "iat", "exp"]
    assert (claim(found, "aud").expected, claim(found, "aud").actual) == (OUR_URL, "http://x")
    assert claim(found, "iss").actual == SHOP_URL
    assert claim(found, "iss").is_valid is None


def test_the_issuer_is_checked_when_it_is_known() -> None:
    right = explained(incoming(Delivery()), issuer=SHOP_URL)
    foreign = explained(incoming(Delivery()), issuer="http://other.example")

    assert claim(right, "iss").is_valid is True
    assert claim(foreign, "iss").is_valid is False
    assert claim(foreign, "iss").expected == "http://other.example"


def test_optional_members_are_checked_only_if_present() -> None:
    strange = Delivery(claims={"nbf": NOW + 1}, token_header={"b64": False, "kid": "sec_1"})
    found = explained(incoming(strange))

    assert found.token
    assert wrong(found.token.claims) == ["b64", "nbf"]
    assert (claim(found, "kid").actual, claim(found, "kid").is_valid) == ("sec_1", None)
    usual = explained(incoming(Delivery())).token
    assert usual
    assert not {"b64", "crit", "nbf"} & {each.name for each in usual.claims}


def test_the_hash_of_another_body_is_wrong() -> None:
    found = explained(replace(incoming(Delivery()), body=purchase(1)))

    assert found.token
    assert wrong(found.token.claims) == ["payload_hash"]


def test_a_token_of_two_parts_is_not_decoded() -> None:
    assert explained(incoming(Delivery(), authorization="Bearer a.b")).token is None


def test_half_a_character_in_a_claim_breaks_no_page() -> None:
    found = explained(incoming(Delivery(claims={"aud": "\ud800"})))

    assert claim(found, "aud").actual.encode()


@pytest.mark.parametrize("depth", [13, 400, 900, 1200])
def test_a_deeply_nested_token_neither_breaks_nor_fills_the_page(depth: int) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    token = ".".join(map(base64url, [b"{}", nested.encode()])) + ".forged"

    found = explained(incoming(Delivery(), authorization=f"Bearer {token}"))

    if found.token:  # longer tokens are not parsed
        name, _sent, decoded = found.token.parts[1]
        assert name == "Claims"
        assert "too large to show" in decoded


@pytest.mark.parametrize("claim_name", ["iss", "aud", "jti", "iat", "exp", "payload_hash"])
def test_a_claim_of_any_kind_is_cut_to_what_is_shown(claim_name: str) -> None:
    for strange in (list(range(250)), "x" * 2000, 10**2000, {"a": [1]}, -1e308, True):
        found = explained(incoming(Delivery(claims={claim_name: strange})))

        assert len(claim(found, claim_name).actual) <= MAX_SHOWN_LENGTH + 1


def test_long_headers_are_cut_to_what_is_shown() -> None:
    long = "x" * 60_000

    found = explained(incoming(Delivery(), webhook_signature=long, webhook_id=long))

    assert found.signature
    assert [len(given) for given in found.signature.given] == [MAX_SHOWN_LENGTH + 1]
    assert len(claim(found, "jti").expected) == MAX_SHOWN_LENGTH + 1


def test_of_many_secrets_the_live_and_the_newest_ones_are_tried() -> None:
    others = [replace(EXPIRED, since=EXPIRED.since - timedelta(days=n)) for n in range(150)]

    found = explained(incoming(Delivery()), [*others, OURS])

    assert found.signature
    assert found.signature.is_valid
    assert len(found.signature.tried) == 20
    assert found.signature.untried == 131


@given(headers=headers, body=st.binary(max_size=40))
def test_an_explanation_never_raises_and_never_shows_a_secret(
    headers: list[tuple[str, str]], body: bytes
) -> None:
    shown = repr(explained(IncomingRequest(headers, body)))

    for secret in (SECRET, OTHER_SECRET):
        assert secret.removeprefix("whsec_") not in shown
        assert key_of(secret).hex() not in shown
        assert base64.urlsafe_b64encode(key_of(secret)).decode() not in shown


def test_the_repr_of_a_known_secret_does_not_show_it() -> None:
    assert SECRET.removeprefix("whsec_") not in f"{OURS} {OURS!r}"


def test_a_token_for_another_spelling_of_our_url_is_told_apart_whoever_signed_it() -> None:
    spelling = OUR_URL.replace("http", "HTTP")
    for_us = explained(incoming(Delivery()))
    for_another = explained(incoming(Delivery(audience="http://elsewhere.example/")))
    for_the_spelling = explained(incoming(Delivery(audience=spelling, secret=OTHER_SECRET)))

    assert for_us.other_spelling is None
    assert for_another.other_spelling is None
    assert for_the_spelling.other_spelling == spelling
