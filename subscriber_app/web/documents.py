"""``/learn/teaching`` and ``/learn/docs``: the guides for a class, and all other pages of docs/."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from hookshop.locations import asset_folder
from hookshop.webkit.access import OPEN_TO_ALL, may_manage
from hookshop.webkit.markdown import Address, headings, render, title_of
from hookshop.webkit.sandbox_paths import link
from subscriber_app.config import Settings
from subscriber_app.parts import SubscriberParts
from subscriber_app.web.dependencies import TheParts, TheSettings

AnyRequest = Request[Any, Any, Any]

TEACHING, DOCS, HANDOUTS, RECEIVERS = (
    f"/learn/{name}" for name in ("teaching", "docs", "handouts", "receivers")
)
MIN_CONTENTS = 4  # a page with fewer sections needs no list of them
# The addresses of a demo, as the texts name them.
_SHOP, _SUBSCRIBER = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
_FOLDER = asset_folder("docs")


@dataclass(frozen=True, slots=True)
class Document:
    """A page of docs/. ``file``: in that folder, such as ``teaching/python.md``."""

    file: str
    text: str

    @property
    def title(self) -> str:
        """Return its heading."""
        return title_of(self.text)

    def anchor(self, beginning: str) -> str:
        """Return the anchor of the first heading that begins so. Raise ``StopIteration``."""
        return next(each.anchor for each in headings(self.text) if each.text.startswith(beginning))


@get([TEACHING, f"{TEACHING}/{{guide:str}}"], include_in_schema=False, opt=OPEN_TO_ALL)
async def show_guide(
    request: AnyRequest, parts: TheParts, settings: TheSettings, guide: FromPath[str] = ""
) -> Template:
    """Show the guide for teachers, or that of the receiver in a language."""
    return _page(f"{TEACHING}/{guide}".rstrip("/"), request, parts, settings)


@get([DOCS, f"{DOCS}/{{page:str}}"], include_in_schema=False, opt=OPEN_TO_ALL)
async def show_docs(
    request: AnyRequest, parts: TheParts, settings: TheSettings, page: FromPath[str] = ""
) -> Template:
    """Show the index of the docs, or one of their pages."""
    return _page(f"{DOCS}/{page}".rstrip("/"), request, parts, settings)


def _page(page: str, request: AnyRequest, parts: SubscriberParts, settings: Settings) -> Template:
    document = DOCUMENTS.get(page)
    if document is None:
        raise NotFoundException(f"there is no page {page}")
    # Only those who manage the subscriber see where its shop is.
    shop = settings.for_browsers(parts.site.shop_url) if may_manage(request, settings) else None
    sections = [each for each in headings(document.text) if each.level == 2]  # noqa: PLR2004
    return Template(
        "subscriber/learn/document.html",
        context={
            "title": document.title,
            "contents": sections if len(sections) >= MIN_CONTENTS else [],
            "content": render(document.text, address_in(document.file, shop)),
        },
    )


def address_in(file: str, shop_url: str | None) -> Address:
    """Return where the links of a file of docs/ lead. ``shop_url``: None to hide the shop."""

    def address(target: str) -> str | None:
        if target.startswith(_SUBSCRIBER):
            return link(target.removeprefix(_SUBSCRIBER) or "/")
        if target.startswith(_SHOP):
            return None if shop_url is None else shop_url + target.removeprefix(_SHOP)
        if "://" in target or target.startswith("#"):
            return target
        path, hash_, anchor = target.partition("#")
        named = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        page = _PAGES.get(named)
        return link(page) + hash_ + anchor if page else None

    return address


def _pages() -> Iterator[tuple[str, str]]:
    """Yield each file of docs/, and the page that shows it."""
    for folder, page in {".": DOCS, "teaching": TEACHING, "teaching/handouts": HANDOUTS}.items():
        for path in sorted((_FOLDER / folder).glob("*.md")):
            file = posixpath.normpath(f"{folder}/{path.name}")
            yield file, page if path.stem == "README" else f"{page}/{path.stem}"
    for path in (_FOLDER / "teaching" / "receivers").glob("*/*"):
        yield path.relative_to(_FOLDER).as_posix(), f"{RECEIVERS}/{path.name}"


_PAGES = dict(_pages())
DOCUMENTS = {
    page: Document(file, (_FOLDER / file).read_text(encoding="utf-8"))
    for file, page in _PAGES.items()
    if file.endswith(".md")
}
