"""The Jinja environment of all pages, and the list of their handlers."""

from functools import partial
from pathlib import PurePosixPath

from jinja2 import Environment
from litestar.handlers import HTTPRouteHandler

from hookshop.webkit.access import login_pages, may_manage
from hookshop.webkit.appearance import choose_appearance
from hookshop.webkit.pages import jinja_environment
from hookshop.webkit.sandbox_paths import url_here
from shop.config import Settings
from shop.web import (
    deliveries,
    endpoints,
    exams,
    flow,
    orders,
    overview,
    storefront,
)
from shop.web.endpoint_names import endpoint_name, endpoint_subtitle
from shop.web.hold_labels import WAITING_FOR
from shop.web.sandboxes import pages as sandbox_pages
from shop.web.skipping import actions as skipping_actions
from shop.web.skipping.notice import read_skip_notice
from shop.web.stat_labels import meaning, milliseconds, percent
from shop.web.state_labels import BAR_ORDER, state_label
from shop.web.steady_orders.pages import page_address, read_steady_orders, switch_steady_orders
from shop.web.storefront.cart import read_cart

page_handlers: list[HTTPRouteHandler] = [
    *storefront.handlers,
    *overview.handlers,
    *orders.handlers,
    *deliveries.handlers,
    *endpoints.handlers,
    *flow.handlers,
    *exams.handlers,
    *skipping_actions.handlers,
    *sandbox_pages.handlers,
    *login_pages(home="/deliveries"),
    choose_appearance,
    switch_steady_orders,
]


def page_environment(settings: Settings) -> Environment:
    """Return the Jinja environment of the shop's pages."""
    environment = jinja_environment(
        "shop",
        error_page_links=[("/", "Products"), ("/deliveries", "Deliveries")],
        mission_address=partial(mission_address, settings.subscriber_url),
        docs_address=partial(docs_address, settings.subscriber_url),
        header_links=lambda _request: _links_to(settings.subscriber_url),
        read_cart=read_cart,
        read_steady_orders=read_steady_orders,
        read_skip_notice=read_skip_notice,
        page_address=page_address,
        state_label=state_label,
        endpoint_name=endpoint_name,
        endpoint_subtitle=endpoint_subtitle,
        may_manage=lambda request: may_manage(request, settings),
        WAITING_FOR=WAITING_FOR,
        BAR_ORDER=BAR_ORDER,
    )
    for template_filter in (percent, milliseconds, meaning):
        environment.filters[template_filter.__name__] = template_filter
    return environment


def mission_address(subscriber_url: str | None, number: int) -> str | None:
    """Return the page of a mission of the Build track, or None without a subscriber."""
    return f"{url_here(subscriber_url)}/missions/build-{number}" if subscriber_url else None


def docs_address(subscriber_url: str | None, document: str) -> str | None:
    """Return the page of the docs, or None without a subscriber, which serves them.

    ``document``: for example ``docs/receivers.md#7-respond``.
    """
    if subscriber_url is None:
        return None
    file, hash_, anchor = document.partition("#")
    return f"{url_here(subscriber_url)}/learn/docs/{PurePosixPath(file).stem}{hash_}{anchor}"


def _links_to(subscriber_url: str | None) -> list[tuple[str, str]]:
    """Return links to the subscriber, in a sandbox to its sandbox with the same id."""
    if subscriber_url is None:
        return []
    here = url_here(subscriber_url)
    return [(f"{here}/learn", "Learn"), (f"{here}/", "Subscriber")]
