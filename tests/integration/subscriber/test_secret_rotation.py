"""A new secret replaces the old one, and both are live for a day."""

import json

import pytest
from sqlmodel import select, update

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.keyring import fingerprint
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import Delivery
from tests.pages import Visitor
from tests.programs import async_client
from tests.waiting import eventually

ONE_DAY = 24 * 3600
NEW_SECRET = "whsec_" + "bmV3" * 8


@pytest.fixture
def settings(settings: Settings, shop: FakeShop) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


@pytest.fixture
async def visitor(subscriber: Client) -> Visitor:
    """A visitor of a subscribed subscriber."""
    visitor = Visitor(subscriber)
    await visitor.submit("/subscription", event_types=["purchase.created"])
    return visitor


async def is_trusted(visitor: Visitor, secret: str, clock: Clock) -> bool:
    """Return whether a delivery signed now with this secret is accepted."""
    delivery = Delivery(
        secret=secret,
        timestamp=int(clock.now.timestamp()),
        message_id=f"msg_{fingerprint(secret)}",
    )
    return (await deliver(visitor.client, delivery)).status_code == 200


async def test_a_rotated_secret_is_live_immediately_and_the_old_one_for_a_day(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets
    answer = await visitor.submit("/subscription/rotation")
    [new] = shop.secrets

    assert answer.status == 303
    assert old != new
    assert await is_trusted(visitor, new, clock)
    assert await is_trusted(visitor, old, clock)

    clock.pass_seconds(ONE_DAY)
    assert await is_trusted(visitor, new, clock)
    assert not await is_trusted(visitor, old, clock)


async def test_a_secret_created_in_the_shop_can_be_entered(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets

    answer = await visitor.submit("/subscription/secret", secret=f" {NEW_SECRET} ")

    assert answer.status == 303
    assert await is_trusted(visitor, NEW_SECRET, clock)
    assert await is_trusted(visitor, old, clock)


@pytest.mark.parametrize("typed", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not*base64", "secret"])
async def test_an_invalid_secret_is_refused_and_the_old_one_stays(
    typed: str, visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    page = await visitor.submit("/subscription/secret", secret=typed)

    assert page.status == 422
    assert "A secret starts with whsec_" in page.text
    assert await is_trusted(visitor, shop.secrets[0], clock)


@pytest.mark.parametrize(
    "answer",
    [(500, b""), (404, b'{"detail": "no such endpoint"}'), (200, b"{}"), (200, b"<html>")],
    ids=str,
)
async def test_a_failed_rotation_changes_nothing(
    answer: tuple[int, bytes], visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    shop.answers["POST"] = answer

    page = await visitor.submit("/subscription/rotation")

    assert page.status == 502
    assert "Nothing was changed" in page.text
    assert await is_trusted(visitor, shop.secrets[0], clock)


async def test_the_page_distinguishes_the_secrets_without_showing_them(
    visitor: Visitor, shop: FakeShop
) -> None:
    [old] = shop.secrets
    await visitor.submit("/subscription/rotation")
    [new] = shop.secrets

    page = await visitor.get("/subscription")

    assert fingerprint(old) in page.text
    assert fingerprint(new) in page.text
    for secret in (old, new):
        assert secret.removeprefix("whsec_") not in page.answer.text


async def test_entering_the_same_secret_changes_nothing(visitor: Visitor, shop: FakeShop) -> None:
    before = (await visitor.get("/subscription")).text

    await visitor.submit("/subscription/secret", secret=shop.secrets[0])

    assert (await visitor.get("/subscription")).text == before


async def test_after_a_rotation_a_receipt_is_judged_by_the_secrets_of_its_time(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets
    answer = await deliver(visitor.client, Delivery(secret=old))
    clock.pass_seconds(1)
    await visitor.submit("/subscription/rotation")
    [new] = shop.secrets

    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")

    assert "The secret has changed since then." in page.text
    assert f"{fingerprint(old)} valid then" in page.text
    assert f"{fingerprint(new)} received later" in page.text
    for secret in (old, new):
        assert secret.removeprefix("whsec_") not in page.answer.text


async def test_a_delivery_signed_with_an_expired_secret_is_not_called_a_forgery(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets
    await visitor.submit("/subscription/rotation")
    clock.pass_seconds(ONE_DAY)
    late = Delivery(secret=old, timestamp=int(clock.now.timestamp()))

    answer = await deliver(visitor.client, late)

    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")
    assert answer.status_code == 401
    assert f"Signed with the secret {fingerprint(old)}, which had expired." in page.text


async def test_every_secret_is_live_until_the_shop_ends_it_after_any_number_of_rotations(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    made = list(shop.secrets)
    for _ in range(4):
        clock.pass_seconds(3600)
        await visitor.submit("/subscription/rotation")
        made += shop.secrets

    good = [await trusted_now(visitor, made, clock)]
    for _ in range(4):
        clock.pass_seconds(3600)
        good.append(await trusted_now(visitor, made, clock))
    clock.pass_seconds(ONE_DAY - 7 * 3600)
    for _ in range(4):
        good.append(await trusted_now(visitor, made, clock))
        clock.pass_seconds(3600)

    assert good[:5] == [made] * 5
    assert good[5:] == [made[1:], made[2:], made[3:], made[4:]]


async def trusted_now(visitor: Visitor, secrets: list[str], clock: Clock) -> list[str]:
    """Return the secrets with which a delivery is accepted now."""
    return [secret for secret in secrets if await is_trusted(visitor, secret, clock)]


async def test_the_expiry_from_the_shop_overrides_our_default(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets
    await rotate_in_shop(shop, grace_seconds=7 * ONE_DAY)

    await visitor.submit("/subscription/secret", secret=shop.secrets[0])

    clock.pass_seconds(7 * ONE_DAY - 1)
    assert await is_trusted(visitor, old, clock)
    clock.pass_seconds(1)
    assert not await is_trusted(visitor, old, clock)


async def test_secrets_without_a_known_name_stay_live_while_the_shop_has_unknown_ones(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    made = list(shop.secrets)
    for _ in range(2):
        clock.pass_seconds(3600)
        await rotate_in_shop(shop, grace_seconds=7 * ONE_DAY)
        made += shop.secrets
        await visitor.submit("/subscription/secret", secret=made[-1])

    clock.pass_seconds(7 * ONE_DAY - 3600)
    assert await trusted_now(visitor, made, clock) == made[1:]
    clock.pass_seconds(3600)
    assert await trusted_now(visitor, made, clock) == made[2:]


async def test_a_secret_that_the_shop_ended_early_expires_with_the_next_request_to_the_shop(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    made = list(shop.secrets)
    await visitor.submit("/subscription/rotation")
    made += shop.secrets
    for endpoint in shop.endpoints.values():
        del endpoint["secrets"][1]

    await visitor.get("/subscription")

    assert await trusted_now(visitor, made, clock) == made[1:]


async def test_our_secret_expires_with_the_shops_even_if_we_lack_the_new_one(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets
    await rotate_in_shop(shop, grace_seconds=3600)

    page = await visitor.get("/subscription")

    assert "the shop has a newer secret: enter it below" in page.text
    assert await is_trusted(visitor, old, clock)
    clock.pass_seconds(3600)
    assert not await is_trusted(visitor, old, clock)


async def test_entering_a_wrong_secret_does_not_end_the_right_one(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [right] = shop.secrets

    await visitor.submit("/subscription/secret", secret=NEW_SECRET)
    clock.pass_seconds(ONE_DAY - 1)
    await visitor.get("/subscription")
    clock.pass_seconds(ONE_DAY - 1)

    assert await is_trusted(visitor, right, clock)


async def test_a_sixth_secret_is_refused_by_the_shop_and_the_page_offers_to_replace_the_oldest(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    made = list(shop.secrets)
    for _ in range(4):
        await visitor.submit("/subscription/rotation")
        made += shop.secrets

    refused = await visitor.submit("/subscription/rotation")
    replaced = await visitor.submit("/subscription/rotation", replace_oldest="yes")
    made += shop.secrets

    assert refused.status == 409
    assert "Nothing was changed The shop refused: five secrets are live" in refused.text
    assert "the shop stops signing with it at once" in refused.text
    assert refused.values["replace_oldest"] == ["yes"]
    assert replaced.status == 303
    assert await trusted_now(visitor, made, clock) == made[1:]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"secret_id": None, "expires_at": None},
        {"secret_id": "../..", "expires_at": "tomorrow"},
        {"secret_id": 7, "expires_at": "2026-11-23T12:00:00"},
    ],
    ids=str,
)
async def test_a_new_secret_is_stored_even_if_other_fields_are_invalid(
    more: dict[str, object], visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    [old] = shop.secrets
    shop.answers["POST"] = (200, json.dumps({"secret": NEW_SECRET, **more}).encode())
    shop.answers["GET"] = (200, b'{"status": "active"}')

    answer = await visitor.submit("/subscription/rotation")

    assert answer.status == 303
    clock.pass_seconds(ONE_DAY - 1)
    assert await trusted_now(visitor, [old, NEW_SECRET], clock) == [old, NEW_SECRET]
    clock.pass_seconds(1)
    assert await trusted_now(visitor, [old, NEW_SECRET], clock) == [NEW_SECRET]


async def test_a_subscription_without_secret_names_continues(
    visitor: Visitor, shop: FakeShop, clock: Clock, settings: Settings
) -> None:
    made = list(shop.secrets)
    for _ in range(2):
        clock.pass_seconds(3600)
        await visitor.submit("/subscription/rotation")
        made += shop.secrets
    await forget_names(settings)

    page = await visitor.get("/subscription")

    assert page.text.count("Previous secret") == 2
    assert await trusted_now(visitor, made, clock) == made
    clock.pass_seconds(ONE_DAY)
    assert await trusted_now(visitor, made, clock) == made[2:]


async def test_at_its_start_a_subscriber_asks_the_shop_for_missing_facts(
    visitor: Visitor, shop: FakeShop, clock: Clock, settings: Settings
) -> None:
    await forget_names(settings)

    async with running(create_app(settings, now=clock)):

        async def is_known() -> bool:
            return await issuer_of(settings) == shop.issuer

        await eventually(is_known, "the subscriber knows the shop's issuer")
    assert await is_trusted(visitor, shop.secrets[0], clock)


async def issuer_of(settings: Settings) -> str | None:
    database = Database(settings.resolved_database_url)
    async with database.reading() as session:
        issuer = (await session.exec(select(Subscription.issuer))).one()
    await database.close()
    return issuer


async def forget_names(settings: Settings) -> None:
    """Remove the public names of the secrets and the issuer, as with an older shop."""
    database = Database(settings.resolved_database_url)
    async with database.writing() as session:
        await session.exec(update(Subscription).values(secret_id=None, issuer=None))
        await session.exec(update(FormerSecret).values(secret_id=None))
    await database.close()


async def rotate_in_shop(shop: FakeShop, *, grace_seconds: int) -> None:
    """Rotate our only endpoint's secret on the shop's side."""
    [endpoint_id] = shop.endpoints
    async with async_client(shop.url) as client:
        path = f"/v1/webhooks/{endpoint_id}/rotate-secret"
        answer = await client.post(path, json={"grace_seconds": grace_seconds})
    assert answer.status_code == 200


async def test_the_issuer_comes_from_the_shop_and_is_then_checked(
    visitor: Visitor, shop: FakeShop, clock: Clock
) -> None:
    foreign = Delivery(
        secret=shop.secrets[0],
        timestamp=int(clock.now.timestamp()),
        claims={"iss": "http://other.example"},
    )

    answer = await deliver(visitor.client, foreign)

    assert answer.json()["reason"] == "token_issuer"
    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")
    assert f"iss {shop.issuer} http://other.example invalid" in page.text
    assert "names another issuer" in page.text
    assert f"Issuer {shop.issuer}" in (await visitor.get("/subscription")).text


async def test_a_changed_issuer_is_read_from_the_shop(visitor: Visitor, shop: FakeShop) -> None:
    shop.issuer = "https://new.example"
    delivery = Delivery(secret=shop.secrets[0], claims={"iss": shop.issuer})
    refused = await deliver(visitor.client, delivery)

    async def is_accepted() -> bool:
        return (await deliver(visitor.client, delivery)).status_code == 200

    assert refused.json()["reason"] == "token_issuer"
    await eventually(is_accepted, "the subscriber has asked the shop what it calls itself")


async def test_before_the_issuer_is_known_any_is_accepted(
    visitor: Visitor, shop: FakeShop, settings: Settings
) -> None:
    await forget_names(settings)
    delivery = Delivery(secret=shop.secrets[0], claims={"iss": "http://other.example"})

    answer = await deliver(visitor.client, delivery)

    assert answer.status_code == 200
    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")
    assert "not checked: the shop's issuer is unknown" in page.text
