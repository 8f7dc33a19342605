"""``/v1/subscription``: read it, subscribe, rotate the secret, unsubscribe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal, get_args

from litestar import delete, get, post, put
from litestar.params import JSONBody
from msgspec import Meta, Struct, field

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.times import rfc3339_ms
from subscriber_app.shop_api.client import TooManySecrets
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.shop_api.subscription import Subscriptions
from subscriber_app.web.api_fields import Time
from subscriber_app.web.dependencies import TheSubscriptions

NOT_SUBSCRIBED = "there is no subscription; subscribe with PUT /v1/subscription"
AT_THE_SHOP = {502: "The shop cannot be reached, or refused. The text says why."}

SubscribableType = Literal["purchase.created", "purchase.shipped", "purchase.refunded"]


class WantedSubscription(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``PUT /v1/subscription``. ``event_types``: which events to receive."""

    event_types: Annotated[list[SubscribableType], Meta(min_length=1)] = field(
        default_factory=lambda: list(get_args(SubscribableType))
    )


class SubscriptionDocument(Struct):
    """Our registration with the shop.

    ``secret_id``: the public name of the newest secret, if the shop told it.
    """

    endpoint_id: Annotated[str, Meta(examples=["ep_01939f0c5e7d7f62a3b4c5d6e7f80910"])]
    receiver_url: Annotated[str, Meta(examples=["http://127.0.0.1:8001/v1/new-purchase"])]
    shop_url: Annotated[str, Meta(examples=["http://127.0.0.1:8000"])]
    event_types: list[str]
    secret_id: str | None
    created_at: Time


EVERYTHING = WantedSubscription()


@get("/subscription", responses=problems({404: "There is no subscription."}))
async def get_subscription(subscriptions: TheSubscriptions) -> SubscriptionDocument:
    """Return the subscription."""
    return await _document(subscriptions)


@put(
    "/subscription",
    operation_id="subscribe",
    dto=StrictJson[WantedSubscription],
    return_dto=None,
    responses=problems(AT_THE_SHOP),
)
async def subscribe_by_api(
    subscriptions: TheSubscriptions, data: JSONBody[WantedSubscription] = EVERYTHING
) -> SubscriptionDocument:
    """Register with the shop, unless subscribed. An existing subscription stays as it is."""
    with _problem_of_the_shop():
        await subscriptions.subscribe(data.event_types)
    return await _document(subscriptions)


@post(
    "/subscription/rotation",
    operation_id="rotateSecret",
    status_code=200,
    responses=problems(
        {
            404: "There is no subscription.",
            409: "Too many former secrets are live. Wait until one expires.",
            **AT_THE_SHOP,
        }
    ),
)
async def rotate_by_api(subscriptions: TheSubscriptions) -> SubscriptionDocument:
    """Replace the secret at the shop. The shop signs with the former one, too, for a day."""
    await _document(subscriptions)  # raises the 404
    with _problem_of_the_shop():
        await subscriptions.rotate()
    return await _document(subscriptions)


@delete("/subscription", operation_id="unsubscribe", responses=problems(AT_THE_SHOP))
async def unsubscribe_by_api(subscriptions: TheSubscriptions) -> None:
    """Delete our endpoint at the shop. Without a subscription, nothing happens."""
    with _problem_of_the_shop():
        await subscriptions.unsubscribe()


@contextmanager
def _problem_of_the_shop() -> Iterator[None]:
    try:
        yield
    except TooManySecrets as error:
        raise Problem(409, str(error)) from None
    except ShopError as error:
        raise Problem(502, str(error)) from None


async def _document(subscriptions: Subscriptions) -> SubscriptionDocument:
    """Return the subscription. Raise the 404 if there is none."""
    found = await subscriptions.current()
    if found is None:
        raise Problem(404, NOT_SUBSCRIBED)
    return SubscriptionDocument(
        endpoint_id=found.endpoint_id,
        receiver_url=found.webhook_url,
        shop_url=found.shop_url,
        event_types=found.event_types,
        secret_id=found.secret_id,
        created_at=rfc3339_ms(found.created_at),
    )


SUBSCRIPTION = [get_subscription, subscribe_by_api, rotate_by_api, unsubscribe_by_api]
