"""The page of the defences, and the switches on it and in the header of every page."""

from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, Template

from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.security import safe_redirect_path
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.defences import Defence
from subscriber_app.receiving.receipts import ReceiptFilter, list_receipts
from subscriber_app.vocabulary import Verdict
from subscriber_app.web.attack_labels import ATTACKS
from subscriber_app.web.defence_labels import DEFENCES
from subscriber_app.web.dependencies import TheDatabase, TheDefences

SWITCH_POSITIONS = ("on", "off")

AnyRequest = Request[Any, Any, Any]


@get("/defences", include_in_schema=False)
async def show_defences(database: TheDatabase, defences: TheDefences) -> Template:
    """Show each defense: its purpose, what happens without it, and the attacks that prove it."""
    return Template(
        "subscriber/defences/defences.html",
        context={
            "defences": [(each, DEFENCES[each], each not in defences.off) for each in Defence],
            "attacks": {attack: label.name for attack, label in ATTACKS.items()},
            "specimen": await _specimen(database),
        },
    )


@post("/defences", include_in_schema=False)
async def set_defences(request: AnyRequest, defences: TheDefences) -> Redirect:
    """Switch one ``defence`` ``on`` or ``off``; without a name, switch all of them on."""
    form = await read_form(request)
    name, position = form.text("defence"), form.text("position")
    if position not in SWITCH_POSITIONS or (name and name not in list(Defence)):
        raise Problem(422, "switch one defense on or off, or all of them on")
    if not name and position == "off":
        raise Problem(422, "switch off one defense at a time")
    chosen = frozenset({Defence(name)}) if name else frozenset(Defence)
    await defences.set(defences.off | chosen if position == "off" else defences.off - chosen)
    back = safe_redirect_path(form.text("back"), default="/defences")
    return Redirect(back, status_code=303)


async def _specimen(database: Database) -> str | None:
    """Return the id of the newest accepted receipt, as an example to attack."""
    async with database.reading() as session:
        page = await list_receipts(session, ReceiptFilter(Verdict.ACCEPTED), limit=1)
    return page.receipts[0].id if page.receipts else None
