"""Secrets through the JSON API: rotation, which secrets sign, and how many may be live."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jwt import decode, get_unverified_header
from sqlmodel import col, select

from shop.database.models import EndpointSecret
from shop.database.transactions import Database
from tests.integration.shop.browsing import Shop, order
from tests.integration.shop.conftest import Clock, Engine
from tests.receiver import Receiver


async def register(shop: Shop, url: str = "http://127.0.0.1:9001/") -> dict[str, Any]:
    answer = await shop.post("/v1/webhooks/register", json={"webhook_url": url})
    document: dict[str, Any] = answer.json()
    return document


async def buy(shop: Shop) -> str:
    return str((await order(shop))["delivery_ids"][0])


async def test_a_rotation_names_the_new_secret_and_the_end_of_the_one_before(shop: Shop) -> None:
    endpoint = await register(shop)
    path = f"/v1/webhooks/{endpoint['id']}"
    earliest = datetime.now(UTC) + timedelta(seconds=99)

    rotated = (await shop.post(f"{path}/rotate-secret", json={"grace_seconds": 100})).json()

    assert list(rotated) == ["secret", "secret_id", "expires_at"]
    assert (
        earliest < datetime.fromisoformat(rotated["expires_at"]) < earliest + timedelta(minutes=1)
    )
    new, old = (await shop.get(path)).json()["secrets"]
    assert (new["id"], new["expires_at"]) == (rotated["secret_id"], None)
    assert (old["id"], old["expires_at"]) == (endpoint["secret_id"], rotated["expires_at"])


async def test_the_oldest_live_secret_signs_the_token_and_is_named_in_it(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint = await register(shop, receiver.url)
    path = f"/v1/webhooks/{endpoint['id']}/rotate-secret"
    second = (await shop.post(path, json={"grace_seconds": 100})).json()
    third = (await shop.post(path, json={"grace_seconds": 300})).json()

    for seconds, signer in ((50, endpoint), (100, second), (250, third)):
        clock.pass_seconds(seconds)
        await buy(shop)
        await engine.deliver()

        assert who_signed_the_token(receiver) == signer["secret_id"]
        require_signature(receiver, signer["secret"])


def token_of(receiver: Receiver) -> str:
    """Return the newest request's token."""
    return receiver.requests[-1].headers["authorization"].removeprefix("Bearer ")


def who_signed_the_token(receiver: Receiver) -> str:
    """Return the secret's public name (``kid``) in the newest request's token."""
    return str(get_unverified_header(token_of(receiver))["kid"])


def require_signature(receiver: Receiver, secret: str) -> None:
    """Raise unless the newest request's token is signed with this secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    decode(token_of(receiver), key, algorithms=["HS256"], options=options)


async def live_names(shop: Shop, endpoint_id: str) -> list[str]:
    return [
        each["id"] for each in (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["secrets"]
    ]


async def rotate_to_five(shop: Shop, endpoint_id: str) -> list[str]:
    """Rotate to five live secrets; return their public names, newest first."""
    for _ in range(4):
        answer = await shop.post(f"/v1/webhooks/{endpoint_id}/rotate-secret", json={})
        assert answer.status_code == 200
    return await live_names(shop, endpoint_id)


async def test_a_sixth_live_secret_is_refused_and_nothing_changes(shop: Shop) -> None:
    endpoint_id = (await register(shop))["id"]
    before = await rotate_to_five(shop, endpoint_id)

    answer = await shop.post(f"/v1/webhooks/{endpoint_id}/rotate-secret", json={})

    assert answer.status_code == 409
    assert '"replace_oldest": true' in answer.json()["detail"]
    assert before[-1] in answer.json()["detail"]
    assert len(before) == 5
    assert await live_names(shop, endpoint_id) == before


async def test_a_rotation_that_replaces_the_oldest_ends_it_at_once(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint = await register(shop, receiver.url)
    before = await rotate_to_five(shop, endpoint["id"])

    answer = await shop.post(
        f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={"replace_oldest": True}
    )
    clock.catch_up()
    await buy(shop)
    await engine.deliver()

    assert await live_names(shop, endpoint["id"]) == [answer.json()["secret_id"], *before[:-1]]
    assert len(receiver.requests[-1].headers["webhook-signature"].split(" ")) == 5
    assert who_signed_the_token(receiver) == before[-2]


async def test_below_five_the_oldest_secret_is_not_replaced(shop: Shop) -> None:
    endpoint = await register(shop)

    await shop.post(f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={"replace_oldest": True})

    assert (await live_names(shop, endpoint["id"]))[-1] == endpoint["secret_id"]


async def test_a_rotation_without_grace_needs_no_room(shop: Shop) -> None:
    endpoint_id = (await register(shop))["id"]
    await rotate_to_five(shop, endpoint_id)

    answer = await shop.post(f"/v1/webhooks/{endpoint_id}/rotate-secret", json={"grace_seconds": 0})

    assert await live_names(shop, endpoint_id) == [answer.json()["secret_id"]]


async def test_of_more_secrets_than_five_from_an_earlier_version_the_newest_are_live(
    shop: Shop, database: Database, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint = await register(shop, receiver.url)
    names = await rotate_to_five(shop, endpoint["id"])
    await copy_secrets(database, endpoint["id"], times=3)

    live = await live_names(shop, endpoint["id"])
    clock.catch_up()
    await buy(shop)
    await engine.deliver()
    await shop.post(f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={"replace_oldest": True})

    assert (len(live), live[0]) == (5, names[0])
    assert len(receiver.requests[-1].headers["webhook-signature"].split(" ")) == 5
    assert (await live_names(shop, endpoint["id"]))[1:] == live[:-1]


async def copy_secrets(database: Database, endpoint_id: str, *, times: int) -> None:
    """Add live secrets, as an endpoint could have had before there was a limit."""
    async with database.writing() as session:
        query = select(EndpointSecret).where(
            EndpointSecret.endpoint_id == endpoint_id, col(EndpointSecret.expires_at).is_not(None)
        )
        for each in (await session.exec(query)).all():
            for number in range(times):
                copy = each.model_dump() | {"id": f"{each.id}_{number}"}
                session.add(EndpointSecret(**copy))


@pytest.mark.parametrize("replace_oldest", ["true", 1, None])
async def test_a_replacement_that_is_not_true_or_false_rotates_nothing(
    replace_oldest: Any, shop: Shop
) -> None:
    endpoint = await register(shop)

    answer = await shop.post(
        f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={"replace_oldest": replace_oldest}
    )

    assert answer.status_code == 400
    assert await live_names(shop, endpoint["id"]) == [endpoint["secret_id"]]


async def test_no_cache_stores_an_answer_with_a_secret(shop: Shop) -> None:
    registered = await shop.post(
        "/v1/webhooks/register", json={"webhook_url": "http://127.0.0.1:9001/"}
    )
    path = f"/v1/webhooks/{registered.json()['id']}/rotate-secret"
    rotated = await shop.post(path, json={})

    for answer in (registered, rotated):
        assert "whsec_" in answer.text
        assert answer.headers["cache-control"] == "no-store"
