"""Calls of a JSON API, with Python's standard library."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]
Query = Mapping[str, str | int | float | None]

REQUEST_SECONDS = 15.0  # of a call that does not wait
MAX_WAIT_SECONDS = 60  # of one call; the servers allow no more

# A proxy of the environment must not get calls to this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HookshopError(Exception):
    """Something went wrong with Hookshop. The message says what, and what to do."""


class ApiError(HookshopError):
    """A call was refused. ``status``: of the response. ``detail``: its sentence."""

    def __init__(self, call: str, status: int, detail: str) -> None:
        super().__init__(f"{call} was refused with {status}: {detail}")
        self.status = status
        self.detail = detail


class UnreachableError(HookshopError):
    """The server does not respond. ``url``: its base URL."""

    def __init__(self, url: str, reason: object) -> None:
        super().__init__(f"{url} does not respond: {reason}")
        self.url = url


class ApiClient:
    """Calls an API. ``url``: the base URL, of a sandbox or not, without a slash at its end."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, query: Query | None = None, *, seconds: float = 0) -> Json:
        """Return the document. ``seconds``: how long the server may wait before it responds."""
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        address = f"{path}?{urlencode(wanted)}" if wanted else path
        __tracebackhide__ = True
        return self.call("GET", address, seconds=seconds)

    def post(self, path: str, body: Json | None = None, **headers: str) -> Json:
        """Return the document of the response."""
        __tracebackhide__ = True
        return self.call("POST", path, body, headers=headers)

    def put(self, path: str, body: Json) -> Json:
        """Return the document of the response."""
        __tracebackhide__ = True
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Json) -> Json:
        """Return the document of the response."""
        __tracebackhide__ = True
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete what is at the path."""
        __tracebackhide__ = True
        self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 0,
    ) -> Json:
        """Return the JSON object of the response, or ``{}`` if it has none.

        Raise ``ApiError`` for a status of 400 or more, ``UnreachableError`` without a response.
        """
        __tracebackhide__ = True  # of pytest: show the line of the test
        sent = dict(self._headers) | {
            name.replace("_", "-"): value for name, value in (headers or {}).items()
        }
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, sent, method=method)  # noqa: S310 – the caller's URL
        try:
            with _OPENER.open(request, timeout=seconds + REQUEST_SECONDS) as response:
                return _json_object(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(f"{method} {self.url}{path}", error) from None
        except urllib.error.URLError as error:
            raise UnreachableError(self.url, error.reason) from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(self.url, repr(error)) from error


def _refusal(call: str, error: urllib.error.HTTPError) -> ApiError:
    try:
        detail = str(_json_object(error.read()).get("detail", error.reason))
    except (OSError, http.client.HTTPException):
        detail = str(error.reason)
    return ApiError(call, error.code, detail)


def _json_object(raw: bytes) -> Json:
    try:
        document = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
