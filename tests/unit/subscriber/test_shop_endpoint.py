"""The shop's responses about our endpoint are validated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from subscriber_app.shop_api.endpoint import read_endpoint, read_registration, read_rotation
from tests.integration.subscriber.signer import SECRET, SHOP_URL

END = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_registration_has_the_secret_its_name_and_the_issuer() -> None:
    answer = {"id": "ep_1", "secret": SECRET, "secret_id": "sec_1", "issuer": SHOP_URL}

    found = read_registration(answer)

    assert (found.endpoint_id, found.secret) == ("ep_1", SECRET)
    assert (found.secret_id, found.issuer) == ("sec_1", SHOP_URL)


@pytest.mark.parametrize("issuer", [None, "", 7, [SHOP_URL], "http://shop.example\n", "x" * 9999])
def test_an_invalid_issuer_counts_as_missing(issuer: Any) -> None:
    answer = {"id": "ep_1", "secret": SECRET, "issuer": issuer}

    assert read_registration(answer).issuer is None


def test_a_rotation_has_the_expiry_of_the_previous_secret() -> None:
    answer = {"secret": SECRET, "secret_id": "sec_2", "expires_at": "2026-11-24T12:00:00.000Z"}

    assert read_rotation(answer).previous_expires_at == END


def test_the_secrets_of_an_endpoint_have_their_expiry() -> None:
    secrets = [
        {"id": "sec_2", "created_at": "2026-11-23T12:00:00Z", "expires_at": None},
        {"id": "sec_1", "created_at": "2026-11-22T12:00:00Z", "expires_at": "2026-11-24T12:00:00Z"},
    ]

    found = read_endpoint({"status": "active", "issuer": SHOP_URL, "secrets": secrets})

    assert found.secret_ends == {"sec_2": None, "sec_1": END}


@pytest.mark.parametrize(
    "secrets",
    [
        None,
        [],
        "sec_1",
        {"id": "sec_1"},
        ["sec_1"],
        [{}],
        [{"id": "../.."}],
        [{"id": "sec_2", "expires_at": None}, {"id": "sec_1", "expires_at": "tomorrow"}],
        [{"id": "sec_1", "expires_at": "2026-11-24T12:00:00"}],
        [{"id": "sec_1", "expires_at": 1796000000}],
    ],
    ids=str,
)
def test_a_partly_invalid_list_of_secrets_counts_as_missing(secrets: Any) -> None:
    assert read_endpoint({"status": "active", "secrets": secrets}).secret_ends is None
