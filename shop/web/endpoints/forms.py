"""The forms that register and edit an endpoint. Their checks need no database."""

from dataclasses import dataclass, field

from hookshop.webkit.forms import Form
from hookshop.webkit.plain_text import MAX_DESCRIPTION_LENGTH, text_problem
from shop.database.models import Endpoint
from shop.vocabulary import EventType
from shop.webhooks.endpoints.registry import SUBSCRIBABLE_EVENT_TYPES, EndpointChange, NewEndpoint

EVENT_TYPE_CHOICES = [(one.value, one.value) for one in SUBSCRIBABLE_EVENT_TYPES]


@dataclass(slots=True)
class Registration:
    """The registration form. ``errors``: messages by field."""

    webhook_url: str = ""
    description: str = ""
    event_types: list[str] = field(default_factory=lambda: [EventType.PURCHASE_CREATED.value])
    errors: dict[str, str] = field(default_factory=dict)
    existing_endpoint_id: str = ""

    @classmethod
    def read(cls, form: Form) -> "Registration":
        """Return the checked input."""
        typed = cls(form.text("webhook_url"), form.line("description"), form.texts("event_types"))
        typed.errors = _problems(
            webhook_url="" if typed.webhook_url else "Enter the URL of your receiver.",
            description=_description_problem(typed.description),
            event_types=_event_types_problem(typed.event_types),
        )
        return typed

    @property
    def status(self) -> int:
        """The HTTP status of a page that shows the form."""
        if self.existing_endpoint_id:
            return 409
        return 422 if self.errors else 200

    @property
    def new_endpoint(self) -> NewEndpoint:
        """The endpoint to register. Use it only if there are no errors."""
        types = [EventType(value) for value in self.event_types]
        return NewEndpoint(self.webhook_url, types, self.description)


@dataclass(slots=True)
class Edit:
    """The form that changes an endpoint. Its URL is fixed, because the secret belongs to it."""

    description: str
    event_types: list[str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, endpoint: Endpoint) -> "Edit":
        """Return the form with the endpoint's current values."""
        return cls(endpoint.description, endpoint.event_types)

    @classmethod
    def read(cls, form: Form) -> "Edit":
        """Return the checked input."""
        typed = cls(form.line("description"), form.texts("event_types"))
        typed.errors = _problems(
            description=_description_problem(typed.description),
            event_types=_event_types_problem(typed.event_types),
        )
        return typed

    @property
    def change(self) -> EndpointChange:
        """The change to make. Use it only if there are no errors."""
        types = [EventType(value) for value in self.event_types]
        return EndpointChange(description=self.description, event_types=types)


def _problems(**by_field: str) -> dict[str, str]:
    return {name: problem for name, problem in by_field.items() if problem}


def _description_problem(text: str) -> str:
    return text_problem(text, max_length=MAX_DESCRIPTION_LENGTH)


def _event_types_problem(values: list[str]) -> str:
    if not values:
        return "Select at least one event."
    if not set(values) <= set(SUBSCRIBABLE_EVENT_TYPES):
        return "Select events from the list."
    return ""
