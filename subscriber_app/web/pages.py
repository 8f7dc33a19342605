"""The handlers of all pages, and their Jinja environment."""

from typing import Any

from jinja2 import Environment
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from hookshop.webkit.access import login_pages, may_manage
from hookshop.webkit.appearance import choose_appearance
from hookshop.webkit.pages import jinja_environment
from subscriber_app.config import Settings
from subscriber_app.faults import Faults
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.defences import Defence
from subscriber_app.web import (
    attacks,
    dashboard,
    defences,
    editor,
    learn,
    purchases,
    subscription,
)
from subscriber_app.web import faults as fault_pages
from subscriber_app.web.defence_labels import DEFENCES
from subscriber_app.web.labels import event_name, fault_chip, fault_label, fault_sentence
from subscriber_app.web.state_labels import state_label
from subscriber_app.web.trace import pages as trace

AnyRequest = Request[Any, Any, Any]

page_handlers: list[HTTPRouteHandler] = [
    learn.show_learn,
    dashboard.show_inbox,
    dashboard.stream_inbox,
    dashboard.show_receipt,
    dashboard.download_har,
    dashboard.confirm_deleting,
    dashboard.delete_everything,
    purchases.show_purchases,
    purchases.stream_purchases,
    trace.show_trace,
    trace.stream_trace,
    attacks.launch_attack,
    attacks.show_attack,
    editor.show_editor,
    editor.edit,
    defences.show_defences,
    defences.set_defences,
    fault_pages.set_fault,
    subscription.show_subscription,
    subscription.stream_subscription,
    subscription.subscribe,
    subscription.confirm_unsubscribing,
    subscription.unsubscribe,
    subscription.rotate,
    subscription.adopt_secret,
    *login_pages(home="/"),
    choose_appearance,
]


def page_environment(faults: Faults, switches: DefenceSwitches, settings: Settings) -> Environment:
    """Return the Jinja environment of the subscriber's pages."""
    return jinja_environment(
        "subscriber",
        error_page_links=[("/", "Back to inbox"), ("/subscription", "Subscription")],
        header_links=lambda request: _links(request, settings),
        shop_url=settings.shop_url,
        state_label=state_label,
        # The login page and error pages are open to all.
        may_manage=lambda request: may_manage(request, settings),
        current_fault=lambda: faults.current,
        fault_sentence=fault_sentence,
        fault_chip=fault_chip,
        fault_label=fault_label,
        event_name=event_name,
        defences_off=lambda: [
            (each.value, DEFENCES[each].name) for each in Defence if each in switches.off
        ],
    )


def _links(request: AnyRequest, settings: Settings) -> list[tuple[str, str]]:
    """Return the link to the shop, whose address is only for those who manage the subscriber."""
    return [(f"{settings.shop_url}/", "Shop")] if may_manage(request, settings) else []
