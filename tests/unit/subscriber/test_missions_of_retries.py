"""The judges of the missions about duplicates, retries and outages, on facts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from subscriber_app.missions.facts import (
    AttemptFact,
    BookingFact,
    DeliveryFact,
    FormerSecretFact,
    Money,
    ReceiptFact,
    SubscriptionFact,
)
from subscriber_app.missions.mission import Judgment
from subscriber_app.missions.watch import (
    at_least_once,
    back_off,
    new_keys,
    not_now,
    once_only,
    outage,
)
from subscriber_app.receiving.defences import Defence
from subscriber_app.vocabulary import Reason, Verdict
from tests.unit.subscriber.missions import answer, at, facts, missing, proof, receipt

OFF = frozenset({Defence.DEDUPLICATION})
OURS = SubscriptionFact("ep_1", "http://inbox/v1/new-purchase", at(-9), "ne3")
BALANCED = Money(0, is_settled=True)


def duplicate(number: int, message_id: str = "msg_1") -> ReceiptFact:
    return receipt(number, verdict=Verdict.DUPLICATE, message_id=message_id)


def test_money_must_double_before_the_difference_counts_as_repaired() -> None:
    twice = [receipt(1), receipt(2)]

    assert "then switch de-duplication off" in missing(once_only.judge(facts(money=BALANCED)))
    assert "resend" in missing(once_only.judge(facts(off=OFF, receipts=twice[:1])))
    still_off = once_only.judge(facts(off=OFF, receipts=twice, money=Money(5075, is_settled=True)))
    assert "still off" in missing(still_off)
    surplus = once_only.judge(facts(receipts=twice, money=Money(5075, is_settled=True)))
    assert missing(surplus) == "1 of 3: the difference is $50.75; remove the double booking"
    repaired = once_only.judge(facts(receipts=twice, money=BALANCED))
    assert missing(repaired) == (
        "2 of 3: 0 of 13 requests with the same message; buy something new"
    )


def test_one_booking_needs_thirteen_requests_of_another_message() -> None:
    twice = [receipt(1), receipt(2)]
    many = [receipt(3, message_id="msg_2"), *(duplicate(n, "msg_2") for n in range(4, 16))]

    def judge(receipts: Sequence[ReceiptFact]) -> Judgment:
        return once_only.judge(facts(receipts=[*twice, *receipts], money=BALANCED))

    assert missing(judge(many[:-1])) == (
        "2 of 3: 12 of 13 requests with the same message; send it ten times at once"
    )
    assert missing(judge(many[:1])).endswith("; resend its delivery 3 times")
    assert proof(judge(many))["requests"] == "13"


def attempts(*statuses: int, schedule: float = 2.0, retry_after: float = 0) -> list[AttemptFact]:
    """Return attempts whose gaps are as planned: each twice as long as the one before."""
    made: list[AttemptFact] = []
    start = 1.0
    for number, status in enumerate(statuses, 1):
        gap = schedule * 2 ** (number - 2) if number > 1 else None
        start += max(gap or 0, retry_after if number > 1 else 0)
        made.append(
            AttemptFact(
                number,
                at(start),
                at(start),
                status,
                decided_at=at(start - (gap or 0)),
                schedule_seconds=gap,
                retry_after_seconds=retry_after if number > 1 else 0,
            )
        )
    return made


def delivery(number: int = 1, state: str = "succeeded", **changes: object) -> DeliveryFact:
    made = DeliveryFact(
        f"dlv_{number}",
        f"msg_{number}",
        f"ord_{number}",
        "purchase.created",
        state,
        attempt_count=1,
        created_at=at(number),
        completed_at=at(30) if state == "succeeded" else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_second_gap_must_be_predicted_before_it_is_known() -> None:
    retried = [delivery(attempts=attempts(503, 503, 200))]

    def judge(text: str, seconds: float) -> Judgment:
        return back_off.judge(facts(deliveries=retried, answers={"gap": answer(text, seconds)}))

    assert missing(back_off.judge(facts(deliveries=retried))).startswith("1 of 3: predict")
    assert "when the gap was known" in missing(judge("4", 3.5))
    assert "you predicted 2 s, but the plan was 4 s" in missing(judge("2", 0.5))
    assert proof(judge("4.7", 0.5))["planned"] == "4 s"
    assert proof(judge("3.3", 2.9))["delivery"] == "dlv_1"


def test_two_attempts_are_not_three() -> None:
    pending = [delivery(state="pending", attempts=attempts(503, 503))]

    judgment = back_off.judge(facts(deliveries=pending, answers={"gap": answer("4", 0)}))

    assert missing(judgment) == "1 of 3: 2 of 3 attempts were made"


def test_retry_after_counts_by_the_gap_that_it_has_made() -> None:
    waited = delivery(attempts=attempts(429, 200, retry_after=7))
    short = delivery(attempts=attempts(429, 200, retry_after=3))
    asked = delivery(state="pending", attempts=attempts(429), next_attempt_at=at(65))

    assert missing(not_now.judge(facts())).startswith("0 of 2: no attempt got 429")
    assert missing(not_now.judge(facts(deliveries=[asked]))) == (
        "1 of 2: the next attempt is due in 5 s"
    )
    assert "shorter than 7 s" in missing(not_now.judge(facts(deliveries=[short])))
    assert proof(not_now.judge(facts(deliveries=[waited])))["gap"] == "7.0 s"


def test_a_skipped_gap_counts_as_waited() -> None:
    first, second = attempts(429, 200, retry_after=7)
    early = replace(second, started_at=at(1.2), skipped_seconds=6.8)

    judgment = not_now.judge(facts(deliveries=[delivery(attempts=[first, early])]))

    assert proof(judgment)["gap"] == "7.0 s"


def failure(number: int) -> ReceiptFact:
    return receipt(
        number,
        verdict=Verdict.REJECTED,
        reason=Reason.SIMULATED_FAULT,
        fault="drop",
        message_id=f"msg_{number}",
    )


def judge_outage(number: int, **changes: object) -> Judgment:
    """Judge an outage of this many purchases, of which the first three were really requested."""
    given: dict[str, object] = {
        "deliveries": [delivery(each) for each in range(1, number + 1)],
        "receipts": [failure(each) for each in (1, 2, 3, 25)],
        "answers": {"difference": answer("zero", 0)},
        "money": BALANCED,
    }
    return outage.judge(facts(**{**given, **changes}))


def test_purchases_that_only_waited_for_the_end_of_an_outage_were_hit_too() -> None:
    assert proof(judge_outage(20))["sales"] == "20"
    assert missing(judge_outage(19)) == (
        "1 of 4: 19 of 20 purchases were hit by an outage; "
        "set the fault “Closed connection”, then sell 20 things"
    )


def test_an_outage_is_over_when_all_is_delivered_and_the_difference_is_0() -> None:
    waiting = [delivery(each, state="pending") for each in range(1, 21)]
    spent = [delivery(each, state="failed") for each in range(1, 21)]

    assert "20 of 20 are still undelivered; let" in missing(
        judge_outage(20, deliveries=waiting, is_fault_active=True)
    )
    assert "20 have used up" in missing(judge_outage(20, deliveries=spent))
    assert missing(judge_outage(20, money=Money(-1490, is_settled=True))) == (
        "3 of 4: the difference is −$14.90: recover what the endpoint has missed, on its page in "
        "the shop"
    )
    assert "not all webhooks" in missing(judge_outage(20, money=Money(0, is_settled=False)))


def test_a_delivery_after_the_outage_was_not_hit() -> None:
    later = [delivery(each, created_at=at(26 + each)) for each in range(1, 21)]

    judgment = judge_outage(20, deliveries=later, receipts=[failure(25)])

    assert missing(judgment).startswith("1 of 4: 0 of 20")


def test_a_lost_answer_leads_to_two_requests_and_one_booking() -> None:
    booked = receipt(1, status=500, fault="accept_then_500")
    again = duplicate(3)
    one = BookingFact(booked.id, "msg_1", 5075)

    assert missing(at_least_once.judge(facts(receipts=[receipt(1)]))).startswith("0 of 3")
    first = at_least_once.judge(facts(receipts=[booked], bookings=[one]))
    assert missing(first).endswith("at the time of the retry schedule, in about 2 s")
    twice = at_least_once.judge(facts(receipts=[booked, again], bookings=[one, one]))
    assert "booked 2 times" in missing(twice)
    done = at_least_once.judge(facts(receipts=[booked, again], bookings=[one]))
    assert proof(done) == {
        "booked": booked.id,
        "loss": "the answer was 500",
        "again": again.id,
        "message": "msg_1",
    }


def test_a_killed_worker_loses_the_answer_as_well_and_the_explanation_says_so() -> None:
    booked = receipt(2, status=None, fault="crash_worker")
    one = BookingFact(booked.id, "msg_1", 5075)

    armed = at_least_once.judge(facts(is_fault_active=True, is_crash_armed=True))
    assert missing(armed) == "0 of 3: the crash is armed; buy something in the shop"
    first = at_least_once.judge(facts(receipts=[booked], bookings=[one]))
    assert missing(first).endswith("when the lease has expired, about 15 s after the first")
    done = at_least_once.judge(facts(receipts=[booked, duplicate(15)], bookings=[one]))
    assert proof(done)["loss"].startswith("its worker was killed")


def test_ten_deliveries_in_the_overlap_and_then_the_old_secret_alone_is_rejected() -> None:
    former = FormerSecretFact("0ld", at(1), at(3600 + 60))
    both = [receipt(n, message_id=f"msg_{n}", signatures=2) for n in range(2, 12)]
    old = receipt(
        20,
        verdict=Verdict.REJECTED,
        reason=Reason.SIGNATURE_MISMATCH,
        attack="edited",
        is_signed_with_old_secret=True,
    )

    def judge(*receipts: ReceiptFact, until: float = 3660) -> Judgment:
        ended = replace(former, until=at(until))
        return new_keys.judge(
            facts(subscription=OURS, former_secrets=[ended], receipts=[*both, *receipts])
        )

    assert missing(new_keys.judge(facts(subscription=OURS))).startswith(
        "0 of 3: the secret was not"
    )
    few = new_keys.judge(facts(subscription=OURS, former_secrets=[former], receipts=both[:-1]))
    assert missing(few) == "1 of 3: 9 of 10 deliveries were signed with both secrets"
    assert missing(judge()) == (
        "2 of 3: the old secret is valid for 60 min more; skip the grace period"
    )
    accepted = replace(old, verdict=Verdict.DUPLICATE, reason=None)
    assert "was still accepted" in missing(judge(accepted))
    assert "grace period is over" in missing(judge(until=30))
    assert proof(judge(old, until=30))["refused"] == old.id


def test_a_grace_period_that_is_being_skipped_says_how_much_is_left() -> None:
    former = FormerSecretFact("0ld", at(1), at(86_400))
    both = [receipt(n, message_id=f"msg_{n}", signatures=2) for n in range(2, 12)]
    given = facts(subscription=OURS, former_secrets=[former], receipts=both)

    skipping = new_keys.judge(replace(given, skip_left=timedelta(hours=13)))

    assert missing(skipping) == "2 of 3: the grace period is being skipped, 13 h to go"


def test_a_genuine_request_that_was_rejected_during_the_overlap_fails_the_rotation() -> None:
    former = FormerSecretFact("0ld", at(1), at(3660))
    rejected = receipt(5, verdict=Verdict.REJECTED, reason=Reason.SIGNATURE_MISMATCH)

    judgment = new_keys.judge(
        facts(subscription=OURS, former_secrets=[former], receipts=[rejected])
    )

    assert "a genuine request was rejected" in missing(judgment)
