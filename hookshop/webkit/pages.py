"""The Jinja environment of an application's pages."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hookshop.webkit.access import is_logged_in
from hookshop.webkit.appearance import current_address, read_appearance
from hookshop.webkit.double_submit import new_nonce
from hookshop.webkit.glossary import GLOSSARY

TEMPLATES = Path(__file__).parents[2] / "templates"


def jinja_environment(
    app: str, *, error_page_links: list[tuple[str, str]], **page_globals: object
) -> Environment:
    """Return an environment that escapes all values and fails on undefined variables.

    ``app``: the folder of the application's templates. ``error_page_links``: address and label of
    the links on error pages. ``page_globals``: further names for all pages, including error pages.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "app_layout": f"{app}/layout.html",
        "error_page_links": error_page_links,
        "is_logged_in": is_logged_in,
        "new_nonce": new_nonce,
        "read_appearance": read_appearance,
        "current_address": current_address,
        "glossary": GLOSSARY,
        **page_globals,
    }
    return environment
