"""Names and flags of all cookies, in one place.

All ports of a host share their cookies. So each name ends with the digest of a key of the instance.
Two instances on one host do not mix up their cookies, nor does one before and after ``make reset``.
Behind a proxy, other programs may have the same host. So cookies are sent only below the path of
the public URL, and those of a sandbox only below its own path.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from hookshop.webkit.key_files import read_or_create
from hookshop.webkit.sandbox_paths import current_base
from hookshop.webkit.sandbox_rules import MAIN
from hookshop.webkit.settings import ServerSettings

SAME_SITE: Final = "lax"  # "strict" would hide a cookie when a link of another site opens the page
IS_HTTP_ONLY = True  # out of reach of scripts
DIGEST_LENGTH = 8
WHOLE_HOST = "/"


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one instance of an application.

    ``app_key``: a key of the application. ``folder_key``: a key of all applications in one folder.
    ``is_secure``: whether browsers may send the cookies over TLS only. ``path``: where the
    application's addresses begin, such as ``/hookshop`` or ``/``.
    """

    app: str
    app_key: str
    folder_key: str
    is_secure: bool
    path: str = WHOLE_HOST

    def name(self, purpose: str) -> str:
        """Return the name of a cookie of this application in the current sandbox.

        For example ``shop_cart_0193c0ff``.
        """
        # A browser also sends a cookie for ``/`` to all sandboxes.
        sandbox = current_base().sandbox
        if sandbox == MAIN:
            return self.main_name(purpose)
        return f"{self.app}_{purpose}_{_digest(f'{self.app_key}/{sandbox}')}"

    def main_name(self, purpose: str) -> str:
        """Return the name of a cookie of this application in the sandbox ``main``."""
        return f"{self.app}_{purpose}_{_digest(self.app_key)}"

    def shared_name(self, purpose: str) -> str:
        """Return the name of a cookie that the shop and the subscriber of one demo share."""
        return f"hookshop_{purpose}_{_digest(self.folder_key)}"

    def make(
        self, name: str, value: str, *, max_age: int | None = None, path: str | None = None
    ) -> Cookie:
        """Return a cookie with the flags of all cookies.

        ``max_age``: in seconds; 0 deletes it; None keeps it until the browser is closed. ``path``:
        browsers send it only to this path and below; None: to the current sandbox.
        """
        return Cookie(
            key=name,
            value=value,
            path=path or current_base().prefix or WHOLE_HOST,
            max_age=max_age,
            httponly=IS_HTTP_ONLY,
            samesite=SAME_SITE,
            secure=self.is_secure,
        )


def open_cookies(settings: ServerSettings) -> Cookies:
    """Return the cookies of the application with these settings."""
    return Cookies(
        app=settings.APP,
        app_key=session_key(settings),
        folder_key=_folder_key(settings),
        is_secure=settings.base_url.startswith("https:"),
        path=urlsplit(settings.base_url).path or WHOLE_HOST,
    )


def cookies_of(connection: "ASGIConnection[Any, Any, Any, Any]") -> Cookies:
    """Return the cookies of the application that answers this request."""
    cookies = connection.app.state.cookies
    assert isinstance(cookies, Cookies)  # noqa: S101 – for the type
    return cookies


def session_key(settings: ServerSettings) -> str:
    """Return the key for sessions and forms: the setting, or else the one in a file.

    Either way, sessions and forms survive a restart.
    """
    return _configured_key(settings) or _read_key(settings, f"{settings.APP}.key")


def _folder_key(settings: ServerSettings) -> str:
    # With a configured key, several machines are one instance and need no folder in common.
    return _configured_key(settings) or _read_key(settings, "cookies.key")


def _configured_key(settings: ServerSettings) -> str | None:
    return settings.session_key.get_secret_value() if settings.session_key else None


def _read_key(settings: ServerSettings, file: str) -> str:
    return read_or_create(settings.var / file, lambda: secrets.token_hex().encode()).decode()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:DIGEST_LENGTH]
