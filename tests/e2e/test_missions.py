"""Each mission: one script that solves it, and one that nearly does and is told what is missing."""

import html
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from subscriber_app.missions.watch import WATCH
from tests.e2e.learner import FINGERPRINT, Learner, learner_in
from tests.e2e.pair import Running, new_pair
from tests.programs import Document

# A request that gets no response takes its whole timeout, which cannot be skipped.
SETTINGS: dict[int, dict[str, object]] = {
    10: {"request_timeout_seconds": 0.5},
    # No retry may open the circuit breaker before the last order.
    13: {"retry_schedule": "0,20,20"},
    16: {"request_timeout_seconds": 0.5},
}

PAGE = "/missions/16"
FIELDS = re.compile(r"<textarea[^>]*>\n(.*?)</textarea>", re.DOTALL)


@pytest.fixture
def learner(demo: Running, request: pytest.FixtureRequest) -> Iterator[Learner]:
    # Not the fixture ``pair``, which waits until money is counted: few missions need that.
    callspec = getattr(request.node, "callspec", None)
    settings = SETTINGS.get(callspec.params["number"], {}) if callspec else {}
    with new_pair(demo, **settings) as pair, learner_in(pair) as learner:
        yield learner


def fingerprint(learner: Learner) -> str:
    shown = FINGERPRINT.search(learner.page("/subscription"))
    assert shown
    return shown[0]


def register(learner: Learner) -> None:
    learner.submit("/subscription/delete", seen_on="/subscription/delete")
    events = ["purchase.created", "purchase.shipped", "purchase.refunded"]
    learner.submit("/subscription", seen_on="/subscription", event_types=events)


def switch_polling(learner: Learner, state: str) -> None:
    learner.submit("/polling", seen_on="/polling", state=state)


def solve_1(learner: Learner) -> None:
    switch_polling(learner, "on")
    for _ in range(3):
        learner.buy("mug")


def nearly_1(learner: Learner) -> str:
    switch_polling(learner, "on")
    for _ in range(2):
        learner.buy("mug")
    return "1 of 2: 2 of 3 purchases were seen by a webhook and by polling; buy 1 more"


def solve_2(learner: Learner) -> None:
    register(learner)
    learner.answer(2, "fingerprint", fingerprint(learner))


def nearly_2(learner: Learner) -> str:
    former = fingerprint(learner)
    register(learner)
    learner.answer(2, "fingerprint", former)
    return (
        f"1 of 2: {former} is not the fingerprint of the secret; copy it from the page Subscription"
    )


def solve_3(learner: Learner) -> None:
    learner.buy()


def nearly_3(learner: Learner) -> str:
    learner.script("503 503 503 503 503 503")
    learner.buy(settled=False)
    return "1 of 2: the delivery of your order is pending, its last attempt got 503"


def solve_4(learner: Learner) -> None:
    receipt = learner.receipt_of(learner.buy())
    for attack in ("amount", "wrong-secret", "token-alg-none"):
        learner.attack(receipt, attack)


def nearly_4(learner: Learner) -> str:
    receipt = learner.receipt_of(learner.buy())
    learner.attack(receipt, "amount")
    learner.attack(receipt, "amount")
    learner.switch("signature", on=False)
    learner.attack(receipt, "wrong-secret")
    return (
        "2 of 4: 2 more kinds of forgeries must be rejected; the last one was accepted, "
        "so a defense is off"
    )


def solve_5(learner: Learner) -> None:
    receipt = learner.receipt_of(learner.buy())
    learner.switch("raw_body", on=False)
    learner.attack(receipt, "reserialised")
    learner.switch("raw_body", on=True)
    learner.attack(receipt, "reserialised")


def nearly_5(learner: Learner) -> str:
    receipt = learner.receipt_of(learner.buy())
    learner.switch("raw_body", on=False)
    learner.attack(receipt, "reserialised")
    learner.attack(receipt, "reserialised")
    return "1 of 2: the defense “Raw body” is off; switch it on and re-serialize again"


def solve_6(learner: Learner) -> None:
    receipt = learner.receipt_of(learner.buy())
    learner.answer(6, "verdict", "rejected")
    learner.attack(receipt, "replay")
    learner.attack(receipt, "late-replay")


def nearly_6(learner: Learner) -> str:
    receipt = learner.receipt_of(learner.buy())
    learner.attack(receipt, "replay")
    learner.answer(6, "verdict", "duplicate")
    learner.attack(receipt, "late-replay")
    return "2 of 3: replay a recorded request, after your prediction"


def resend(learner: Learner, order: Document, times: int, *, accepted: int = 0) -> None:
    """Resend the order's delivery, one request after the other."""
    (delivery,) = order["delivery_ids"]
    for number in range(times):
        path = f"/v1/deliveries/{delivery}/attempts"
        learner.shop.post(path, json={}).raise_for_status()
        verdict, count = ("accepted", accepted) if accepted else ("duplicate", number + 1)
        learner.wait_for_receipts(order_id=order["id"], verdict=verdict, min_count=count)
        learner.settle()


def double_and_repair(learner: Learner) -> None:
    learner.wait_for_counting()
    order = learner.buy()
    learner.switch("deduplication", on=False)
    resend(learner, order, 1, accepted=2)
    learner.switch("deduplication", on=True)
    learner.act(7, "remove-double-bookings")
    learner.wait_for(7, "2 of 3: 0 of 13 requests with the same message; buy something new")


def solve_7(learner: Learner) -> None:
    double_and_repair(learner)
    resend(learner, learner.buy(), 3)
    learner.act(7, "replay-ten-times")


def nearly_7(learner: Learner) -> str:
    learner.wait_for_counting()
    order = learner.buy()
    learner.switch("deduplication", on=False)
    resend(learner, order, 1, accepted=2)
    learner.switch("deduplication", on=True)
    return "1 of 3: the difference is $50.75; remove the double booking"


def buy_and_skip(learner: Learner, seconds: float) -> None:
    """Buy something, and skip the wait after its first attempt."""
    order = learner.buy(settled=False)
    learner.wait_for_receipts(order_id=order["id"], min_count=1)
    learner.skip(seconds)


def solve_8(learner: Learner) -> None:
    learner.script("503 503 200")
    learner.answer(8, "gap", "2")
    buy_and_skip(learner, 10)


def nearly_8(learner: Learner) -> str:
    learner.script("503 503 200")
    learner.answer(8, "gap", "4.5")
    buy_and_skip(learner, 10)
    return (
        "2 of 3: you predicted 4.5 s, but the plan was 2 s; "
        "predict again, set the script again, and buy again"
    )


def solve_9(learner: Learner) -> None:
    learner.script("429:7")
    buy_and_skip(learner, 8)


def nearly_9(learner: Learner) -> str:
    learner.script("429:3")
    buy_and_skip(learner, 8)
    return "1 of 2: the gap was shorter than 7 s; ask for more time, with 429:7"


def be_slow(learner: Learner) -> None:
    late = {"mode": "slow", "seconds": 12}
    learner.subscriber.put("/v1/faults", json=late).raise_for_status()
    learner.buy(settled=False)
    learner.wait_for(
        10, "2 of 3: 0 of 5 quick responses in a row; the fault is still on: respond normally"
    )
    learner.subscriber.put("/v1/faults", json={"mode": "none"}).raise_for_status()


def solve_10(learner: Learner) -> None:
    be_slow(learner)
    for _ in range(5):
        learner.buy("mug")


def nearly_10(learner: Learner) -> str:
    be_slow(learner)
    learner.skip(3)
    for _ in range(3):
        learner.buy("mug")
    return "2 of 3: 4 of 5 quick responses in a row"


def refund(learner: Learner, order: Document) -> None:
    learner.shop.post(f"/v1/orders/{order['id']}/refund").raise_for_status()


def hold_up_a_purchase(learner: Learner) -> Document:
    learner.script("503")
    order = learner.buy(settled=False)
    learner.wait_for_receipts(reason="simulated_fault", min_count=1)
    return order


def solve_11(learner: Learner) -> None:
    order = hold_up_a_purchase(learner)
    refund(learner, order)
    learner.receipt_of(order)
    learner.skip(3)


def nearly_11(learner: Learner) -> str:
    order = hold_up_a_purchase(learner)
    learner.skip(3)
    refund(learner, order)
    learner.settle()
    return "1 of 3: the purchase arrived before the refund; hold up another one, and refund it soon"


def leave_and_come_back(learner: Learner) -> None:
    learner.script("410")
    learner.buy()
    learner.wait_for(12, "1 of 3: the endpoint is disabled; enable it on its page in the shop")
    (endpoint,) = learner.shop.get("/v1/webhooks").json()["data"]
    learner.shop.patch(f"/v1/webhooks/{endpoint['id']}", json={"status": "active"})
    learner.buy()
    learner.subscriber.put("/v1/faults", json={"mode": "status", "status": 503})


def solve_12(learner: Learner) -> None:
    leave_and_come_back(learner)
    for _ in range(12):
        learner.buy("mug", settled=False)
    learner.act(12, "skip-hours")


def nearly_12(learner: Learner) -> str:
    leave_and_come_back(learner)
    for _ in range(9):
        learner.buy("mug", settled=False)
    learner.skip(7200)
    return "2 of 3: 9 of 10 deliveries have used up their attempts; buy more"


def break_down(learner: Learner, sales: int) -> None:
    learner.wait_for_counting()
    learner.answer(13, "difference", "less")
    learner.subscriber.put("/v1/faults", json={"mode": "drop"}).raise_for_status()
    orders = [learner.buy("mug", settled=False) for _ in range(sales)]
    for order in orders:  # one by one, since a reconnect makes a second receipt of the same order
        [message_id] = order["message_ids"]
        learner.wait_for_receipts(message_id=message_id, reason="simulated_fault")
    learner.subscriber.put("/v1/faults", json={"mode": "none"}).raise_for_status()
    learner.skip(60)


def solve_13(learner: Learner) -> None:
    break_down(learner, 20)


def nearly_13(learner: Learner) -> str:
    break_down(learner, 19)
    return (
        "1 of 4: 19 of 20 purchases were hit by an outage; "
        "set the fault “Closed connection”, then sell 20 things"
    )


def rotate(learner: Learner) -> None:
    learner.submit("/subscription/rotation", seen_on="/subscription")


def solve_14(learner: Learner) -> None:
    rotate(learner)
    for _ in range(10):
        learner.buy("mug", settled=False)
    learner.settle()
    learner.wait_for(14, "2 of 3: the old secret is valid for 24 h more; skip the grace period")
    learner.act(14, "skip-grace")
    learner.wait_for_clock()
    learner.act(14, "send-old-secret")


def nearly_14(learner: Learner) -> str:
    rotate(learner)
    for _ in range(9):
        learner.buy("mug", settled=False)
    learner.settle()
    learner.act(14, "send-old-secret")
    return "1 of 3: 9 of 10 deliveries were signed with both secrets"


def solve_15(learner: Learner) -> None:
    learner.script("accept_then_500")
    buy_and_skip(learner, 3)


def nearly_15(learner: Learner) -> str:
    learner.script("503")
    buy_and_skip(learner, 3)
    return (
        "0 of 3: no purchase was booked and then answered with an error; "
        "set the script accept_then_500, then buy something"
    )


def solve_16(learner: Learner) -> None:
    learner.act(16, "register-hanging")
    for _ in range(20):
        learner.receipt_of(learner.buy("mug", settled=False))


def nearly_16(learner: Learner) -> str:
    learner.act(16, "register-hanging")
    for _ in range(3):
        learner.buy("mug", settled=False)
    return "1 of 4: 3 of 20 messages were sent to both"


def edit_and_send(learner: Learner, receipt_id: str, change: Callable[[str], str]) -> None:
    """Change the body of a recorded request, sign it, and send it from the editor."""
    editor = f"/receipts/{receipt_id}/editor"
    headers, body = FIELDS.findall(learner.page(editor))
    typed = {"body": change(html.unescape(body)), "form": "text"}
    signing = learner.fill(editor, headers=html.unescape(headers), action="sign", **typed)
    signed, _ = FIELDS.findall(signing)
    learner.submit(editor, seen_on=editor, headers=html.unescape(signed), action="send", **typed)


def poison(learner: Learner) -> None:
    receipt = learner.receipt_of(learner.buy())
    edit_and_send(learner, receipt, lambda body: body.replace("created", "gifted"))
    learner.wait_for(
        17,
        "1 of 3: no malformed event was rejected; remove the end of the body, sign it, and send it",
    )
    edit_and_send(learner, receipt, lambda body: body[:-1])


def solve_17(learner: Learner) -> None:
    poison(learner)
    for _ in range(5):
        learner.buy("mug")


def nearly_17(learner: Learner) -> str:
    poison(learner)
    for _ in range(4):
        learner.buy("mug")
    return "2 of 3: 4 of 5 webhooks were accepted since then; buy more"


def try_url(learner: Learner, url: str) -> None:
    answer = learner.shop.post("/v1/webhooks/register", json={"webhook_url": url})
    assert answer.status_code == 422


def solve_18(learner: Learner) -> None:
    for url in HOSTILE:
        try_url(learner, url)
    learner.act(18, "register-changing-name")
    learner.buy("mug", settled=False)
    learner.skip(60)


def nearly_18(learner: Learner) -> str:
    for url in (*HOSTILE, "http://scanner.local/"):
        try_url(learner, url)
    learner.act(18, "register-changing-name")
    return "2 of 3: the name is registered, but nothing was sent to it; buy something"


HOSTILE = (
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:22/",
    "http://0x7f.1:8001/",
    "http://printer.local/",
)
SOLVE: dict[int, Callable[[Learner], None]] = {
    1: solve_1,
    2: solve_2,
    3: solve_3,
    4: solve_4,
    5: solve_5,
    6: solve_6,
    7: solve_7,
    8: solve_8,
    9: solve_9,
    10: solve_10,
    11: solve_11,
    12: solve_12,
    13: solve_13,
    14: solve_14,
    15: solve_15,
    16: solve_16,
    17: solve_17,
    18: solve_18,
}
NEARLY: dict[int, Callable[[Learner], str]] = {
    1: nearly_1,
    2: nearly_2,
    3: nearly_3,
    4: nearly_4,
    5: nearly_5,
    6: nearly_6,
    7: nearly_7,
    8: nearly_8,
    9: nearly_9,
    10: nearly_10,
    11: nearly_11,
    12: nearly_12,
    13: nearly_13,
    14: nearly_14,
    15: nearly_15,
    16: nearly_16,
    17: nearly_17,
    18: nearly_18,
}


def test_every_mission_has_both_scripts() -> None:
    assert set(SOLVE) == set(NEARLY) == {mission.number for mission in WATCH}


@pytest.mark.parametrize("number", sorted(SOLVE))
def test_a_mission_is_proven_by_doing_it(learner: Learner, number: int) -> None:
    learner.start(number)

    SOLVE[number](learner)

    mission = learner.finish(number)
    assert mission["missing"] == ""
    assert "What happened" in learner.page(f"/missions/{number}")
    assert not [text for text in mission["explanation"] if "–" in text or "{" in text]


@pytest.mark.parametrize("number", sorted(NEARLY))
def test_a_mission_that_is_nearly_done_says_what_is_missing(learner: Learner, number: int) -> None:
    learner.start(number)

    missing = NEARLY[number](learner)

    learner.wait_for(number, missing)
    assert learner.mission(number)["state"] == "started"


def test_nothing_counts_that_happened_before_the_start(learner: Learner) -> None:
    solve_4(learner)

    learner.start(4)

    learner.wait_for(4, "0 of 4: no genuine webhook came since the mission began; buy something")


def test_what_one_mission_leaves_behind_is_removed_by_one_click(learner: Learner) -> None:
    learner.start(5)
    solve_5(learner)
    learner.finish(5)
    learner.start(7)
    assert "An attack of another mission was booked" in learner.page("/missions/7")

    learner.submit("/missions/7/repair", seen_on="/missions/7", way_back="remove-forged-bookings")
    solve_7(learner)

    learner.finish(7)


def test_two_learners_do_not_see_each_others_facts(demo: Running) -> None:
    with (
        new_pair(demo) as one,
        new_pair(demo) as other,
        learner_in(one) as first,
        learner_in(other) as second,
        ThreadPoolExecutor() as both,
    ):
        first.start(4)
        second.start(5)
        tasks = [both.submit(solve_4, first), both.submit(solve_5, second)]
        for task in tasks:
            task.result()

        assert first.finish(4)["state"] == second.finish(5)["state"] == "done"
        assert second.mission(4)["state"] == first.mission(5)["state"] == "new"


def test_a_button_of_a_mission_works_again_when_what_it_made_was_deleted(learner: Learner) -> None:
    learner.start(16)

    for _ in range(2):
        (nonce,) = re.findall('name="_nonce" value="(register-hanging-[^"]+)"', learner.page(PAGE))
        fields = {"action": "register-hanging", "_nonce": nonce}
        learner.submit(f"{PAGE}/actions", seen_on=PAGE, **fields)
        listed = learner.shop.get("/v1/webhooks").json()["data"]
        (hanging,) = [each for each in listed if each["webhook_url"].endswith("?hang")]
        learner.wait_for(16, "1 of 4: 0 of 20 messages were sent to both")
        learner.shop.delete(f"/v1/webhooks/{hanging['id']}").raise_for_status()
        learner.wait_for(16, "0 of 4: no endpoint hangs; add one")


def test_a_second_skip_while_the_first_one_still_runs_is_no_error(learner: Learner) -> None:
    learner.start(12)
    learner.subscriber.put("/v1/faults", json={"mode": "never"}).raise_for_status()
    learner.buy("mug", settled=False)
    sending: dict[str, str | int] = {"state": "sending", "min_count": 1, "wait": 30}
    learner.shop.get("/v1/deliveries", params=sending, timeout=40).raise_for_status()

    learner.act(12, "skip-hours")
    learner.act(12, "skip-hours")

    assert learner.shop.get("/v1/clock").json()["step_waits_for"]["in_flight"] == 1
