"""Calls of the JSON APIs. Every failure becomes one line that says what to do."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from hookshop import __version__
from hookshop.webkit.plain_text import escape_unprintable

TIMEOUT_SECONDS = 75.0  # longer than the longest call, which waits for 60 s
MAX_SHOWN_LENGTH = 300  # characters
UNAUTHORIZED = 401


class CallError(click.ClickException):
    """A call failed. ``status``: of the response; None if there was none. Exit code 1."""

    def __init__(self, message: str, *, status: int | None = None, document: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.document = document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True)
class JsonApi:
    """The JSON API at ``url``, the base URL of an application or of a sandbox.

    ``name``: "shop" or "subscriber", for sentences. ``token``: for its management calls.
    """

    name: str
    url: str
    token: str | None = None

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of a successful response; None without a body. Raise ``CallError``."""
        request = urllib.request.Request(  # noqa: S310 – the option's type checks the scheme
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            self._headers(),
            method=method,
        )
        try:
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as response:
                return self._parse(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error.read(1_000_000)) from None
        except (OSError, http.client.HTTPException) as error:
            raise CallError(self._unreachable(error)) from None

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": f"hookshop/{__version__}"}
        return headers | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    def _parse(self, raw: bytes) -> Any:
        try:
            return json.loads(raw) if raw else None
        except ValueError:
            raise CallError(self._no_api()) from None

    def _refused(self, status: int, raw: bytes) -> CallError:
        try:
            document = json.loads(raw)
            detail = str(document["detail"])
        except (ValueError, KeyError, TypeError):
            return CallError(self._no_api(status), status=status)
        if status == UNAUTHORIZED:
            option = "--token" if self.name == "shop" else f"--{self.name}-token"
            detail += f". Give the token of the {self.name} with {option}."
        shown = escape_unprintable(detail[:MAX_SHOWN_LENGTH])
        return CallError(f"The {self.name} refused: {shown}", status=status, document=document)

    def _unreachable(self, error: Exception) -> str:
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        option = f"--{self.name}"
        return (
            f"The {self.name} at {self.url} does not answer ({reason}). "
            f"Start one with “hookshop demo”, or say where it is with {option} URL."
        )

    def _no_api(self, status: int | None = None) -> str:
        what = "an answer without JSON" if status is None else f"{status} without an explanation"
        return (
            f"{self.url} is not the address of a Hookshop {self.name}: {what}. "
            f"Check the option --{self.name}."
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Fail instead: the token is for this address only."""

    def redirect_request(self, *_args: Any) -> None:
        return None


# No proxies from the environment: they would get calls for this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


class BaseUrl(click.ParamType[str]):
    """The type of an option: the base URL of an application or a sandbox."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL without a slash at the end."""
        text = str(value).strip().rstrip("/")
        try:
            parts = urlsplit(text)
            parts.port  # noqa: B018 – raises for a port that is none
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            self.fail(f"{text!r} is not a URL such as http://127.0.0.1:8000", param, ctx)
        if parts.query or parts.fragment or not (text.isascii() and text.isprintable()):
            self.fail(f"{text!r} must be a base URL: without ? and #", param, ctx)
        return text
