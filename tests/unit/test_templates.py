"""Rules for the template files, checked on their text."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

TEMPLATES = Path(__file__).parents[2] / "templates"
FILES = [path.relative_to(TEMPLATES).as_posix() for path in sorted(TEMPLATES.rglob("*.html"))]
OWN_SCRIPT = re.compile(r'<script[^>]+src="/static/js/[^>]*>')


def read(name: str) -> str:
    return (TEMPLATES / name).read_text()


def holds_macros_only(name: str) -> bool:
    """Return whether the file only defines macros."""
    body = Environment(autoescape=True).parse(read(name)).body
    shown = [node for node in body if not isinstance(node, nodes.Macro | nodes.Import)]
    return any(isinstance(node, nodes.Macro) for node in body) and all(map(shows_nothing, shown))


def shows_nothing(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Output):
        return all(
            isinstance(each, nodes.TemplateData) and not each.data.strip() for each in node.nodes
        )
    return isinstance(node, nodes.Assign | nodes.FromImport)


@pytest.mark.parametrize("name", FILES)
def test_exactly_the_files_of_macros_are_named_so(name: str) -> None:
    assert name.endswith("macros.html") == holds_macros_only(name)


@pytest.mark.parametrize("name", FILES)
def test_every_script_of_our_own_is_a_module(name: str) -> None:
    for tag in OWN_SCRIPT.findall(read(name)):
        assert 'type="module"' in tag


def test_every_address_of_a_template_goes_through_link() -> None:
    own = re.compile(r'(?<![\w-])(?:href|action|formaction|src|hx-post|hx-get|hx-sse:connect)="/')

    found = [
        f"{path.relative_to(TEMPLATES)}: {line.strip()}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for line in path.read_text().splitlines()
        if own.search(line)
    ]

    assert not found, 'write "{{ link("/…") }}", so that the page works in a sandbox, too'
