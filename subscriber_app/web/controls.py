"""The switch that lets the subscriber fail on purpose, on its first page and in every header."""

from typing import Any

from litestar import Request, post
from litestar.response import Redirect

from subscriber_app.faults import HIGHEST_STATUS, LOWEST_STATUS, Fault, FaultMode
from subscriber_app.web.dependencies import TheFaults
from subscriber_app.web.errors import Problem
from subscriber_app.web.live import Region

# 410 is not among them: it would have the shop disable our endpoint for good.
FAULT_CHOICES = [
    ("500", "500 Internal Server Error"),
    ("503", "503 Service Unavailable"),
    ("429", "429 Too Many Requests"),
    ("404", "404 Not Found"),
]

AnyRequest = Request[Any, Any, Any]


@post("/faults", include_in_schema=False)
async def set_fault(request: AnyRequest, faults: TheFaults) -> Redirect:
    """Answer every webhook with ``status``; an empty one means: as it should be."""
    await faults.set(_fault(str((await request.form()).get("status", ""))))
    return Redirect("/", status_code=303)


def _fault(status: str) -> Fault:
    if not status:
        return Fault()
    if not (status.isascii() and status.isdecimal() and len(status) == len(str(HIGHEST_STATUS))):
        raise Problem(422, "a status is a number of three digits")
    if not LOWEST_STATUS <= int(status) <= HIGHEST_STATUS:
        raise Problem(422, f"choose a status from {LOWEST_STATUS} to {HIGHEST_STATUS}")
    return Fault(FaultMode.STATUS, int(status))


def fault_banner() -> Region:
    """What the header of every page says of the current fault."""
    return Region("fault-banner", "subscriber/_fault_banner.html", _read)


def fault_card() -> Region:
    """The switch on the first page."""
    return Region("faults", "subscriber/inbox/_faults.html", _read)


async def _read() -> dict[str, Any]:
    # The fragments ask current_fault(), which is there for the header of every page.
    return {"fault_choices": FAULT_CHOICES}
