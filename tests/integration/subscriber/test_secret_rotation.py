"""A new secret takes the place of the old one, and for a day both are good."""

import pytest

from subscriber_app.config import Settings
from subscriber_app.keyring import fingerprint
from tests.integration.subscriber.conftest import Client, Clock
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.shop_stand_in import ShopStandIn
from tests.integration.subscriber.signer import Delivery
from tests.pages import Visitor

ONE_DAY = 24 * 3600
NEW_SECRET = "whsec_" + "bmV3" * 8


@pytest.fixture
def settings(settings: Settings, shop: ShopStandIn) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


@pytest.fixture
async def visitor(subscriber: Client) -> Visitor:
    """Somebody at a subscriber that has subscribed."""
    visitor = Visitor(subscriber)
    await visitor.submit("/subscription", event_types=["purchase.created"])
    return visitor


async def is_trusted(visitor: Visitor, secret: str, clock: Clock) -> bool:
    """Whether a delivery that this secret signed, just now, is accepted."""
    delivery = Delivery(
        secret=secret, timestamp=int(clock.now.timestamp()), message_id=f"msg_{fingerprint(secret)}"
    )
    return (await deliver(visitor.client, delivery)).status_code == 200


async def test_a_new_secret_from_the_shop_is_good_at_once_and_the_old_one_for_a_day(
    visitor: Visitor, shop: ShopStandIn, clock: Clock
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


async def test_a_secret_that_was_made_in_the_shop_can_be_typed_in(
    visitor: Visitor, shop: ShopStandIn, clock: Clock
) -> None:
    [old] = shop.secrets

    answer = await visitor.submit("/subscription/secret", secret=f" {NEW_SECRET} ")

    assert answer.status == 303
    assert await is_trusted(visitor, NEW_SECRET, clock)
    assert await is_trusted(visitor, old, clock)


@pytest.mark.parametrize("typed", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not*base64", "secret"])
async def test_what_is_no_secret_is_refused_and_the_old_one_stays(
    typed: str, visitor: Visitor, shop: ShopStandIn, clock: Clock
) -> None:
    page = await visitor.submit("/subscription/secret", secret=typed)

    assert page.status == 422
    assert "A secret begins with whsec_" in page.text
    assert await is_trusted(visitor, shop.secrets[0], clock)


@pytest.mark.parametrize(
    "answer",
    [(500, b""), (404, b'{"detail": "no such endpoint"}'), (200, b"{}"), (200, b"<html>")],
    ids=str,
)
async def test_a_shop_that_makes_no_secret_changes_nothing(
    answer: tuple[int, bytes], visitor: Visitor, shop: ShopStandIn, clock: Clock
) -> None:
    shop.answers["POST"] = answer

    page = await visitor.submit("/subscription/rotation")

    assert page.status == 502
    assert "Nothing was changed" in page.text
    assert await is_trusted(visitor, shop.secrets[0], clock)


async def test_the_page_tells_the_secrets_apart_and_shows_neither(
    visitor: Visitor, shop: ShopStandIn
) -> None:
    [old] = shop.secrets
    await visitor.submit("/subscription/rotation")
    [new] = shop.secrets

    page = await visitor.get("/subscription")

    assert fingerprint(old) in page.text
    assert fingerprint(new) in page.text
    for secret in (old, new):
        assert secret.removeprefix("whsec_") not in page.answer.text


async def test_the_same_secret_typed_in_again_changes_nothing(
    visitor: Visitor, shop: ShopStandIn
) -> None:
    before = (await visitor.get("/subscription")).text

    await visitor.submit("/subscription/secret", secret=shop.secrets[0])

    assert (await visitor.get("/subscription")).text == before


async def test_after_a_rotation_a_receipt_is_judged_by_the_secrets_of_its_time(
    visitor: Visitor, shop: ShopStandIn, clock: Clock
) -> None:
    [old] = shop.secrets
    answer = await deliver(visitor.client, Delivery(secret=old))
    clock.pass_seconds(1)
    await visitor.submit("/subscription/rotation")
    [new] = shop.secrets

    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")

    assert "The secret has changed since." in page.text
    assert f"{fingerprint(old)} good then" in page.text
    assert f"{fingerprint(new)} came later" in page.text
    for secret in (old, new):
        assert secret.removeprefix("whsec_") not in page.answer.text


async def test_a_delivery_that_was_signed_with_an_expired_secret_is_told_from_a_forgery(
    visitor: Visitor, shop: ShopStandIn, clock: Clock
) -> None:
    [old] = shop.secrets
    await visitor.submit("/subscription/rotation")
    clock.pass_seconds(ONE_DAY)
    late = Delivery(secret=old, timestamp=int(clock.now.timestamp()))

    answer = await deliver(visitor.client, late)

    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")
    assert answer.status_code == 401
    assert f"Signed with the secret {fingerprint(old)}, which had expired." in page.text


async def test_a_second_rotation_ends_the_grace_of_the_first(
    visitor: Visitor, shop: ShopStandIn, clock: Clock
) -> None:
    [first] = shop.secrets
    for _ in range(2):
        clock.pass_seconds(1)
        await visitor.submit("/subscription/rotation")

    answer = await deliver(visitor.client, Delivery(secret=first))

    page = await visitor.get(f"/receipts/{answer.json()['receipt_id']}")
    assert f"{fingerprint(first)}, which had expired" in page.text
