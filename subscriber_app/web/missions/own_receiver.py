"""``/missions/receiver``: the receiver that the learner writes for the Build track."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import Form, read_form
from subscriber_app.missions.own_receiver import NO_PROBE, ProbeSetting
from subscriber_app.parts import SubscriberParts
from subscriber_app.receiving.keyring import fingerprint
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.web.dependencies import TheParts
from subscriber_app.web.missions.strip import look_in_time

PATH = "/missions/receiver"
MAX_URL_LENGTH = 2000
DEFAULT_PORT = 9000  # of the receivers to begin with
MAX_TOKEN_LENGTH = 1000

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(frozen=True, slots=True)
class ReceiverForm:
    """What was entered. Secret and token are not shown again."""

    webhook_url: str = ""
    secret: str = ""
    probe: ProbeSetting = NO_PROBE

    @classmethod
    def read(cls, form: Form) -> "ReceiverForm":
        """Return what was entered."""
        return cls(form.text("webhook_url").strip(), form.text("secret").strip(), _probe(form))


EMPTY_FORM = ReceiverForm()


@get(PATH, include_in_schema=False)
async def show_own_receiver(parts: TheParts) -> Template:
    """Show the learner's receiver, or the form that registers it."""
    return await _page(parts)


@post(PATH, include_in_schema=False)
@once_per_form
async def register_own_receiver(request: AnyRequest, parts: TheParts) -> AnyResponse:
    """Register the URL, and show its new secret once; with a secret, use what is registered."""
    form = ReceiverForm.read(await read_form(request))
    if not form.webhook_url or len(form.webhook_url) > MAX_URL_LENGTH:
        problem = f"Enter a URL with at most {MAX_URL_LENGTH} characters."
        return await _page(parts, form, problem=problem, status=422)
    try:
        if form.secret:
            await parts.own_receivers.adopt(form.webhook_url, form.secret, form.probe)
            return Redirect(PATH, status_code=303)
        secret = await parts.own_receivers.register(form.webhook_url, form.probe)
    except ShopError as error:
        return await _page(parts, form, problem=str(error), status=422)
    await look_in_time(parts.missions)
    return await _page(parts, secret=secret)


@post(f"{PATH}/secret", include_in_schema=False)
async def replace_secret(request: AnyRequest, parts: TheParts) -> AnyResponse:
    """Use the secret that the shop showed when it was rotated there."""
    try:
        await parts.own_receivers.replace_secret((await read_form(request)).text("secret").strip())
    except ShopError as error:
        return await _page(parts, problem=str(error), status=422)
    return Redirect(PATH, status_code=303)


@post(f"{PATH}/probe", include_in_schema=False)
async def set_probe(request: AnyRequest, parts: TheParts) -> Redirect:
    """Change where the receiver reports its side effects. The shop checks the URL when it asks."""
    await parts.own_receivers.set_probe(_probe(await read_form(request)))
    return Redirect(PATH, status_code=303)


@post(f"{PATH}/delete", include_in_schema=False)
async def remove_own_receiver(parts: TheParts) -> AnyResponse:
    """Delete the endpoint at the shop, if it was registered here, and forget it."""
    try:
        await parts.own_receivers.remove()
    except ShopError as error:
        return await _page(parts, problem=str(error), status=502)
    return Redirect(PATH, status_code=303)


def _probe(form: Form) -> ProbeSetting:
    url, token = form.text("probe_url").strip(), form.text("probe_token").strip()
    return ProbeSetting(url[:MAX_URL_LENGTH], token[:MAX_TOKEN_LENGTH])


async def _page(
    parts: SubscriberParts,
    form: ReceiverForm = EMPTY_FORM,
    *,
    secret: str = "",
    problem: str = "",
    status: int = 200,
) -> Template:
    """Return the page. ``secret``: a new one, which only this response shows."""
    receiver = await parts.own_receivers.current()
    shown = fingerprint(parts.own_receivers.secret_of(receiver)) if receiver else ""
    context = {
        "receiver": receiver,
        "fingerprint": shown,
        "form": form,
        "secret": secret,
        "settings_of_receiver": _settings_of(receiver.webhook_url, secret) if receiver else "",
        "problem": problem,
        "shop_url": parts.site.shop_url,
    }
    return Template("subscriber/missions/receiver.html", context=context, status_code=status)


def _settings_of(webhook_url: str, secret: str) -> str:
    """Return the variables that the receivers to begin with need, as written for a shell."""
    port = urlsplit(webhook_url).port
    of_port = "" if port in {None, DEFAULT_PORT} else f"PORT={port} "
    return f"{of_port}WEBHOOK_SECRET={secret}"
