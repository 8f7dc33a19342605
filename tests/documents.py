"""The README and the pages of docs/, as the tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FOLDER = ROOT / "docs"
PAGES = sorted(FOLDER.glob("*.md"))
TEACHING = sorted((FOLDER / "teaching").glob("*.md"))
DOCUMENTS = [
    README,
    *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *PAGES,
    *TEACHING,
]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """Return the text of the page ``docs/<name>.md``."""
    return (FOLDER / f"{name}.md").read_text()


def section(text: str, heading: str) -> str:
    """Return the text between this heading, such as ``## Words``, and the next one of any level."""
    [_before, after] = text.split(f"\n{heading}\n")
    return re.split(r"\n#+ ", after)[0]


def code_blocks(text: str, language: str) -> list[str]:
    """Return all code blocks in this language, without fences and indentation."""
    return [
        re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
        for indent, found, code in _FENCE.findall(text)
        if found == language
    ]


def code_block(text: str, language: str, containing: str) -> str:
    """Return the only code block in this language that contains this text."""
    [block] = [block for block in code_blocks(text, language) if containing in block]
    return block


def links(text: str) -> list[str]:
    """Return the targets of all links and images outside code."""
    prose = without_code(text)
    return re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'\bsrc(?:set)?="([^"]+)"', prose)


def anchors(text: str) -> set[str]:
    """Return the anchors of all headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_in(text: str) -> str:
    """Return the text in code blocks and between backticks, one piece on each line."""
    pieces = [code for _, _, code in _FENCE.findall(text)]
    return "\n".join([*pieces, *re.findall(r"`([^`\n]+)`", without_code(text))])


def without_code(text: str) -> str:
    """Return the text without its code blocks."""
    return _FENCE.sub("", text)
