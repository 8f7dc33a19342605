"""The form that makes a sandbox. Its checks need no database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from hookshop.webkit.forms import Form
from hookshop.webkit.plain_text import sentence
from hookshop.webkit.sandbox_rules import DEFAULT_LIFETIME_SECONDS, LIFETIMES
from shop.sandboxes.settings import InvalidSetting, SandboxSettings, check

# How the text of each setting is read. An empty field: that of the shop.
_READ: dict[str, Callable[[str], Any]] = {
    "retry_schedule": str,
    "jitter": float,
    "request_timeout_seconds": float,
    "breaker_failures": int,
    "disable_after_failures": int,
}


@dataclass(slots=True)
class NewSandboxForm:
    """What was entered. ``settings``: texts by name. ``errors``: messages by field."""

    id: str = ""
    lifetime: str = str(DEFAULT_LIFETIME_SECONDS)
    settings: dict[str, str] = field(default_factory=lambda: dict.fromkeys(_READ, ""))
    errors: dict[str, str] = field(default_factory=dict)

    lifetimes = tuple(LIFETIMES.items())

    @classmethod
    def read(cls, form: Form) -> "NewSandboxForm":
        """Return the checked input. The id is checked when the sandbox is made."""
        entered = cls(
            form.text("id"),
            form.text("expires_in_seconds"),
            {name: form.text(name) for name in _READ},
        )
        if entered.lifetime not in LIFETIMES:
            entered.errors["expires_in_seconds"] = "Choose when the sandbox expires."
        for name in _READ:
            if problem := entered.problem_of(name):
                entered.errors[name] = problem
        return entered

    @property
    def has_settings(self) -> bool:
        """Whether the folded part of the form must be shown."""
        return any(self.settings.values())

    @property
    def own_settings(self) -> SandboxSettings:
        """The settings to store. Use it only if there are no errors."""
        own = {name: _READ[name](text) for name, text in self.settings.items() if text}
        return cast("SandboxSettings", own)

    def problem_of(self, name: str) -> str:
        """Return what is wrong with a setting, or nothing."""
        text = self.settings[name]
        try:
            check(cast("SandboxSettings", {name: _READ[name](text)} if text else {}))
        except InvalidSetting as error:
            return sentence(str(error).partition(": ")[2])
        except ValueError:
            return "Enter a whole number." if _READ[name] is int else "Enter a number."
        return ""
