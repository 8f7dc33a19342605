"""The handlers of all pages, and their Jinja environment."""

from typing import Any

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from litestar import Request, Router
from litestar.handlers import HTTPRouteHandler

from hookshop.webkit.access import login_pages, may_manage
from hookshop.webkit.appearance import choose_appearance
from hookshop.webkit.pages import jinja_environment
from subscriber_app.config import Settings
from subscriber_app.faults import NORMAL, Fault
from subscriber_app.missions.missions import Standing
from subscriber_app.receiving.defences import NONE_OFF, Defence
from subscriber_app.web import (
    attacks,
    dashboard,
    defences,
    documents,
    editor,
    learn,
    polling,
    purchases,
    reset_page,
    sandbox_pages,
    subscription,
    teaching,
)
from subscriber_app.web import faults as fault_pages
from subscriber_app.web.current_parts import parts_if_known
from subscriber_app.web.defence_labels import DEFENCES
from subscriber_app.web.labels import (
    crash_sentence,
    event_name,
    fault_chip,
    fault_label,
    fault_sentence,
)
from subscriber_app.web.missions import own_receiver
from subscriber_app.web.missions import pages as mission_pages
from subscriber_app.web.missions.strip import look_before_page, page_address
from subscriber_app.web.state_labels import state_label
from subscriber_app.web.trace import pages as trace

AnyRequest = Request[Any, Any, Any]

page_handlers: list[HTTPRouteHandler] = [
    learn.show_learn,
    documents.show_guide,
    documents.show_docs,
    teaching.show_handout,
    teaching.download_receiver,
    mission_pages.show_list,
    mission_pages.show_mission,
    mission_pages.stream_mission,
    mission_pages.start_mission,
    mission_pages.skip_mission,
    mission_pages.show_hint,
    mission_pages.answer_question,
    mission_pages.repair,
    mission_pages.act,
    mission_pages.check_receiver,
    own_receiver.show_own_receiver,
    own_receiver.register_own_receiver,
    own_receiver.replace_secret,
    own_receiver.set_probe,
    own_receiver.remove_own_receiver,
    mission_pages.put_away,
    mission_pages.confirm_resetting,
    mission_pages.reset_missions,
    dashboard.show_inbox,
    dashboard.stream_inbox,
    dashboard.show_receipt,
    dashboard.download_har,
    dashboard.confirm_deleting,
    dashboard.delete_everything,
    polling.show_polling,
    polling.stream_polling,
    polling.switch_polling,
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
    fault_pages.show_faults,
    fault_pages.set_fault,
    subscription.show_subscription,
    subscription.stream_subscription,
    subscription.subscribe,
    subscription.confirm_unsubscribing,
    subscription.unsubscribe,
    subscription.rotate,
    subscription.adopt_secret,
    subscription.skip_until_expiry,
    sandbox_pages.show_sandboxes,
    sandbox_pages.make_sandboxes,
    sandbox_pages.confirm_dropping,
    sandbox_pages.drop_sandboxes,
    reset_page.confirm_reset,
    reset_page.reset_demo,
    *login_pages(home="/"),
    choose_appearance,
]


# The strip of each page shows the mission as it stands when the page is requested.
page_router = Router("/", route_handlers=page_handlers, before_request=look_before_page)


def page_environment(settings: Settings) -> Environment:
    """Return the Jinja environment of the subscriber's pages."""
    environment = jinja_environment(
        "subscriber",
        error_page_links=[("/", "Back to inbox"), ("/subscription", "Subscription")],
        header_links=lambda request: _links(request, settings),
        current_shop_url=_current_shop_url,
        state_label=state_label,
        # The login page and error pages are open to all.
        may_manage=lambda request: may_manage(request, settings),
        current_fault=_current_fault,
        crash_is_armed=_crash_is_armed,
        crash_sentence=crash_sentence,
        fault_sentence=fault_sentence,
        fault_chip=fault_chip,
        fault_label=fault_label,
        event_name=event_name,
        defences_off=_defences_off,
        current_mission=_current_mission,
        page_address=page_address,
    )
    environment.filters["for_browsers"] = settings.for_browsers
    return environment


def _links(request: AnyRequest, settings: Settings) -> list[tuple[str, str]]:
    """Return the link to the shop, whose address is only for those who manage the subscriber."""
    parts = parts_if_known(request)
    if parts is None or not may_manage(request, settings):
        return []
    return [(f"{settings.for_browsers(parts.site.shop_url)}/", "Shop")]


@pass_context
def _current_shop_url(context: Context) -> str:
    parts = parts_if_known(context["request"])
    return parts.site.shop_url if parts else ""


@pass_context
def _current_fault(context: Context) -> Fault:
    parts = parts_if_known(context["request"])
    return parts.faults.current if parts else NORMAL


@pass_context
def _crash_is_armed(context: Context) -> bool:
    parts = parts_if_known(context["request"])
    return parts is not None and parts.faults.worker_crash.is_armed


@pass_context
def _current_mission(context: Context) -> Standing | None:
    parts = parts_if_known(context["request"])
    return parts.missions.current if parts else None


@pass_context
def _defences_off(context: Context) -> list[tuple[str, str]]:
    """Return value and name of each defense that is off."""
    parts = parts_if_known(context["request"])
    off = parts.defences.off if parts else NONE_OFF
    return [(each.value, DEFENCES[each].name) for each in Defence if each in off]
