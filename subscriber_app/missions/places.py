"""The things that links of steps lead to: the newest of each that the learner has made. Pure."""

from collections.abc import Sequence

from subscriber_app.missions.facts import Evidence, Facts, Kind
from subscriber_app.missions.mission import Link

_NAMES = {
    Kind.RECEIPT: "receipt",
    Kind.MESSAGE: "message",
    Kind.ORDER: "order",
    Kind.DELIVERY: "delivery",
    Kind.ATTEMPT: "delivery",
    Kind.ENDPOINT: "endpoint",
}


def places(facts: Facts) -> dict[str, str]:
    """Return ids by name: ``receipt``, ``message``, ``order``, ``delivery``, ``endpoint``.

    ``elsewhere``: a delivery to an endpoint that fails on purpose.
    """
    found: dict[str, str | None] = {}
    if facts.deliveries:
        found["delivery"] = facts.deliveries[-1].id
        found["order"] = facts.deliveries[-1].order_id
    if facts.deliveries_elsewhere:
        found["elsewhere"] = facts.deliveries_elsewhere[-1].id
    for receipt in facts.receipts:
        if receipt.is_genuine and receipt.value_cents is not None:
            found |= {"receipt": receipt.id, "message": receipt.message_id}
    if facts.subscription:
        found["endpoint"] = facts.subscription.endpoint_id
    if facts.own_receiver:
        found["endpoint"] = facts.own_receiver.endpoint_id
    return {name: id_ for name, id_ in found.items() if id_}


def proven_places(evidence: Sequence[Evidence]) -> dict[str, str]:
    """Return the same of a mission that is done: the first of each kind in the evidence."""
    found: dict[str, str] = {}
    for each in evidence:
        if name := _NAMES.get(each.kind):
            found.setdefault(name, each.id)
    if "delivery" in found:  # no mission has links to both
        found["elsewhere"] = found["delivery"]
    return found


def address(link: Link, found: dict[str, str]) -> str:
    """Return the path of a link, with what it names."""
    try:
        return link.path.format(**found)
    except KeyError:
        return link.otherwise or "/"
