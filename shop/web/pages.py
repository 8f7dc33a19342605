"""The pages: one Jinja environment for all of them, and the list of their handlers."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.handlers import HTTPRouteHandler

TEMPLATES = Path(__file__).parent.parent.parent / "templates"

page_handlers: list[HTTPRouteHandler] = []


def jinja_environment() -> Environment:
    """Escapes everything, and fails on a variable that a handler forgot."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
