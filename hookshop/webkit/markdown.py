"""The Markdown of docs/ as HTML. Pure.

HTML inside of a text is left out: it shows pictures, which only the repository has.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

# Return where a link of the text leads on our pages; None: nowhere, so only its words are shown.
Address = Callable[[str], str | None]
_CHANGED_LINES = {"+": "ins", "-": "del"}  # the elements for lines of a diff


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a text. ``level``: 1 to 6. ``anchor``: its place in the address of the page."""

    level: int
    text: str
    anchor: str


def render(text: str, address: Address = str) -> Markup:
    """Return the HTML of a text. Headings have the anchors that they have on GitHub."""
    tokens = [each for each in _MARKDOWN.parse(text) if each.type != "html_block"]
    for each in tokens:
        each.children = list(_with_addresses(each.children or [], address))
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S704 – escaped


@cache  # a page of a mission is rendered again each second while it is open
def headings(text: str) -> tuple[Heading, ...]:
    """Return all headings."""
    tokens = _MARKDOWN.parse(text)
    return tuple(
        Heading(int(each.tag[1]), words, _anchor(words))
        for each, inline in pairwise(tokens)
        if each.type == "heading_open" and (words := _words(inline))
    )


def title_of(text: str) -> str:
    """Return the heading of the first level. Raise ``ValueError`` if the text begins otherwise."""
    first = next(iter(headings(text)), None)
    if first is None or first.level != 1 or not text.startswith("# "):
        raise ValueError("the text must begin with a heading of the first level")
    return first.text


def _with_addresses(tokens: Sequence[Token], address: Address) -> Iterator[Token]:
    """Yield the tokens of a paragraph, its links with their addresses on our pages."""
    leads_somewhere = True
    for each in tokens:
        if each.type == "html_inline":
            continue
        if each.type == "link_open":
            target = address(str(each.attrs["href"]))
            leads_somewhere = target is not None
            each.attrs["href"] = target or ""
        if leads_somewhere or each.type not in {"link_open", "link_close"}:
            yield each


def _words(inline: Token) -> str:
    return "".join(each.content for each in inline.children or [])


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


class _Renderer(RendererHTML):
    """Writes the HTML of the tokens that are special here; the methods have the tokens' names."""

    def heading_open(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        tokens[index].attrSet("id", _anchor(_words(tokens[index + 1])))
        return self.renderToken(tokens, index, options, env)

    def table_open(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Begin a box for a wide table. It scrolls, also with the keyboard."""
        return f'<div class="scrolls" tabindex="0">{self.renderToken(tokens, index, options, env)}'

    def table_close(
        self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"{self.renderToken(tokens, index, options, env)}</div>"

    def fence(
        self, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        """Return a block of code. It can have the focus, so that the keyboard can scroll it."""
        token = tokens[index]
        code = _diff(token.content) if token.info == "diff" else escape(token.content)
        return Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(code)


def _diff(text: str) -> Markup:
    lines = (_changed(each) for each in text.splitlines(keepends=True))
    return Markup("").join(lines)


def _changed(line: str) -> Markup:
    element = _CHANGED_LINES.get(line[:1])
    return Markup("<{0}>{1}</{0}>").format(element, line) if element else escape(line)


_MARKDOWN = MarkdownIt("commonmark", renderer_cls=_Renderer).enable("table")
