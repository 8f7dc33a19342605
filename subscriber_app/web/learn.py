"""``/learn``: what webhooks are, for somebody who has never heard of them."""

from litestar import get
from litestar.response import Template

from hookshop.webkit.access import OPEN_TO_ALL


@get("/learn", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_learn() -> Template:
    """Show the explanation, where to start, and the glossary."""
    return Template("subscriber/learn/learn.html")
