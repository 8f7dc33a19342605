"""The judges of the missions, on facts; and rules for all of them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hookshop.webkit.glossary import GLOSSARY
from subscriber_app.lab.attacks import Attack
from subscriber_app.missions.facts import (
    AttemptFact,
    DeliveryFact,
    EndpointFact,
    Evidence,
    Facts,
    Kind,
    OrderSeenFact,
    PollsFact,
    ReceiptFact,
    SubscriptionFact,
)
from subscriber_app.missions.mission import Done, Judgment, Mission
from subscriber_app.missions.missions import MISSIONS
from subscriber_app.missions.obstacles import WayBack, obstacles
from subscriber_app.missions.watch import (
    first_delivery,
    raw_body,
    register,
    replay,
    trust_nobody,
    why_not_poll,
)
from subscriber_app.receiving.defences import Defence
from subscriber_app.vocabulary import Reason, Verdict
from subscriber_app.web.missions.text import pieces
from tests.unit.subscriber.missions import answer, at, facts, forgery, missing, proof, receipt

ROOT = Path(__file__).parents[3]
OURS = SubscriptionFact("ep_1", "http://inbox/v1/new-purchase", at(5), "0123456789abcdef")
ACTIVE = EndpointFact("ep_1", OURS.webhook_url, "active", at(-9), is_ours=True)
ANYTHING = st.lists(
    st.builds(
        lambda number, verdict, attack: receipt(
            number,
            verdict=verdict,
            attack=attack,
            reason=Reason.TIMESTAMP_TOO_OLD if verdict is Verdict.REJECTED else None,
        ),
        st.integers(0, 99),
        st.sampled_from(Verdict),
        st.sampled_from([None, *Attack]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("mission", MISSIONS.values(), ids=lambda mission: mission.title)
def test_texts_name_only_terms_of_the_glossary_and_evidence_is_only_in_explanations(
    mission: Mission,
) -> None:
    plain = [mission.goal, *mission.hints, *(step.text for step in mission.steps)]

    terms = [piece.term for text in (*plain, *mission.explanation) for piece in pieces(text)]
    names = [piece.reference for text in plain for piece in pieces(text) if piece.reference]

    assert {term for term in terms if term} <= set(GLOSSARY)
    assert names == []
    assert len(mission.hints) >= 2


@pytest.mark.parametrize("mission", MISSIONS.values(), ids=lambda mission: mission.title)
def test_what_steps_and_hints_quote_stands_on_a_page(mission: Mission) -> None:
    folders = ("templates", "subscriber_app/web", "shop/web")
    files = [path for name in folders for path in (ROOT / name).rglob("*.*") if path.is_file()]
    pages = "\n".join(path.read_text() for path in files if path.suffix in {".html", ".py"})
    texts = [*mission.hints, *(step.text for step in mission.steps)]

    quoted = {label for text in texts for label in re.findall("“([^”]+)”", text)}

    assert {label for label in quoted if label not in pages} == set()


# Each example judges every mission, which is slow on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING, st.data())
def test_more_facts_never_undo_what_was_proven(
    some: list[ReceiptFact], data: st.DataObject
) -> None:
    more = sorted(some, key=lambda each: each.id)
    for mission in MISSIONS.values():
        before = mission.judge(facts(receipts=more[: data.draw(st.integers(0, len(more)))]))
        proven = {part.key: part.evidence for part in before.seen if part.is_proven}

        after = mission.judge(facts(receipts=more, seen=proven))

        assert {part.key: part.evidence for part in after.seen if part.key in proven} == proven


def test_three_purchases_must_be_seen_by_a_webhook_and_by_polling() -> None:
    polls = PollsFact(at(1), at(601), count=4, in_vain=2)
    seen = [OrderSeenFact(f"ord_{n}", at(n), 0.03, 2.0 + n) for n in range(3)]
    only_webhook = replace(seen[2], created_at=None, polling_seconds=None)

    before = facts(polls=replace(polls, started_at=at(-9), ends_at=at(-1)), orders_seen=seen)
    assert missing(why_not_poll.judge(before)) == "0 of 2: polling is off; switch it on"
    two = why_not_poll.judge(facts(polls=polls, orders_seen=[*seen[:2], only_webhook]))
    assert missing(two) == (
        "1 of 2: 2 of 3 purchases were seen by a webhook and by polling; wait for the next poll"
    )
    told = proof(why_not_poll.judge(facts(polls=polls, orders_seen=seen)))
    assert (told["webhooks"], told["polling"]) == ("30 ms", "3.0 s")
    assert (told["polls"], told["vain"]) == ("4 requests", "2")


def test_polling_that_was_already_on_counts_but_no_purchase_from_before_the_mission() -> None:
    polls = PollsFact(at(-300), at(300), count=70, in_vain=66)
    seen = [OrderSeenFact(f"ord_{n}", at(n), 0.03, 2.0) for n in range(-1, 3)]

    two = why_not_poll.judge(facts(polls=polls, orders_seen=seen[:-1]))

    assert missing(two) == (
        "1 of 2: 2 of 3 purchases were seen by a webhook and by polling; buy 1 more"
    )
    assert proof(why_not_poll.judge(facts(polls=polls, orders_seen=seen)))["first"] == "ord_0"


def test_polling_that_has_ended_before_three_purchases_says_so() -> None:
    ended = why_not_poll.judge(facts(polls=PollsFact(at(1), at(59), count=4, in_vain=2)))
    unanswered = why_not_poll.judge(facts(polls=PollsFact(at(1), at(601), count=0, in_vain=0)))

    assert missing(ended).endswith("; polling is off: switch it on, and buy again")
    assert missing(unanswered) == "0 of 2: polling is on, but the shop has not answered yet"


def test_a_registration_counts_from_the_start_and_with_the_fingerprint_of_its_secret() -> None:
    before = replace(OURS, created_at=at(-5))

    assert missing(register.judge(facts(subscription=before))).startswith("0 of 2: no URL")
    assert missing(register.judge(facts())) == (
        "0 of 2: the subscriber is not registered; subscribe it"
    )
    assert missing(register.judge(facts(subscription=OURS))) == (
        "1 of 2: no fingerprint was typed in; copy it from the page Subscription"
    )
    wrong = facts(subscription=OURS, answers={"fingerprint": answer("ffff", 7)})
    assert missing(register.judge(wrong)).startswith("1 of 2: ffff is not the fingerprint")
    right = facts(subscription=OURS, answers={"fingerprint": answer("0123 4567 89AB CDEF", 7)})
    assert proof(register.judge(right))["endpoint"] == "ep_1"


def test_another_url_registered_by_curl_also_counts_as_a_registration() -> None:
    other = EndpointFact("ep_2", "http://elsewhere/", "active", at(3))
    ours = replace(OURS, created_at=at(-5))
    typed = {"fingerprint": answer(OURS.fingerprint, 7)}

    judgment = register.judge(facts(subscription=ours, endpoints=[other], answers=typed))

    assert proof(judgment)["endpoint"] == "ep_2"


def delivery(state: str, status: int) -> DeliveryFact:
    attempt = AttemptFact(1, at(1), at(1.1), status, receipt_id="rcp_1")
    done_at = at(1.5) if state == "succeeded" else None
    return DeliveryFact(
        "dlv_1", "msg_1", "ord_1", "purchase.created", state, 1, at(1), done_at, attempts=[attempt]
    )


def test_the_first_delivery_is_named_from_the_order_to_the_receipt() -> None:
    named = proof(first_delivery.judge(facts(deliveries=[delivery("succeeded", 200)])))

    assert (named["order"], named["message"]) == ("ord_1", "msg_1")
    assert (named["delivery"], named["attempt"], named["receipt"]) == ("dlv_1", "dlv_1", "rcp_1")
    assert named["duration"] == "500 ms"


def test_a_delivery_that_has_not_succeeded_names_the_last_response() -> None:
    pending = first_delivery.judge(facts(deliveries=[delivery("pending", 503)]))

    assert missing(pending) == (
        "1 of 2: the delivery of your order is pending, its last attempt got 503"
    )


def test_three_kinds_of_forgeries_count_and_the_same_kind_counts_once() -> None:
    genuine, amount = receipt(1), forgery(2, "amount")
    again, secret = forgery(3, "amount"), forgery(4, "wrong-secret")
    token = forgery(5, "token-alg-none", Reason.TOKEN_ALGORITHM)

    two = trust_nobody.judge(facts(receipts=[genuine, amount, again]))
    assert missing(two) == (
        "2 of 4: 2 more kinds of forgeries must be rejected; the same attack again is the same kind"
    )
    all_four = trust_nobody.judge(facts(receipts=[genuine, amount, again, secret, token]))
    assert proof(all_four)["forgery1"] == amount.id


def test_an_accepted_forgery_is_neither_a_genuine_webhook_nor_a_rejected_one() -> None:
    judgment = trust_nobody.judge(facts(receipts=[receipt(1, attack="wrong-secret")]))

    assert missing(judgment) == (
        "0 of 4: no genuine webhook came since the mission began; buy something"
    )


def test_a_forgery_that_a_fault_rejected_proves_nothing() -> None:
    failed = replace(forgery(2, "amount", Reason.SIMULATED_FAULT), fault="503")

    judgment = trust_nobody.judge(facts(receipts=[receipt(1), failed]))

    assert missing(judgment).startswith("1 of 4: 3 more kinds")


def test_the_changed_body_must_be_accepted_once_and_rejected_once() -> None:
    off = frozenset({Defence.RAW_BODY})
    accepted = receipt(1, attack="reserialised")

    assert "still on" in missing(raw_body.judge(facts()))
    assert "now re-serialize" in missing(raw_body.judge(facts(off=off)))
    whole = raw_body.judge(facts(off=off, receipts=[forgery(1, "reserialised")]))
    assert "whole dollars" in missing(whole)
    assert "switch it on" in missing(raw_body.judge(facts(off=off, receipts=[accepted])))
    both = raw_body.judge(facts(receipts=[accepted, forgery(2, "reserialised")]))
    assert proof(both) == {"accepted": accepted.id, "rejected": f"rcp_{2:032x}"}


def test_a_replay_counts_after_the_prediction_and_as_a_duplicate() -> None:
    original = receipt(1)
    copy = receipt(9, verdict=Verdict.DUPLICATE, credentials=original.credentials)
    late = forgery(10, "late-replay", Reason.TIMESTAMP_TOO_OLD)
    predicted = {"verdict": answer("rejected", 5)}

    def judge(*receipts: ReceiptFact, seconds: float = 5) -> Judgment:
        answers = {"verdict": answer("rejected", seconds)}
        return replay.judge(facts(receipts=receipts, answers=answers))

    assert "predict" in missing(replay.judge(facts(receipts=[original, copy])))
    assert missing(judge(original, copy, late, seconds=9.5)) == (
        "2 of 3: replay a recorded request, after your prediction"
    )
    done = replay.judge(facts(receipts=[original, copy, late], answers=predicted))
    assert proof(done)["replay"] == copy.id


def test_a_resend_of_the_shop_is_no_replay_because_it_is_signed_anew() -> None:
    resent = receipt(9, verdict=Verdict.DUPLICATE)

    judgment = replay.judge(
        facts(receipts=[receipt(1), resent], answers={"verdict": answer("duplicate", 5)})
    )

    assert "replay a recorded request" in missing(judgment)


def test_what_was_proven_at_an_earlier_look_stays_proven_without_its_rows() -> None:
    kept = [Evidence("genuine", Kind.RECEIPT, "rcp_old", at(1))]

    judgment = trust_nobody.judge(facts(seen={"genuine": kept}))

    assert missing(judgment).startswith("1 of 4")


def test_everything_that_stops_a_mission_is_said_with_its_way_back() -> None:
    def found(mission: Mission, state: Facts) -> list[WayBack | None]:
        return [each.way_back for each in obstacles(mission, state)]

    mission = trust_nobody.MISSION
    fine = facts(subscription=OURS, endpoints=[ACTIVE])
    assert found(mission, fine) == []
    assert found(mission, replace(fine, subscription=None)) == [WayBack.SUBSCRIBE]
    assert found(mission, replace(fine, is_fault_active=True)) == [WayBack.RESPOND_NORMALLY]
    off = replace(fine, off=frozenset({Defence.SIGNATURE}))
    assert found(mission, off) == [WayBack.SWITCH_ON_DEFENCES]
    assert found(raw_body.MISSION, off) == []
    paused = replace(fine, endpoints=[replace(ACTIVE, status="disabled")])
    assert found(mission, paused) == [WayBack.ACTIVATE_ENDPOINT]


def test_a_delivery_that_is_long_due_says_that_the_worker_may_be_down() -> None:
    due = replace(delivery("pending", 503), next_attempt_at=at(45))
    state = facts(subscription=OURS, endpoints=[ACTIVE], deliveries=[due])

    (found,) = obstacles(first_delivery.MISSION, state)

    assert "worker" in found.text


def test_a_mission_with_all_parts_proven_is_done() -> None:
    seen = {
        part.key: [Evidence(part.key, Kind.VALUE, "x")] for part in trust_nobody.judge(facts()).seen
    }

    assert isinstance(trust_nobody.judge(facts(seen=seen)), Done)
