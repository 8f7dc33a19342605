"""Properties of the verification, with random input and compared with other libraries."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.checklist import Checklist, VerificationError
from subscriber_app.receiving.verification import Expectation, IncomingRequest, verify
from subscriber_app.vocabulary import Result
from tests.integration.subscriber.signer import (
    NOW,
    OUR_URL,
    SECRET,
    SHOP_URL,
    Delivery,
    Headers,
    incoming,
    key_of,
)

EXPECTED = Expectation(secrets=[SECRET], audience=OUR_URL, now=NOW)
CREDENTIALS = ("webhook-signature", "authorization")
PROTECTED = ("webhook-id", "webhook-timestamp", *CREDENTIALS)


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


# At least 32 bytes: PyJWT warns about shorter keys.
secrets = st.binary(min_size=32, max_size=64).map(secret_of)
deliveries = st.builds(
    Delivery,
    body=st.binary(max_size=300),
    message_id=st.text("abcXYZ0189-_", min_size=1, max_size=128),
    timestamp=st.integers(NOW - 299, NOW + 300),
    secret=secrets,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
claims = st.dictionaries(
    st.sampled_from(["aud", "jti", "iat", "exp", "payload_hash", "iss"]), json_values
)
token_headers = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit"]), json_values)


def expected_of(delivery: Delivery) -> Expectation:
    return replace(EXPECTED, secrets=[delivery.secret])


def is_genuine(request: IncomingRequest, expected: Expectation = EXPECTED) -> bool:
    """Return whether the request is genuine. Any other exception fails the test."""
    try:
        verify(request, expected, Checklist())
    except VerificationError:
        return False
    return True


@given(delivery=deliveries)
def test_a_genuine_request_is_accepted_whatever_its_bytes(delivery: Delivery) -> None:
    checklist = Checklist()

    verify(incoming(delivery), expected_of(delivery), checklist)

    results = [step.result for step in checklist.steps]
    assert results == [Result.PASSED] * 6 + [Result.NOT_REACHED] * 3


@given(delivery=deliveries, body=st.text(max_size=100))
def test_we_accept_the_signatures_that_the_reference_library_makes(
    delivery: Delivery, body: str
) -> None:
    webhook = standardwebhooks.Webhook(delivery.secret)
    made_at = datetime.fromtimestamp(int(delivery.timestamp), UTC)

    signature = webhook.sign(delivery.message_id, made_at, body)

    request = incoming(replace(delivery, body=body.encode()), webhook_signature=signature)
    assert is_genuine(request, expected_of(delivery))


@given(delivery=deliveries)
def test_we_accept_the_tokens_that_pyjwt_accepts_and_makes(delivery: Delivery) -> None:
    key = key_of(delivery.secret)
    accepted = jwt.decode(
        delivery.token,
        key,
        algorithms=["HS256"],
        audience=OUR_URL,
        issuer=SHOP_URL,
        options={"verify_exp": False, "verify_iat": False},  # it uses the machine's clock
    )

    made = jwt.encode(accepted, key, algorithm="HS256", headers={"typ": "webhook+jwt"})

    assert is_genuine(incoming(delivery), expected_of(delivery))
    assert is_genuine(incoming(delivery, authorization=f"Bearer {made}"), expected_of(delivery))


@given(data=st.data(), delivery=deliveries)
def test_one_flipped_bit_in_signed_content_is_rejected(
    data: st.DataObject, delivery: Delivery
) -> None:
    genuine = incoming(delivery)

    changed = data.draw(with_a_flipped_bit(genuine, PROTECTED))

    assert not is_genuine(changed, expected_of(delivery))


@given(data=st.data(), delivery=deliveries, left_out=st.sampled_from(CREDENTIALS))
def test_each_credential_alone_notices_a_flipped_bit(
    data: st.DataObject, delivery: Delivery, left_out: str
) -> None:
    """With both, one could hide a hole in the other."""
    genuine = incoming(delivery, **{left_out.replace("-", "_"): None})
    assert is_genuine(genuine, expected_of(delivery))

    changed = data.draw(
        with_a_flipped_bit(genuine, [name for name in PROTECTED if name != left_out])
    )

    assert not is_genuine(changed, expected_of(delivery))


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from([*PROTECTED, "content-type", "content-encoding", "x"]),
            st.text(max_size=40)
            | st.sampled_from(list(dict(Delivery().headers()).values()))
            | st.from_regex(r"(Bearer )?[\w=-]{0,9}(\.[\w=-]{0,9}){0,3}"),
        ),
        max_size=8,
    ),
    body=st.binary(max_size=40),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_any_other_request_is_rejected_with_a_reason(
    headers: Headers, body: bytes, flags: tuple[bool, bool]
) -> None:
    assert not is_genuine(IncomingRequest(headers, body, *flags))


@given(changes=st.dictionaries(st.sampled_from(PROTECTED), st.text(max_size=60), min_size=1))
def test_any_other_text_in_a_header_is_rejected_with_a_reason(changes: dict[str, str]) -> None:
    fields: dict[str, Any] = {name.replace("-", "_"): text for name, text in changes.items()}

    assert not is_genuine(incoming(Delivery(), **fields))


@given(claims=claims, header=token_headers)
def test_any_claims_even_with_our_own_secret_are_checked_without_a_crash(
    claims: dict[str, Any], header: dict[str, Any]
) -> None:
    strange = Delivery(claims=claims, token_header=header)

    assert is_genuine(incoming(strange)) in {True, False}


@st.composite
def with_a_flipped_bit(
    draw: st.DrawFn, request: IncomingRequest, headers: Sequence[str]
) -> IncomingRequest:
    """Return the request with one flipped bit in the body or one of these headers."""
    where = draw(st.sampled_from(["body", *headers] if request.body else headers))
    if where == "body":
        return replace(request, body=draw(flipped(request.body)))
    value = request.header(where) or ""
    # The scheme is not signed, and is case-insensitive.
    scheme = "Bearer " if where == "authorization" else ""
    flipped_part = draw(flipped(value.removeprefix(scheme).encode())).decode("latin-1")
    changed = {**dict(request.headers), where: scheme + flipped_part}
    return replace(request, headers=list(changed.items()))


def flipped(raw: bytes) -> st.SearchStrategy[bytes]:
    bits = st.integers(0, len(raw) * 8 - 1)
    return bits.map(lambda bit: (int.from_bytes(raw) ^ (1 << bit)).to_bytes(len(raw)))
