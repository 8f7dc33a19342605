"""``/reset``: empties this demo, the subscriber and its shop, after one question."""

from litestar import get, post
from litestar.response import Redirect, Template

from subscriber_app.receiving.receipts import read_stats
from subscriber_app.resetting import reset
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.web.dependencies import TheClock, TheParts


@get("/reset", include_in_schema=False)
async def confirm_reset(parts: TheParts) -> Template:
    """Show what will be deleted, and ask for confirmation."""
    async with parts.database.reading() as session:
        stats = await read_stats(session)
    return Template(
        "subscriber/sandboxes/reset.html",
        context={"stats": stats, "shop_url": parts.site.shop_url},
    )


@post("/reset", include_in_schema=False)
async def reset_demo(parts: TheParts, clock: TheClock) -> Redirect | Template:
    """Empty the shop, so that it sends nothing more, then the subscriber.

    If the shop refuses, the subscriber is emptied all the same, and the page says so.
    """
    problem = ""
    try:
        await parts.shop.reset()
    except ShopError as error:
        problem = str(error)
    await reset(parts, keep_subscription=True, now=clock)
    if not problem:
        return Redirect("/", status_code=303)
    return Template(
        "subscriber/sandboxes/half_reset.html",
        context={"problem": problem, "shop_url": parts.site.shop_url},
        status_code=502,
    )
