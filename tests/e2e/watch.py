"""Records all errors of a browser. A test fails for each error that it does not expect."""

import re
from collections.abc import Collection

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# A violation of the content security policy may be silent; this logs it.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`));
"""
# Leaving a page aborts its stream and unfinished requests.
LEFT = "net::ERR_ABORTED"


class Watch:
    """The errors of all pages of some contexts.

    ``urls``: of the applications; the pages may request only what is below them.
    """

    def __init__(self, urls: Collection[str]) -> None:
        self._urls = urls
        self._heard: list[str] = []
        self._expected: list[str] = []

    def over(self, context: BrowserContext) -> None:
        """Watch this context from now on."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("requestfailed", self._failure)

    def expect(self, pattern: str) -> None:
        """Expect errors that match this."""
        self._expected.append(pattern)

    @property
    def complaints(self) -> list[str]:
        """Return the unexpected errors."""
        return [
            complaint
            for complaint in self._heard
            if not any(re.search(pattern, complaint) for pattern in self._expected)
        ]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._heard.append(f"console: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        self._heard.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        if not any(request.url.startswith(f"{url}/") for url in self._urls):
            self._heard.append(f"request to elsewhere: {request.url}")

    def _failure(self, request: Request) -> None:
        if request.failure != LEFT:
            self._heard.append(f"failed: {request.method} {request.url} {request.failure}")
