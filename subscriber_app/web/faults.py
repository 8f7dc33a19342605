"""The form that sets a fault, on the inbox, and the banner in the header of every page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region
from hookshop.webkit.security import safe_redirect_path
from subscriber_app.faults import BadFault, Fault, FaultMode, Faults, make_fault
from subscriber_app.faults.settings import PARAMETERS
from subscriber_app.web.dependencies import TheFaults

MODE_CHOICES = [
    (FaultMode.STATUS.value, "Status code"),
    (FaultMode.SLOW.value, "Late response"),
    (FaultMode.NEVER.value, "No response, until the sender times out"),
    (FaultMode.DROP.value, "Closed connection"),
    (FaultMode.ACCEPT_THEN_500.value, "500 after booking, which causes duplicates"),
    (FaultMode.RANDOM.value, "Status code, for a random share of requests"),
    (FaultMode.SCRIPT.value, "Script, one word per request"),
]
DEFAULT_VALUES = {
    "mode": FaultMode.STATUS.value,
    "status": "500",
    "retry_after": "",
    "location": "",
    "seconds": "3",
    "percent": "30",
    "seed": "1",
    "script": "503 503 timeout 429:5 drop 200",
}
_TEXTS = {"location", "script"}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(frozen=True, slots=True)
class FaultForm:
    """The values of the form. ``problem``: what is wrong with them, or "".

    ``is_open``: the form is not folded.
    """

    values: Mapping[str, str] = field(default_factory=lambda: DEFAULT_VALUES)
    problem: str = ""
    is_open: bool = False
    modes = MODE_CHOICES

    @classmethod
    def showing(cls, fault: Fault) -> "FaultForm":
        """Return the form with the current fault, even if its script has ended, to set it again."""
        if fault.mode is FaultMode.NONE:
            return cls()
        return cls(DEFAULT_VALUES | {name: str(it) for name, it in fault.document().items()})


@get("/faults", include_in_schema=False)
async def show_faults(request: AnyRequest, faults: TheFaults) -> Template:
    """Show the form alone, for a link of a mission. ``mode``: the fault to choose."""
    values = FaultForm.showing(faults.current).values
    mode = request.query_params.get("mode")
    if mode in dict(MODE_CHOICES):
        values = {**values, "mode": mode}
    return Template(
        "subscriber/inbox/faults.html", context={"fault_form": FaultForm(values, is_open=True)}
    )


@post("/faults", include_in_schema=False)
async def set_fault(request: AnyRequest, faults: TheFaults) -> AnyResponse:
    """Set the fault in the form; the mode ``none`` ends it. Then lead to ``back`` or the inbox."""
    form = await read_form(request)
    values = {name: form.text(name) for name in DEFAULT_VALUES}
    try:
        fault = _fault(values)
    except BadFault as error:
        return _show_again(FaultForm(values, _sentence(str(error)), is_open=True))
    await faults.set(fault)
    return Redirect(safe_redirect_path(form.text("back"), default="/"), status_code=303)


def _fault(values: Mapping[str, str]) -> Fault:
    if values["mode"] not in list(FaultMode):
        raise BadFault("choose a fault")
    mode = FaultMode(values["mode"])
    # Browsers send the fields of all modes: use those of the chosen one.
    given = {name: values[name] for name in PARAMETERS[mode] if values.get(name)}
    return make_fault(mode, **{name: _read(name, value) for name, value in given.items()})


def _read(name: str, value: str) -> str | int:
    if name in _TEXTS:
        return value
    if not _NUMBER.fullmatch(value):
        raise BadFault(f"{name} must be a whole number of at most nine digits")
    return int(value)


def _show_again(form: FaultForm) -> AnyResponse:
    return Template("subscriber/inbox/faults.html", context={"fault_form": form}, status_code=422)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def fault_banner() -> Region:
    """Return the banner with the current fault."""
    return Region("fault-banner", "subscriber/_fault_banner.html", _read_nothing)


def fault_card(faults: Faults) -> Region:
    """Return the form on the inbox."""

    async def read() -> dict[str, Any]:
        return {"fault_form": FaultForm.showing(faults.current)}

    return Region("faults", "subscriber/inbox/_faults.html", read)


async def _read_nothing() -> dict[str, Any]:
    return {}  # the fragment calls current_fault(), which every page has
