"""The appearance that a reader chose: theme (system, light, dark) and size (normal, presenter).

A cookie stores the choice and the server writes it into ``<html>``, so that it applies from the
first paint and without JavaScript. The form is in ``templates/shared/_appearance.html``.
"""

from dataclasses import dataclass
from typing import Any

from litestar import Request, post
from litestar.response import Redirect

from hookshop.webkit.access import OPEN_EVERYWHERE
from hookshop.webkit.cookies import WHOLE_HOST, cookies_of
from hookshop.webkit.forms import read_form
from hookshop.webkit.security import safe_redirect_path

# The shop and the subscriber of one demo share this cookie, so that a presenter chooses only once.
PURPOSE = "appearance"
ONE_YEAR_SECONDS = 365 * 24 * 3600
THEMES = ("system", "light", "dark")
SCALES = ("normal", "presenter")

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Appearance:
    """One of ``THEMES`` and one of ``SCALES``."""

    theme: str = "system"
    scale: str = "normal"

    def changed(self, theme: str, scale: str) -> "Appearance":
        """Return a copy with this theme and scale. Ignore unknown values."""
        return Appearance(
            theme if theme in THEMES else self.theme, scale if scale in SCALES else self.scale
        )


def read_appearance(request: AnyRequest) -> Appearance:
    """Return the choice in the cookie, whose value is, for example, ``dark.presenter``."""
    theme, _dot, scale = request.cookies.get(_cookie_name(request), "").partition(".")
    return Appearance().changed(theme, scale)


def _cookie_name(request: AnyRequest) -> str:
    return cookies_of(request).shared_name(PURPOSE)


def current_address(request: AnyRequest) -> str | None:
    """Return the path and query of this page, or None if it is the response to a form."""
    if request.method != "GET":
        return None
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


@post("/appearance", include_in_schema=False, opt=OPEN_EVERYWHERE)
async def choose_appearance(request: AnyRequest) -> Redirect:
    """Store ``theme`` or ``scale`` and redirect to the page with the form."""
    form = await read_form(request)
    chosen = read_appearance(request).changed(form.text("theme"), form.text("scale"))
    value = f"{chosen.theme}.{chosen.scale}"
    cookie = cookies_of(request).make(
        _cookie_name(request), value, max_age=ONE_YEAR_SECONDS, path=WHOLE_HOST
    )
    back = safe_redirect_path(form.text("back"), default="/")
    return Redirect(back, status_code=303, cookies=[cookie])
