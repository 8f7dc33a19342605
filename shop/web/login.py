"""The login page, and logging out. There is one account: whoever knows ``SHOP_ADMIN_TOKEN``."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from hookshop.webkit.forms import read_form
from shop.web.access import LOGGED_IN, OPEN_TO_ALL, is_the_token
from shop.web.dependencies import TheSettings
from shop.web.security import own_path

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/login", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_login(request: AnyRequest, settings: TheSettings) -> AnyResponse:
    """Ask for the token; where none is set, there is nothing to log in to."""
    if settings.admin_token is None:
        return Redirect("/", status_code=303)
    return _page(request.query_params.get("next", ""))


@post("/login", include_in_schema=False, opt=OPEN_TO_ALL)
async def log_in(request: AnyRequest, settings: TheSettings) -> AnyResponse:
    """Begin a session, and go on to where the visitor wanted to go."""
    form = await read_form(request)
    wanted = form.text("next")
    if not is_the_token(form.text("admin_token"), settings):
        return _page(wanted, problem="This is not the token that the shop was started with.")
    request.set_session({LOGGED_IN: True})
    return Redirect(own_path(wanted, otherwise="/deliveries"), status_code=303)


@post("/logout", include_in_schema=False)
async def log_out(request: AnyRequest) -> Redirect:
    """End the session."""
    request.clear_session()
    return Redirect("/", status_code=303)


def _page(wanted: str, problem: str = "") -> AnyResponse:
    return Template(
        "shop/login.html",
        context={"next": wanted, "problem": problem},
        status_code=422 if problem else 200,
    )
