"""The Jinja environment of an application's pages."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hookshop.webkit.access import is_logged_in
from hookshop.webkit.appearance import read_appearance, way_back

TEMPLATES = Path(__file__).parents[2] / "templates"


def jinja_environment(
    app: str, *, ways_on: list[tuple[str, str]], **page_globals: object
) -> Environment:
    """Return an environment that escapes everything and fails on undefined variables.

    ``app``: the folder of the application's templates. ``ways_on``: address and label of the links
    on error pages. ``page_globals``: further names for every page, error pages included.
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
        "ways_on": ways_on,
        "is_logged_in": is_logged_in,
        "read_appearance": read_appearance,
        "way_back": way_back,
        **page_globals,
    }
    return environment
