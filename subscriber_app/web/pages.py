"""The pages: one Jinja environment for all of them, and the list of their handlers. For ``app``."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.handlers import HTTPRouteHandler

from subscriber_app.defence_switches import DefenceSwitches
from subscriber_app.defences import Defence
from subscriber_app.faults import Faults
from subscriber_app.web import (
    appearance,
    attacks,
    controls,
    dashboard,
    defences,
    editor,
    login,
    purchases,
    subscription,
)
from subscriber_app.web.access import is_logged_in
from subscriber_app.web.defence_words import DEFENCES
from subscriber_app.web.state_labels import state_label
from subscriber_app.web.story import pages as story
from subscriber_app.web.words import fault_chip, fault_sentence

TEMPLATES = Path(__file__).parent.parent.parent / "templates"

page_handlers: list[HTTPRouteHandler] = [
    dashboard.show_inbox,
    dashboard.stream_inbox,
    dashboard.show_receipt,
    dashboard.download_har,
    dashboard.confirm_forgetting,
    dashboard.forget_everything,
    purchases.show_purchases,
    purchases.stream_purchases,
    story.show_story,
    story.stream_story,
    attacks.launch_attack,
    attacks.show_attack,
    editor.show_editor,
    editor.edit,
    defences.show_defences,
    defences.set_defences,
    controls.set_fault,
    subscription.show_subscription,
    subscription.stream_subscription,
    subscription.subscribe,
    subscription.confirm_unsubscribing,
    subscription.unsubscribe,
    subscription.rotate,
    subscription.take_over_secret,
    login.show_login,
    login.log_in,
    login.log_out,
    appearance.choose_appearance,
]


def jinja_environment(faults: Faults, switches: DefenceSwitches) -> Environment:
    """Escapes everything, and fails on a variable that a handler forgot."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # For the header of every page, error pages included, whatever its handler knows of faults.
    environment.globals["is_logged_in"] = is_logged_in
    environment.globals["state_label"] = state_label
    environment.globals["read_appearance"] = appearance.read_appearance
    environment.globals["way_back"] = appearance.way_back
    environment.globals["current_fault"] = lambda: faults.current
    environment.globals["fault_sentence"] = fault_sentence
    environment.globals["fault_chip"] = fault_chip
    environment.globals["defences_off"] = lambda: [
        (each.value, DEFENCES[each].name) for each in Defence if each in switches.off
    ]
    return environment
