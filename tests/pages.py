"""Reads pages as without JavaScript, and event streams message by message.

It is independent of both applications.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from httpx import AsyncClient, Response

from tests.waiting import MAX_WAIT_SECONDS

STATIC = Path(__file__).parents[1] / "static"
HEAVIEST_PAGE = 150_000  # bytes
INLINE = {"a", "b", "code", "dfn", "em", "small", "span", "strong", "time"}  # do not separate words


@dataclass(slots=True)
class Page:
    """A page. ``text``: all text between tags, with collapsed white space."""

    answer: Response
    text: str = ""
    links: dict[str, str] = field(default_factory=dict)  # the text of each address
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by field
    ticked: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)  # the actions
    scripts: list[str] = field(default_factory=list)  # the sources; "" for an inline one

    @property
    def status(self) -> int:
        return self.answer.status_code


def first_load(page: Page) -> int:
    """Return the bytes of the page and everything that it loads, uncompressed."""
    parts = set(re.findall(r'(?:src|href)="/static/([^"]+)"', page.answer.text))
    total: int = len(page.answer.content) + sum((STATIC / part).stat().st_size for part in parts)
    return total


_FORM = re.compile(r'<form[^>]* method="post" action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_BUTTON = re.compile(r'<button[^>]* formaction="([^"]+)"([^>]*)>')


def forms_without_nonce(page: Page, paths: Iterable[str]) -> list[str]:
    """Return the actions of a page with one of these paths that would act twice if sent twice.

    ``paths``: such as ``/orders/{order_id:str}/ship``.
    """
    pattern = "|".join(re.sub(r"{\w+:str}", "[^/]+", path) for path in paths)
    found = [*_FORM.findall(page.answer.text), *_BUTTON.findall(page.answer.text)]
    return [
        action
        for action, rest in found
        if re.fullmatch(pattern, action) and 'name="_nonce"' not in rest
    ]


class Visitor:
    """Visits pages. ``submit`` sends a form with the CSRF token of the pages."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **query: str) -> Page:
        answer = await self.client.get(path, params=query or None, follow_redirects=False)
        return read_page(answer)

    async def submit(self, path: str, seen_on: str = "/", **fields: Any) -> Page:
        token = (await self.get(seen_on)).values["_csrf_token"][0]
        data = {"_csrf_token": token, **fields}
        return read_page(await self.client.post(path, data=data, follow_redirects=False))


def read_page(answer: Response) -> Page:
    """Parse the HTML of a response."""
    reader = _Reader(Page(answer))
    reader.feed(answer.text)
    reader.page.text = " ".join("".join(reader.pieces).split())
    return reader.page


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.pieces: list[str] = []
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._part_words(tag)
        if tag == "a":
            self._link = attributes["href"]
            self.page.links[self._link] = ""
        elif tag == "form":
            self.page.forms.append(attributes["action"])
        elif tag == "script":
            self.page.scripts.append(attributes.get("src", ""))
        elif tag == "input":
            self.page.values[attributes["name"]].append(attributes["value"])
            if "checked" in attributes:
                self.page.ticked.append(attributes["value"])

    def handle_endtag(self, tag: str) -> None:
        self._part_words(tag)
        if tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        if self._link:
            self.page.links[self._link] += data

    def _part_words(self, tag: str) -> None:
        if tag not in INLINE:
            self.pieces.append(" ")


class Stream:
    """One open event stream."""

    def __init__(self, answer: Response) -> None:
        self._lines = answer.aiter_lines()

    async def until(self, text: str) -> Page:
        """Return the first message that contains ``text``."""
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            while True:
                message = await self.next_message()
                if text in message.text:
                    return message

    async def until_it_ends(self) -> None:
        """Return when the server has ended the stream."""
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            async for _line in self._lines:
                pass

    async def next_message(self) -> Page:
        """Return the data of the next message; skip comments."""
        data: list[str] = []
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            async for line in self._lines:
                if line.startswith("data:"):
                    data.append(line.removeprefix("data:").removeprefix(" "))
                elif not line and data:
                    break
        return read_page(Response(200, text="\n".join(data)))


@asynccontextmanager
async def opened(client: AsyncClient, address: str) -> AsyncIterator[Stream]:
    """Open the event stream at an address, and close it when the block ends."""
    async with client.stream("GET", address, timeout=MAX_WAIT_SECONDS) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer)
