"""How pages look to one reader: light, dark or as their system, in normal or presenter size.

A cookie remembers the choice and the server writes it into ``<html>``: a page is right from its
first paint, and without JavaScript. The form is in ``templates/shared/_appearance.html``.
"""

from dataclasses import dataclass
from typing import Any

from litestar import Request, post
from litestar.datastructures import Cookie
from litestar.response import Redirect

from hookshop.webkit.access import OPEN_TO_ALL
from hookshop.webkit.forms import read_form
from hookshop.webkit.security import own_path

# All ports of a host share their cookies. Here that is useful: several applications on a host read
# and write the same one, so that a presenter has to choose only once.
COOKIE_NAME = "hookshop_appearance"
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
        """Return a changed copy; an unknown word changes nothing."""
        return Appearance(
            theme if theme in THEMES else self.theme, scale if scale in SCALES else self.scale
        )


def read_appearance(request: AnyRequest) -> Appearance:
    """Return the choice in the cookie, such as ``dark.presenter``."""
    theme, _dot, scale = request.cookies.get(COOKIE_NAME, "").partition(".")
    return Appearance().changed(theme, scale)


def way_back(request: AnyRequest) -> str | None:
    """Return the address that shows this page again, or None for the answer to a form."""
    if request.method != "GET":
        return None
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


@post("/appearance", include_in_schema=False, opt=OPEN_TO_ALL)
async def choose_appearance(request: AnyRequest) -> Redirect:
    """Remember ``theme`` or ``scale``, and show again the page on which it was chosen."""
    form = await read_form(request)
    chosen = read_appearance(request).changed(form.text("theme"), form.text("scale"))
    cookie = Cookie(
        key=COOKIE_NAME,
        value=f"{chosen.theme}.{chosen.scale}",
        max_age=ONE_YEAR_SECONDS,
        httponly=True,
        samesite="lax",
    )
    back = own_path(form.text("back"), otherwise="/")
    return Redirect(back, status_code=303, cookies=[cookie])
