"""The judges of the missions about slow answers, overtaking events and leaving, on facts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from subscriber_app.missions.facts import (
    AttemptFact,
    BookingFact,
    DeliveryFact,
    EndpointFact,
    Evidence,
    Kind,
    Money,
    PurchaseFact,
    ReceiptFact,
    RefusalFact,
    SubscriptionFact,
)
from subscriber_app.missions.failing_endpoints import CHANGING_NAME
from subscriber_app.missions.links import FAILING_DELIVERY, TRACE
from subscriber_app.missions.mission import Done, Judgment, Mission
from subscriber_app.missions.obstacles import WayBack, obstacles
from subscriber_app.missions.places import address, proven_places
from subscriber_app.missions.watch import (
    answer_first,
    at_least_once,
    back_off,
    leaving,
    not_now,
    one_slow,
    out_of_order,
    outage,
    poison,
    where_may_it_go,
)
from subscriber_app.vocabulary import Reason, Verdict
from tests.unit.subscriber.missions import at, facts, missing, proof, receipt


def attempt(start: float, seconds: float = 0.1, **changes: Any) -> AttemptFact:
    return AttemptFact(1, at(start), at(start + seconds), **changes)


def delivery(number: int, *attempts: AttemptFact, **changes: Any) -> DeliveryFact:
    given: dict[str, Any] = {
        "message_id": f"msg_{number}",
        "order_id": f"ord_{number}",
        "event_type": "purchase.created",
        "state": "succeeded",
        "attempt_count": len(attempts),
        "created_at": at(number),
        "completed_at": at(number),
    }
    return DeliveryFact(f"dlv_{number}", **{**given, **changes}, attempts=attempts)


TIMED_OUT = attempt(1, 10, status=None, error="response_timeout")
BOOKING = BookingFact("rcp_1", "msg_1", 5075)


def judge_slowness(*later: DeliveryFact, **given: Any) -> Judgment:
    return answer_first.judge(
        facts(**{"deliveries": [delivery(1, TIMED_OUT), *later], "bookings": [BOOKING], **given})
    )


def test_a_time_out_counts_only_if_its_message_was_booked_all_the_same() -> None:
    assert missing(answer_first.judge(facts())).startswith("0 of 3: no attempt has timed out")
    assert missing(judge_slowness(bookings=[])).startswith("1 of 3: the message was not booked")
    assert missing(judge_slowness()) == "2 of 3: 0 of 5 quick responses in a row"


def test_five_quick_responses_must_come_in_a_row() -> None:
    quick = [delivery(n, attempt(n)) for n in range(20, 25)]
    slow = delivery(22, attempt(22.5, 3))

    broken = judge_slowness(*quick[:3], slow, *quick[3:], is_fault_active=True)
    assert missing(broken) == (
        "2 of 3: 2 of 5 quick responses in a row; the fault is still on: respond normally"
    )
    named = proof(judge_slowness(*quick))
    assert (named["timeout"], named["booked"], named["last"]) == ("dlv_1", "rcp_1", "dlv_24")
    assert (named["waited"], named["slowest"]) == ("10.0 s", "100 ms")


def test_the_time_out_stays_proven_when_newer_deliveries_fill_the_list() -> None:
    seen = {part.key: part.evidence for part in judge_slowness().seen if part.is_proven}
    quick = [delivery(n, attempt(n)) for n in range(20, 25)]

    assert proof(answer_first.judge(facts(deliveries=quick, seen=seen)))["timeout"] == "dlv_1"


CREATED = delivery(1, attempt_count=1, state="pending", next_attempt_at=at(68))
FAILED = receipt(0, verdict=Verdict.REJECTED, reason=Reason.SIMULATED_FAULT, order_id=None)
REFUND = receipt(4, message_id="msg_2", event_type="purchase.refunded")
ARRIVED = receipt(6)
WHOLE = PurchaseFact("ord_1", is_bought=True, is_refunded=True)


def test_a_refund_must_arrive_while_its_purchase_is_held_up() -> None:
    def judge(*receipts: Any, **given: Any) -> Judgment:
        return out_of_order.judge(facts(deliveries=[CREATED], receipts=receipts, **given))

    assert missing(judge()).startswith("0 of 3: no purchase is held up")
    assert missing(judge(FAILED)).startswith("1 of 3: the purchase is held up now")
    too_late = judge(FAILED, receipt(2), REFUND, purchases=[WHOLE])
    assert missing(too_late).startswith("1 of 3: the purchase arrived before the refund")
    waiting = judge(FAILED, REFUND)
    assert missing(waiting) == (
        "2 of 3: the purchase has not arrived yet; the next attempt is due in 8 s"
    )
    hanging = replace(CREATED, state="sending", next_attempt_at=at(59))
    under_way = out_of_order.judge(facts(deliveries=[hanging], receipts=[FAILED, REFUND]))
    assert missing(under_way).endswith("; an attempt is under way: wait for its end")
    named = proof(judge(FAILED, REFUND, ARRIVED, purchases=[WHOLE]))
    assert (named["created"], named["order"]) == ("dlv_1", "ord_1")
    assert (named["refunded"], named["late"]) == (REFUND.id, ARRIVED.id)


GONE = delivery(1, state="failed", attempt_count=1, last_status=410)
BACK = delivery(2)
DISABLED = EndpointFact("ep_1", "http://inbox", "disabled", at(-9), is_ours=True)


def judge_leaving(*deliveries: DeliveryFact, reason: str = "", **given: Any) -> Judgment:
    status = "disabled" if reason else "active"
    ours = EndpointFact("ep_1", "http://inbox", status, at(-9), True, disabled_reason=reason)
    return leaving.judge(facts(deliveries=deliveries, endpoints=[ours], **given))


def test_an_endpoint_leaves_comes_back_and_is_disabled_for_failing() -> None:
    failed = [delivery(n, state="failed", last_status=503) for n in range(3, 13)]

    assert missing(judge_leaving()).startswith("0 of 3: no delivery was answered with 410")
    assert missing(judge_leaving(GONE, reason="gone")).startswith("1 of 3: the endpoint is disa")
    assert missing(judge_leaving(GONE)) == "1 of 3: the endpoint is enabled; buy something"
    assert "a fault is on" in missing(judge_leaving(GONE, is_fault_active=True))
    assert missing(judge_leaving(GONE, BACK)).endswith("; set the fault 503, then buy")
    some = judge_leaving(GONE, BACK, *failed[:4], delivery(9, state="pending"))
    assert missing(some) == (
        "2 of 3: 4 of 10 deliveries have used up their attempts, 1 wait for the next one; "
        "skip two hours"
    )
    skipping = judge_leaving(BACK, GONE, failed[0], skip_left=timedelta(minutes=75))
    assert "skipped" not in missing(skipping)  # nothing waits for it
    waiting = delivery(9, state="pending")
    skipping = judge_leaving(GONE, BACK, waiting, skip_left=timedelta(minutes=75))
    assert missing(skipping).endswith(
        "time is being skipped, 75 min to go: each attempt on the way is made"
    )
    earlier = {key: [Evidence(key, Kind.DELIVERY, "dlv_2", at(2))] for key in ("gone", "back")}
    assert missing(judge_leaving(seen=earlier)).startswith("2 of 3: 0 of 10 deliveries")
    named = proof(judge_leaving(GONE, BACK, *failed, reason="failing"))
    assert (named["gone"], named["requests"]) == ("dlv_1", "1 request")
    assert (named["success"], named["failed"]) == ("dlv_2", "10 deliveries")


def test_a_success_before_the_endpoint_left_does_not_count_as_coming_back() -> None:
    before = delivery(0)

    assert missing(judge_leaving(before, GONE)).startswith("1 of 3")


def test_a_disabled_endpoint_stops_all_missions_but_the_one_that_is_about_it() -> None:
    def stops(mission: Mission) -> bool:
        return any(
            "disabled" in each.text for each in obstacles(mission, facts(endpoints=[DISABLED]))
        )

    assert stops(back_off.MISSION)
    assert not stops(leaving.MISSION)


HANGING = EndpointFact("ep_2", "http://inbox/v1/new-purchase?hang", "active", at(0))
BREAKER_OPEN = EndpointFact("ep_2", HANGING.webhook_url, "active", at(0), breaker="open")


def judge_hanging(count: int, seconds: float = 0.1, hanging: EndpointFact = HANGING) -> Judgment:
    ours = [delivery(n, completed_at=at(n + seconds)) for n in range(count)]
    theirs = [delivery(n, state="sending", endpoint_id="ep_2") for n in range(count)]
    return one_slow.judge(facts(deliveries=ours, deliveries_elsewhere=theirs, endpoints=[hanging]))


def test_an_endpoint_that_hangs_must_delay_nobody_and_get_its_breaker_opened() -> None:
    assert missing(one_slow.judge(facts())).startswith("0 of 4: no endpoint hangs")
    assert missing(judge_hanging(19)).startswith("1 of 4: 19 of 20 messages")
    assert missing(judge_hanging(20, 1.5)).startswith("2 of 4: 95 of 100 needed up to 1.5 s")
    assert missing(judge_hanging(20)).startswith("3 of 4: the circuit breaker is still closed")
    named = proof(judge_hanging(20, hanging=BREAKER_OPEN))
    assert (named["hanging"], named["messages"], named["percentile"]) == ("ep_2", "20", "100 ms")


def test_an_endpoint_that_hangs_is_missing_again_when_somebody_has_deleted_it() -> None:
    added = [Evidence("hanging", Kind.ENDPOINT, "ep_2", at(0))]
    sent = [Evidence("messages", Kind.VALUE, "20")]
    seen = {"added": added, "both": sent, "quick": sent}

    deleted = one_slow.judge(facts(seen=seen))
    added_again = one_slow.judge(facts(seen=seen, endpoints=[HANGING]))

    assert missing(deleted) == "2 of 4: no endpoint hangs; add one"
    assert missing(added_again) == (
        "3 of 4: 0 of 20 messages were sent to the endpoint that hangs; sell more"
    )


def test_an_endpoint_that_hangs_disturbs_all_other_missions() -> None:
    found = obstacles(outage.MISSION, facts(endpoints=[HANGING], subscription=SUBSCRIBED))

    assert [each.way_back for each in found] == [WayBack.REMOVE_FAILING_ENDPOINTS]
    assert obstacles(one_slow.MISSION, facts(endpoints=[HANGING], subscription=SUBSCRIBED)) == []


def test_the_money_of_an_attack_stops_missions_that_compare_money() -> None:
    found = obstacles(outage.MISSION, facts(has_forged_bookings=True, subscription=SUBSCRIBED))

    assert [each.way_back for each in found] == [WayBack.REMOVE_FORGED_BOOKINGS]


SUBSCRIBED = SubscriptionFact("ep_1", "http://inbox", at(-9), "")
UNKNOWN = receipt(1, verdict=Verdict.IGNORED, attack="edited")
MALFORMED = receipt(
    2, verdict=Verdict.REJECTED, reason=Reason.MALFORMED_EVENT, attack="edited", message_id="msg_2"
)


def test_money_that_no_delivery_of_the_mission_will_bring_can_be_recovered_by_one_click() -> None:
    ours = EndpointFact("ep_1", "http://inbox", "active", at(-9), is_ours=True)
    lost = facts(money=Money(-1490, True), subscription=SUBSCRIBED, endpoints=[ours])

    def found(**changes: Any) -> list[WayBack | None]:
        return [each.way_back for each in obstacles(outage.MISSION, replace(lost, **changes))]

    assert found() == [WayBack.RECOVER_UNDELIVERED]
    assert found(deliveries=[delivery(1, state="pending")]) == []
    assert found(money=Money(-1490, False)) == []
    assert WayBack.RECOVER_UNDELIVERED not in found(is_fault_active=True)


def test_links_of_a_mission_that_is_done_lead_to_what_has_proven_it() -> None:
    named = one_slow.judge(
        facts(
            deliveries=[delivery(n) for n in range(20)],
            deliveries_elsewhere=[delivery(n, state="sending") for n in range(20)],
            endpoints=[BREAKER_OPEN],
        )
    )
    assert isinstance(named, Done)

    found = proven_places(named.evidence)

    assert address(FAILING_DELIVERY, found) == "/deliveries/dlv_0"
    assert address(TRACE, found) == "/story?message_id=msg_0"


def test_five_webhooks_must_be_accepted_after_both_poisonous_requests() -> None:
    def judge(*receipts: ReceiptFact) -> Judgment:
        return poison.judge(facts(receipts=receipts))

    later = [receipt(n, message_id=f"msg_{n}") for n in range(3, 8)]
    unsigned = replace(MALFORMED, reason=Reason.SIGNATURE_MISMATCH)

    assert missing(judge()).startswith("0 of 3: no event of an unknown type was ignored; change")
    assert missing(judge(unsigned)).endswith("(signature_mismatch); sign it before you send")
    assert missing(judge(UNKNOWN)).startswith("1 of 3: no malformed event")
    assert missing(judge(UNKNOWN, MALFORMED, *later[1:])).startswith("2 of 3: 4 of 5 webhooks")
    named = proof(judge(UNKNOWN, MALFORMED, *later))
    assert (named["unknown"], named["malformed"]) == (UNKNOWN.id, MALFORMED.id)


def refusals(*reasons: str) -> list[RefusalFact]:
    return [RefusalFact(f"http://{n}/", reason, at(n)) for n, reason in enumerate(reasons)]


CHANGING = EndpointFact("ep_3", f"http://{CHANGING_NAME}:8001/", "active", at(5))
BLOCKED = delivery(9, attempt(9, status=None, error="blocked_address"), state="pending")


def test_five_urls_three_reasons_and_one_block_at_connecting_are_needed() -> None:
    def judge(*reasons: str, **given: Any) -> Judgment:
        return where_may_it_go.judge(facts(refusals=refusals(*reasons), **given))

    four = ("not_public", "this_machine", "not_public", "not_public")

    assert missing(judge(*four)) == "0 of 3: 4 of 5 hostile URLs were refused or blocked"
    assert missing(judge(*four, "this_machine")).startswith("1 of 3: 2 of 3 different reasons")
    five = (*four, "internal_name")
    assert missing(judge(*five)).endswith("the name that changes its mind is not registered")
    assert missing(judge(*five, endpoints=[CHANGING])).endswith("sent to it; buy something")
    allowed = delivery(9, attempt(9))
    waiting = judge(*five, endpoints=[CHANGING], deliveries_elsewhere=[allowed])
    assert missing(waiting).endswith("an allowed address; wait for the next attempt")
    named = proof(judge(*four, endpoints=[CHANGING], deliveries_elsewhere=[BLOCKED]))
    assert (named["urls"], named["blocked"]) == ("5", "dlv_9")
    assert named["reasons"] == "not public, this machine, blocked address"


@pytest.mark.parametrize(
    ("mission", "fault"),
    [
        (not_now.MISSION, "the script 429:7"),
        (answer_first.MISSION, "the fault “Late response” to 12 seconds"),
        (out_of_order.MISSION, "the script timeout"),
        (leaving.MISSION, "the script 410"),
        (at_least_once.MISSION, "the script accept_then_500"),
    ],
)
def test_what_is_missing_follows_the_learner_from_the_fault_to_the_response(
    mission: Mission, fault: str
) -> None:
    under_way = delivery(1, state="sending", completed_at=None)

    assert missing(mission.judge(facts())).endswith(f"; set {fault}, then buy something")
    set_ = missing(mission.judge(facts(is_fault_active=True)))
    assert set_.endswith("; a fault is on: buy something")
    waiting = missing(mission.judge(facts(is_fault_active=True, deliveries=[under_way])))
    assert waiting.endswith("; a request is under way: wait for its end")


def test_an_endpoint_is_not_activated_while_a_fault_would_have_it_disabled_again() -> None:
    disabled = EndpointFact("ep_1", "http://inbox", "disabled", at(-9), is_ours=True)
    ours = SubscriptionFact("ep_1", "http://inbox", at(-9), "f")
    state = facts(subscription=ours, endpoints=[disabled], is_fault_active=True)

    (found,) = obstacles(outage.MISSION, state)

    assert found.text == "The shop has disabled our endpoint, and a fault is still on."
    assert found.way_back is WayBack.RESPOND_AND_ACTIVATE


def test_the_name_that_changes_its_mind_is_followed_to_the_blocked_attempt() -> None:
    name = EndpointFact("ep_2", f"http://{CHANGING_NAME}/", "active", at(1))

    registered = missing(where_may_it_go.judge(facts(endpoints=[name])))
    sent = missing(where_may_it_go.judge(facts(endpoints=[name], deliveries_elsewhere=[BACK])))

    assert registered.endswith("is registered: buy something")
    assert sent.endswith("is blocked at its next attempt")
