import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import standardwebhooks

from shop.webhooks.rules.signing import (
    LiveSecret,
    SignedContent,
    bearer_token,
    generate_secret,
    signature,
    signing_headers,
)

DATA = Path(__file__).parents[2] / "data"
SIGNATURES = json.loads((DATA / "standard_webhooks_v1.json").read_text())["vectors"]
TOKENS = json.loads((DATA / "bearer_token.json").read_text())["vectors"]

SHOP = "http://127.0.0.1:8000"
ENDPOINT = "http://127.0.0.1:8001/v1/new-purchase"


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


@pytest.mark.parametrize("vector", SIGNATURES, ids=name_of)
def test_signatures_match_the_known_answers(vector: dict[str, Any]) -> None:
    body = base64.b64decode(vector["body_base64"])
    content = SignedContent(vector["id"], int(vector["timestamp"]), body)

    assert signature(content, vector["secret"]) == vector["signature"]


@pytest.mark.parametrize("vector", TOKENS, ids=name_of)
def test_tokens_match_the_known_answers(vector: dict[str, Any]) -> None:
    claims = vector["claims"]
    body = base64.b64decode(vector["body_base64"])
    content = SignedContent(claims["jti"], claims["iat"], body)

    token = bearer_token(
        content,
        vector["secret"],
        issuer=claims["iss"],
        audience=claims["aud"],
        key_id=vector.get("kid"),
    )

    assert token == vector["token"]


def test_the_reference_library_and_pyjwt_accept_what_we_sign() -> None:
    secret = generate_secret()
    content = SignedContent("msg_1", int(datetime.now(UTC).timestamp()), b'{"a": "\xc3\xa9"}')

    headers = signing_headers(
        content, [LiveSecret("sec_1", secret)], issuer=SHOP, audience=ENDPOINT
    )

    standardwebhooks.Webhook(secret).verify(content.body, headers)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    token = headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, key, algorithms=["HS256"], audience=ENDPOINT, issuer=SHOP)
    assert claims["jti"] == "msg_1"
    assert claims["exp"] - claims["iat"] == 300


@pytest.mark.parametrize("vector", [each for each in TOKENS if "kid" in each], ids=name_of)
def test_a_token_names_its_secret_also_while_there_is_only_one(vector: dict[str, Any]) -> None:
    claims = vector["claims"]
    body = base64.b64decode(vector["body_base64"])
    content = SignedContent(claims["jti"], claims["iat"], body)
    live = [LiveSecret(vector["kid"], vector["secret"])]

    headers = signing_headers(content, live, issuer=claims["iss"], audience=claims["aud"])

    assert headers["Authorization"] == f"Bearer {vector['token']}"


def test_every_live_secret_signs_and_the_oldest_makes_the_token() -> None:
    newest, oldest = generate_secret(), generate_secret()
    content = SignedContent("msg_1", 1_700_000_000, b"{}")

    live = [LiveSecret("sec_2", newest), LiveSecret("sec_1", oldest)]

    headers = signing_headers(content, live, issuer=SHOP, audience=ENDPOINT)

    assert headers["webhook-signature"].split(" ") == [
        signature(content, newest),
        signature(content, oldest),
    ]
    token = bearer_token(content, oldest, issuer=SHOP, audience=ENDPOINT, key_id="sec_1")
    assert headers["Authorization"] == f"Bearer {token}"
    assert jwt.get_unverified_header(token)["kid"] == "sec_1"


def test_a_new_secret_is_32_random_bytes_in_base64() -> None:
    one, other = generate_secret(), generate_secret()

    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


def test_a_broken_secret_is_reported_without_quoting_it() -> None:
    with pytest.raises(ValueError, match="not valid base64") as caught:
        signature(SignedContent("msg_1", 1, b""), "whsec_not*base64")

    assert "not*base64" not in str(caught.value)
