"""Markdown as HTML: the forms that the handouts use, and no others. Pure.

Headings, paragraphs, lists, tables, code blocks, ``code``, **bold** and [links](url). The text is
ours, and is escaped all the same.
"""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"(#+) (.+)")
_ITEM = re.compile(r"(?:-|\d+\.) (.+)", re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\[([^\]]+)\]\(([^)\s]+)\)", re.DOTALL)
_RULE = re.compile(r"[|\s:-]+")


def render(text: str) -> Markup:
    """Return the HTML of a text."""
    html: list[Markup] = []
    # Every second part is the inside of a code block.
    for number, part in enumerate(_FENCE.split(text)):
        if number % 2:
            html.append(Markup('<pre tabindex="0"><code>{}</code></pre>').format(part))
        else:
            html += [_block(each) for each in re.split(r"\n{2,}", part.strip()) if each]
    return Markup("\n").join(html)


def title_of(text: str) -> str:
    """Return the heading of the first level. Raise ``ValueError`` if the first line is not one."""
    heading = _HEADING.fullmatch(text.partition("\n")[0])
    if heading is None or heading[1] != "#":
        raise ValueError("the text must begin with a heading of the first level")
    return heading[2]


def _block(block: str) -> Markup:
    lines = block.split("\n")
    if heading := _HEADING.fullmatch(block):
        return Markup("<h{0}>{1}</h{0}>").format(len(heading[1]), _inline(heading[2]))
    if lines[0].startswith("|"):
        return _table(lines)
    if _ITEM.match(block):
        return _list(lines)
    return Markup("<p>{}</p>").format(_inline(block))


def _list(lines: Sequence[str]) -> Markup:
    """Return a list. A line that begins no item continues the one before."""
    template = Markup("<ul>{}</ul>") if lines[0].startswith("-") else Markup("<ol>{}</ol>")
    items: list[str] = []
    for line in lines:
        if item := _ITEM.fullmatch(line):
            items.append(item[1])
        else:
            items[-1] += f"\n{line.strip()}"
    return _joined(template, [Markup("<li>{}</li>").format(_inline(each)) for each in items])


def _table(lines: Sequence[str]) -> Markup:
    head, *body = [line for line in lines if not _RULE.fullmatch(line)]
    head_cell, cell = Markup("<th>{}</th>"), Markup("<td>{}</td>")
    rows = [_row(head, head_cell), *(_row(line, cell) for line in body)]
    return _joined(Markup("<table>{}</table>"), rows)


def _row(line: str, cell: Markup) -> Markup:
    texts = line.strip("|").split("|")
    cells = [cell.format(_inline(each.strip())) for each in texts]
    return _joined(Markup("<tr>{}</tr>"), cells)


def _joined(template: Markup, parts: Sequence[Markup]) -> Markup:
    return template.format(Markup("").join(parts))


def _inline(text: str) -> Markup:
    html, end = Markup(""), 0
    for found in _INLINE.finditer(text):
        html += escape(text[end : found.start()]) + _styled(found)
        end = found.end()
    return html + escape(text[end:])


def _styled(found: re.Match[str]) -> Markup:
    code, bold, label, address = found.groups()
    if code is not None:
        return Markup("<code>{}</code>").format(code)
    if bold is not None:
        return Markup("<strong>{}</strong>").format(_inline(bold))
    return Markup('<a href="{}">{}</a>').format(address, label)
