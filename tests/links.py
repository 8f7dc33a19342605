"""Finds the addresses in a page that a browser may request, whatever the attribute."""

from collections.abc import Collection, Iterable
from html.parser import HTMLParser
from urllib.parse import urljoin

ATTRIBUTES = {
    "href",
    "xlink:href",
    "src",
    "action",
    "formaction",
    "hx-get",
    "hx-post",
    "hx-sse:connect",
}


def requested_urls(html: str, page_url: str) -> set[str]:
    """Return each address of the page as a whole URL, without its fragment."""
    reader = _Reader()
    reader.feed(html)
    return {urljoin(page_url, each).partition("#")[0] for each in reader.addresses}


def misplaced(urls: Iterable[str], roots: Collection[str]) -> list[str]:
    """Return the URLs that are below none of ``roots``."""
    return [url for url in sorted(urls) if not any(url.startswith(f"{root}/") for root in roots)]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.addresses: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ATTRIBUTES]
