"""The tables of state labels of both applications."""

from collections.abc import Callable, Iterable
from enum import StrEnum

import pytest
from jinja2 import Environment, nodes

from hookshop.webkit.state_labels import StateLabel
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.web import state_labels as shop_labels
from subscriber_app.vocabulary import Result, Verdict
from subscriber_app.web import state_labels as subscriber_labels
from tests.unit.test_templates import read

FAMILIES = [
    pytest.param(shop_labels.state_label, DeliveryState, id="deliveries"),
    pytest.param(shop_labels.state_label, EndpointStatus, id="endpoints"),
    pytest.param(subscriber_labels.state_label, Verdict, id="receipts"),
    pytest.param(subscriber_labels.state_label, Result, id="steps"),
    # Names in the shop's API
    pytest.param(subscriber_labels.state_label, DeliveryState, id="deliveries, at the subscriber"),
    pytest.param(subscriber_labels.state_label, EndpointStatus, id="endpoints, at the subscriber"),
]
ALL = [*shop_labels.STATE_LABELS.values(), *subscriber_labels.STATE_LABELS.values()]


def drawn_shapes() -> set[str]:
    """Return the names in the dictionary SHAPES of the shared macros."""
    [shapes] = [
        node.node
        for node in Environment(autoescape=True).parse(read("shared/macros.html")).body
        if isinstance(node, nodes.Assign) and isinstance(node.node, nodes.Dict)
    ]
    return set(shapes.as_const())


@pytest.mark.parametrize(("state_label", "family"), FAMILIES)
def test_each_state_has_its_own_label_and_look(
    state_label: Callable[[str], StateLabel], family: Iterable[StrEnum]
) -> None:
    labels = [state_label(state) for state in family]

    assert [label.word for label in labels] == [state.replace("_", " ") for state in family]
    assert len({(label.shape, label.tone) for label in labels}) == len(labels)


@pytest.mark.parametrize("label", ALL, ids=lambda label: label.word)
def test_each_shape_is_drawn(label: StateLabel) -> None:
    assert label.shape in drawn_shapes()


@pytest.mark.parametrize("state", [*DeliveryState, *EndpointStatus])
def test_what_both_applications_show_looks_the_same(state: str) -> None:
    assert subscriber_labels.state_label(state) == shop_labels.state_label(state)


def test_a_state_that_only_a_newer_shop_knows_is_shown_by_its_name() -> None:
    assert subscriber_labels.state_label("parked").word == "parked"


def test_bars_show_every_state_of_a_delivery_once() -> None:
    assert sorted(shop_labels.BAR_ORDER) == sorted(DeliveryState)
