"""The judges of the Build track, on facts, and its cases beside those of the exam."""

from dataclasses import replace

import pytest

from shop.exam.case import Scheme
from shop.exam.cases import ALL_CASES
from subscriber_app.missions.build import (
    BUILD,
    at_least_once,
    first_delivery,
    leaving,
    new_keys,
    not_now,
    once_only,
    one_slow,
    outage,
    raw_body,
    register,
    the_exam,
)
from subscriber_app.missions.build.exam_cases import SENT
from subscriber_app.missions.facts import (
    AttemptFact,
    CaseFact,
    Check,
    DeliveryFact,
    EndpointFact,
    OwnReceiverFact,
)
from tests.unit.subscriber.missions import at, facts, missing, proof

OWN = OwnReceiverFact("ep_1", "http://127.0.0.1:9000/hook", at(1), has_probe=False)
WITH_PROBE = replace(OWN, has_probe=True)
CASES = {case.name: case for case in ALL_CASES}
TAUGHT_BY_COMMAND = {
    "old-secret-rejected",
    "new-secret-accepted",
    "nothing-lost",
    "nothing-twice",
    *(name for name in CASES if name.startswith("token-")),
}


def case(name: str, verdict: str = "passed", got: str = "204") -> CaseFact:
    return CaseFact(name, CASES[name].group.value, CASES[name].level.value, verdict, got)


def check(*cases: CaseFact, total: int = 0, problem: str = "") -> Check:
    is_finished = not total
    return Check("exm_1", at(5), is_finished, total or len(cases), problem=problem, cases=cases)


def delivery(number: int, *attempts: AttemptFact, state: str = "succeeded") -> DeliveryFact:
    ended = at(number + 5) if state in {"succeeded", "failed"} else None
    return DeliveryFact(
        f"dlv_{number}",
        f"msg_{number}",
        f"ord_{number}",
        "purchase.created",
        state,
        len(attempts),
        at(number),
        ended,
        next_attempt_at=at(number + 70) if state == "pending" else None,
        attempts=attempts,
        last_status=attempts[-1].status if attempts else None,
    )


def attempt(number: int, status: int | None = 200, **more: object) -> AttemptFact:
    return AttemptFact(number, at(number), at(number + 0.1), status, **more)  # type: ignore[arg-type]


def test_each_case_of_the_exam_is_taught_by_the_mission_that_it_names() -> None:
    taught = {
        name: mission.number
        for mission in BUILD
        for name in (*mission.cases, *mission.command_cases)
        if name in CASES and CASES[name].mission == mission.number
    }

    assert taught == {case.name: case.mission.value for case in ALL_CASES}


def test_the_shop_can_ask_each_case_that_a_mission_asks() -> None:
    asked = {name for mission in BUILD for name in mission.cases if name in CASES}

    assert asked == set(CASES) - TAUGHT_BY_COMMAND == set(SENT)
    assert all(Scheme.STANDARD in CASES[name].schemes for name in asked)


def test_a_case_says_what_it_lacks_from_the_registration_to_the_verdict() -> None:
    def judged(**given: object) -> str:
        return missing(raw_body.judge(facts(**given)))

    assert judged() == "0 of 6: you have no receiver yet; register it"
    assert judged(own_receiver=OWN).startswith("0 of 6: the exam has not asked your receiver yet")
    passed = [case(name) for name in raw_body.CASES[:4]]
    running = check(*passed, total=6)
    assert judged(own_receiver=OWN, check=running) == (
        "4 of 6: the exam is asking your receiver: 4 of 6 cases"
    )
    forged = check(*passed, case("line-feed"), case("reserialized", "failed", "200: accepted"))
    assert judged(own_receiver=OWN, check=forged) == ("5 of 6: reserialized failed: 200: accepted")
    stopped = check(problem="nothing listens at this port")
    assert judged(own_receiver=OWN, check=stopped) == (
        "0 of 6: the exam ended early: nothing listens at this port"
    )


def test_a_later_check_undoes_what_an_earlier_one_has_passed() -> None:
    names = raw_body.CASES
    seen = {f"case-{name}": raw_body.judge(facts()).seen[0].evidence for name in names}
    broken = check(*(case(name, "failed", "500") for name in names))

    judgment = raw_body.judge(facts(own_receiver=OWN, check=broken, seen=seen))

    assert missing(judgment) == "0 of 6: pretty-printed failed: 500"


def test_what_was_not_judged_says_what_to_add() -> None:
    unjudged = check(case("redelivery", "not judged", "204 × 2; no evidence of side effects"))

    without = once_only.judge(facts(own_receiver=OWN, check=unjudged))
    silent = once_only.judge(facts(own_receiver=WITH_PROBE, check=unjudged))

    assert "redelivery was not judged: add a probe to your receiver" in missing(without)
    assert missing(silent).endswith(
        "redelivery was not judged: 204 × 2; no evidence of side effects"
    )


def test_a_registration_counts_from_the_start_and_with_any_answer() -> None:
    before = replace(OWN, created_at=at(-9))
    rejected = delivery(2, attempt(1, 401), state="pending")
    unreachable = delivery(2, attempt(1, None, error="connection_refused"), state="pending")

    assert "remove it and register it again" in missing(register.judge(facts(own_receiver=before)))
    assert missing(register.judge(facts(own_receiver=OWN, deliveries=[unreachable]))) == (
        "1 of 2: the shop got no answer: connection_refused; is it running?"
    )
    told = proof(register.judge(facts(own_receiver=OWN, deliveries=[rejected])))
    assert told == {"endpoint": "ep_1", "delivery": "dlv_2", "status": "401"}


def test_a_first_delivery_must_succeed_and_its_cases_must_pass() -> None:
    passed = check(*map(case, first_delivery.CASES))
    refused = delivery(2, attempt(1, 401), state="pending")

    assert (
        missing(first_delivery.judge(facts(own_receiver=OWN, check=passed, deliveries=[refused])))
        == "5 of 6: the delivery of your order is pending, the last response was 401"
    )
    done = first_delivery.judge(
        facts(own_receiver=OWN, check=passed, deliveries=[delivery(2, attempt(1))])
    )
    assert proof(done) == {"delivery": "dlv_2", "exam": "exm_1#case-body-20-kb"}


def test_retry_after_must_be_asked_for_and_respected() -> None:
    asked = attempt(1, 503)
    plain = delivery(1, asked, attempt(2))
    waiting = delivery(1, asked, state="pending")
    waited = delivery(1, asked, attempt(9, retry_after_seconds=7.0))

    assert "no attempt got 429 or 503" in missing(not_now.judge(facts()))
    assert "had no Retry-After" in missing(not_now.judge(facts(deliveries=[plain])))
    assert missing(not_now.judge(facts(deliveries=[waiting]))) == (
        "1 of 3: the next attempt is due in 11 s"
    )
    assert proof(not_now.judge(facts(deliveries=[waited])))["requested"] == "7 s"


def test_a_receiver_that_has_left_must_be_enabled_and_receive_again() -> None:
    gone = delivery(1, attempt(1, 410), state="failed")
    disabled = EndpointFact("ep_1", OWN.webhook_url, "disabled", at(-9), is_ours=True)

    assert missing(leaving.judge(facts(deliveries=[gone], endpoints=[disabled]))) == (
        "1 of 2: the endpoint is disabled; enable it on its page in the shop"
    )
    assert "buy something" in missing(leaving.judge(facts(deliveries=[gone])))
    back = leaving.judge(facts(deliveries=[gone, delivery(9, attempt(10))]))
    assert proof(back) == {"gone": "dlv_1", "success": "dlv_9"}


@pytest.mark.parametrize(
    ("state", "nearest"),
    [
        ("pending", "1 of 2: 5 of 5 are still undelivered; start your receiver again"),
        ("failed", "5 have used up their attempts: recover them in the shop"),
    ],
)
def test_an_outage_must_hit_five_orders_that_are_delivered_later(state: str, nearest: str) -> None:
    hit = [delivery(n, attempt(n, None), state=state) for n in range(5)]
    recovered = [delivery(n, attempt(n, None), attempt(n + 9)) for n in range(5)]

    assert "0 of 5 orders" in missing(outage.judge(facts(deliveries=[delivery(1, attempt(1))])))
    assert nearest in missing(outage.judge(facts(deliveries=hit)))
    assert proof(outage.judge(facts(deliveries=recovered)))["sales"] == "5"
    probed = outage.judge(facts(deliveries=recovered, own_receiver=WITH_PROBE))
    assert missing(probed).startswith("2 of 3: the exam has not asked")


def test_a_rejection_during_the_rotation_begins_the_count_again() -> None:
    signed = [delivery(n, attempt(n, signatures=2)) for n in range(6)]
    refused = [*signed[:3], delivery(3, attempt(3, 401, signatures=2)), *signed[4:]]
    passed = check(case("both-secrets-sign"))

    assert missing(new_keys.judge(facts(deliveries=refused, own_receiver=OWN, check=passed))) == (
        "2 of 3: 2 of 5 deliveries with both signatures were accepted; "
        "before them, 401 came for dlv_3"
    )
    done = new_keys.judge(facts(deliveries=signed, own_receiver=OWN, check=passed))
    assert proof(done)["last"] == "dlv_4"


def test_a_failed_attempt_must_be_followed_by_a_success() -> None:
    failed = attempt(1, None, error="connection_lost")

    assert "no attempt has failed" in missing(
        at_least_once.judge(facts(deliveries=[delivery(1, attempt(1))]))
    )
    assert "has not succeeded yet" in missing(
        at_least_once.judge(facts(deliveries=[delivery(1, failed, state="pending")]))
    )
    done = at_least_once.judge(facts(deliveries=[delivery(1, failed, attempt(4))]))
    assert proof(done)["attempts"] == "2"


@pytest.mark.parametrize(
    ("receiver", "told"), [(OWN, "not shown, because your receiver has no probe"), (WITH_PROBE, "")]
)
def test_without_a_probe_a_mission_says_that_one_effect_is_not_shown(
    receiver: OwnReceiverFact, told: str
) -> None:
    passed = check(case("redelivery"))
    crashed = [delivery(1, attempt(1, None), attempt(4))]
    down = [delivery(n, attempt(n, None), attempt(n + 9)) for n in range(5)]

    for mission, deliveries in ((at_least_once, crashed), (outage, down)):
        judged = mission.judge(facts(deliveries=deliveries, own_receiver=receiver, check=passed))
        assert told in proof(judged)["effects"]
        assert ("shown by your probe" in proof(judged)["effects"]) == receiver.has_probe


def test_orders_must_reach_the_receiver_beside_an_endpoint_that_hangs() -> None:
    hanging = EndpointFact("ep_2", "http://127.0.0.1:8001/v1/new-purchase?hang", "active", at(1))
    passed = check(*map(case, one_slow.CASES))
    mine = [delivery(n, attempt(n)) for n in range(6)]
    elsewhere = [delivery(n, state="sending") for n in range(1, 6)]

    def judged(**given: object) -> str:
        return missing(one_slow.judge(facts(own_receiver=OWN, check=passed, **given)))

    assert judged() == "3 of 5: no endpoint hangs; add one"
    assert judged(endpoints=[hanging], deliveries=mine, deliveries_elsewhere=elsewhere[1:]) == (
        "4 of 5: 4 of 5 orders have reached it; buy something"
    )
    done = one_slow.judge(
        facts(
            own_receiver=OWN,
            check=passed,
            endpoints=[hanging],
            deliveries=mine,
            deliveries_elsewhere=elsewhere,
        )
    )
    assert proof(done)["hanging"] == "ep_2"
    assert proof(done)["message"] == "msg_1"


def test_the_exam_needs_every_must_that_the_shop_can_ask() -> None:
    def examined(**changed: CaseFact) -> Check:
        return check(*(changed.get(name.replace("-", "_"), case(name)) for name in CASES))

    ignored = {
        "old_secret_rejected": case("old-secret-rejected", "not judged"),
        "chunked": case("chunked", "failed", "400"),  # a should
        "nothing_lost": case("nothing-lost", "not judged"),
    }
    done = the_exam.judge(facts(own_receiver=WITH_PROBE, check=examined(**ignored)))
    assert proof(done)["exam"].startswith("exm_1#case-")

    unjudged = examined(redelivery=case("redelivery", "not judged"), head=case("head", "failed"))
    assert missing(the_exam.judge(facts(own_receiver=OWN, check=unjudged))) == (
        "4 of 6: redelivery was not judged: add a probe to your receiver, so that the exam sees "
        "what it does"
    )
    assert missing(the_exam.judge(facts(own_receiver=OWN, check=check(total=40)))) == (
        "0 of 6: the exam is asking your receiver: 0 of 40 cases"
    )
