"""``/v1/missions/receiver``: the learner's receiver of the Build track, for scripts and tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from litestar import delete, get, put
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.times import rfc3339_ms
from subscriber_app.missions.own_receiver import OwnReceivers, ProbeSetting
from subscriber_app.receiving.keyring import fingerprint
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.web.api_fields import Time
from subscriber_app.web.dependencies import TheMissions, TheOwnReceivers

MAX_URL_LENGTH = 2000
MAX_SECRET_LENGTH = MAX_TOKEN_LENGTH = 1000
NO_RECEIVER = "there is no receiver; register it with PUT /v1/missions/receiver"
SHOP_AWAY = {502: "The shop cannot be reached."}

_Url = Annotated[str, Meta(examples=["http://127.0.0.1:9000/hook"], max_length=MAX_URL_LENGTH)]
_ProbeUrl = Annotated[
    str, Meta(examples=["http://127.0.0.1:9000/effects"], max_length=MAX_URL_LENGTH)
]


class WantedReceiver(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``PUT /v1/missions/receiver``. ``webhook_url``: where the receiver listens.

    ``secret``: of an endpoint that the shop has already; "" to register the URL. ``probe_url``:
    where the receiver tells its side effects; "" without a probe.
    """

    webhook_url: Annotated[_Url, Meta(min_length=1)]
    secret: Annotated[str, Meta(examples=[""], max_length=MAX_SECRET_LENGTH)] = ""
    probe_url: _ProbeUrl = ""
    probe_token: Annotated[str, Meta(examples=[""], max_length=MAX_TOKEN_LENGTH)] = ""


class OwnReceiverDocument(Struct):
    """The learner's receiver.

    ``fingerprint``: of its secret, to compare. ``secret``: only in the response to the call that
    registers the URL at the shop.
    """

    endpoint_id: Annotated[str, Meta(examples=["ep_01939f0c5e7d7f62a3b4c5d6e7f80910"])]
    webhook_url: _Url
    probe_url: _ProbeUrl
    fingerprint: Annotated[str, Meta(examples=["8f434346648f6b96"])]
    created_at: Time
    secret: str | UnsetType = UNSET


@get(
    "/missions/receiver",
    operation_id="getOwnReceiver",
    responses=problems({404: "There is no receiver."}),
)
async def get_own_receiver(own_receivers: TheOwnReceivers) -> OwnReceiverDocument:
    """Return the receiver that is registered for the Build track."""
    return await _document(own_receivers)


@put(
    "/missions/receiver",
    operation_id="setOwnReceiver",
    dto=StrictJson[WantedReceiver],
    return_dto=None,
    responses=problems(
        {
            409: "Another URL is registered. Remove it first.",
            422: "The shop refused the URL, or it has no endpoint with it, or the secret is none.",
            **SHOP_AWAY,
        }
    ),
)
async def set_own_receiver(
    own_receivers: TheOwnReceivers, missions: TheMissions, data: JSONBody[WantedReceiver]
) -> OwnReceiverDocument:
    """Register a receiver at the shop, and return its new secret once.

    With a `secret`, use the endpoint that the shop has already. If the URL is registered here
    already, take the probe, and the `secret` if there is one.
    """
    known = await own_receivers.current()
    if known and known.webhook_url != data.webhook_url:
        raise Problem(409, f"{known.webhook_url} is registered; remove it first")
    probe = ProbeSetting(data.probe_url, data.probe_token)
    new_secret = ""
    with _problem_of_the_shop():
        if known is None and not data.secret:
            new_secret = await own_receivers.register(data.webhook_url, probe)
        elif known is None:
            await own_receivers.adopt(data.webhook_url, data.secret, probe)
        else:
            if data.secret:
                await own_receivers.replace_secret(data.secret)
            await own_receivers.set_probe(probe)
    missions.refresh()
    document = await _document(own_receivers)
    document.secret = new_secret or UNSET
    return document


@delete("/missions/receiver", operation_id="removeOwnReceiver", responses=problems(SHOP_AWAY))
async def remove_own_receiver(own_receivers: TheOwnReceivers, missions: TheMissions) -> None:
    """Forget the receiver, and delete its endpoint at the shop if it was registered here.

    Without a receiver, nothing happens.
    """
    with _problem_of_the_shop():
        await own_receivers.remove()
    missions.refresh()


@contextmanager
def _problem_of_the_shop() -> Iterator[None]:
    try:
        yield
    except ShopUnreachable as error:
        raise Problem(502, str(error)) from None
    except ShopError as error:
        raise Problem(422, str(error)) from None


async def _document(own_receivers: OwnReceivers) -> OwnReceiverDocument:
    """Return the receiver. Raise the 404 if there is none."""
    found = await own_receivers.current()
    if found is None:
        raise Problem(404, NO_RECEIVER)
    return OwnReceiverDocument(
        endpoint_id=found.endpoint_id,
        webhook_url=found.webhook_url,
        probe_url=found.probe_url,
        fingerprint=fingerprint(own_receivers.secret_of(found)),
        created_at=rfc3339_ms(found.created_at),
    )


RECEIVER_CALLS = [get_own_receiver, set_own_receiver, remove_own_receiver]
