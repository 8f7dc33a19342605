"""The things that links of steps lead to: the newest of each that the learner has made. Pure."""

from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Link


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


def address(link: Link, found: dict[str, str]) -> str:
    """Return the path of a link, with what it names."""
    try:
        return link.path.format(**found)
    except KeyError:
        return link.otherwise or "/"
