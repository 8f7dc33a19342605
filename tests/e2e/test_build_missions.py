"""Each mission of the Build track: a receiver that solves it, and one that nearly does."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from hookshop.testing.fault_script import parse_script
from hookshop.testing.webhook_server import Subscription, WebhookServer
from subscriber_app.missions.build import BUILD
from subscriber_app.missions.mission import Mission
from subscriber_app.missions.watch.one_slow import REGISTER_HANGING
from tests.demo import free_ports
from tests.e2e.learner import Learner, learner_in
from tests.e2e.pair import Running, new_pair
from tests.programs import Document
from tests.receivers.running import running
from tests.waiting import wait_for

RIGHT = "right/plain"
RECEIVER = "/missions/receiver"
_SECRET = re.compile(r"WEBHOOK_SECRET=(whsec_\S+) python")


class Builder(Learner):
    """A learner with a receiver of their own, which runs until the block ends."""

    task: Mission
    stack: ExitStack

    def register(self, port: int, *, has_probe: bool = False) -> str:
        """Register a receiver at this port, and return the secret that the page shows once."""
        base = f"http://127.0.0.1:{port}"
        probe = f"{base}/probe" if has_probe else ""
        token = self.form_token(RECEIVER)
        page = self.subscriber.post(
            RECEIVER,
            data={"_csrf_token": token, "webhook_url": f"{base}/hook", "probe_url": probe},
        ).raise_for_status()
        shown = _SECRET.search(page.text)
        assert shown, page.text
        assert shown[1] not in self.page(RECEIVER)
        return shown[1]

    def run(self, name: str, *, has_probe: bool = False) -> None:
        """Register and start a receiver of tests/receivers."""
        [port] = free_ports(1)
        secret = self.register(port, has_probe=has_probe)
        self.stack.enter_context(running(name, secret, port=port))

    def serve(self) -> WebhookServer:
        """Register and start a receiver that fails as it is told."""
        server = WebhookServer(lambda _webhook: None)
        secret = self.register(server.port)
        url = f"http://127.0.0.1:{server.port}/hook"
        server.subscription = Subscription(self.endpoint(), (secret,), url, issuer=None)
        server.start()
        self.stack.callback(server.stop)
        return server

    def check(self) -> None:
        """Press the button, and wait until the exam has ended."""
        page = f"/missions/{self.task.key}"
        self.submit(f"{page}/check", seen_on=page)
        exam = self.shop.get("/v1/exams").raise_for_status().json()["data"][0]["id"]
        self.shop.get(f"/v1/exams/{exam}", params={"wait": 60, "strict": 1}, timeout=70)

    def endpoint(self) -> str:
        """Return the id of the receiver's endpoint."""
        endpoints = self.shop.get("/v1/webhooks").raise_for_status().json()["data"]
        found = [each["id"] for each in endpoints if "/hook" in each["webhook_url"]]
        return str(found[0])

    def delivery(self, order: Document) -> Document:
        """Return the delivery of an order to the learner's receiver."""
        query = {"order_id": order["id"], "endpoint_id": self.endpoint()}
        found = self.shop.get("/v1/deliveries", params=query).raise_for_status().json()["data"]
        document: Document = found[0]
        return document

    def buy_and_fail(self, count: int = 1) -> None:
        """Buy, and wait until the first attempt of each order has failed.

        All at once: a retry would use up what is meant for the first attempt of another order.
        """
        for _ in range(count):
            self.buy(settled=False)
        self.shop.get(
            "/v1/quiescence", params={"level": "idle", "wait": 20, "strict": 1}
        ).raise_for_status()


@pytest.fixture
def learner(demo: Running, request: pytest.FixtureRequest) -> Iterator[Builder]:
    with new_pair(demo) as pair, learner_in(pair) as someone, ExitStack() as stack:
        builder = Builder(someone.shop, someone.subscriber, pair.counts_from)
        builder.stack = stack
        if callspec := getattr(request.node, "callspec", None):
            builder.task = callspec.params["mission"]
        yield builder


def checks(name: str, *, has_probe: bool = False) -> Callable[[Builder], None]:
    """Return a script that starts a receiver and lets the exam check it."""

    def script(learner: Builder) -> None:
        learner.run(name, has_probe=has_probe)
        learner.check()

    return script


def checks_in_vain(name: str, missing: str, *, has_probe: bool = False) -> Callable[[Builder], str]:
    def script(learner: Builder) -> str:
        checks(name, has_probe=has_probe)(learner)
        return missing

    return script


def solve_2(learner: Builder) -> None:
    learner.run(RIGHT)
    learner.buy()


def nearly_2(learner: Builder) -> str:
    learner.register(free_ports(1)[0])
    learner.buy_and_fail()
    return "1 of 2: the shop got no answer: connection_refused; is it running?"


def solve_3(learner: Builder) -> None:
    solve_2(learner)
    learner.check()


def nearly_3(learner: Builder) -> str:
    learner.run("wrong/no_chunks")
    learner.buy()
    learner.check()
    return "5 of 6: chunked failed: 401"


def solve_9(learner: Builder) -> None:
    learner.serve().fail_next(parse_script(["429:7"]))
    learner.buy_and_fail()
    learner.skip(8)
    learner.settle()


def nearly_9(learner: Builder) -> str:
    learner.serve().fail_next(parse_script(["503"]))
    learner.buy_and_fail()
    learner.skip(8)
    learner.settle()
    return "1 of 3: the response had no Retry-After; add the header, in seconds"


def leave(learner: Builder) -> None:
    learner.serve().fail_next(parse_script(["410"]))
    learner.buy()


def solve_12(learner: Builder) -> None:
    leave(learner)
    learner.shop.patch(
        f"/v1/webhooks/{learner.endpoint()}", json={"status": "active"}
    ).raise_for_status()
    learner.buy()


def nearly_12(learner: Builder) -> str:
    leave(learner)
    return "1 of 2: the endpoint is disabled; enable it on its page in the shop"


def break_down(learner: Builder) -> None:
    learner.serve().fail_next(parse_script(["503"] * 5))
    learner.buy_and_fail(5)


def solve_13(learner: Builder) -> None:
    break_down(learner)
    learner.skip(30)
    learner.settle()


def nearly_13(learner: Builder) -> str:
    learner.serve().fail_next(parse_script(["503"] * 3))
    learner.buy_and_fail(3)
    return "0 of 2: 3 of 5 orders were hit by an outage; stop your receiver, then buy"


def rotate(learner: Builder) -> str:
    path = f"/v1/webhooks/{learner.endpoint()}/rotate-secret"
    rotated = learner.shop.post(path, json={"grace_seconds": 3600}).raise_for_status().json()
    return str(rotated["secret"])


def solve_14(learner: Builder) -> None:
    learner.run(RIGHT)
    rotate(learner)
    for _ in range(5):
        learner.buy()
    learner.check()


def nearly_14(learner: Builder) -> str:
    learner.run(RIGHT)
    rotate(learner)
    for _ in range(2):
        learner.buy()
    return "1 of 3: 2 of 5 deliveries with both signatures were accepted"


def solve_15(learner: Builder) -> None:
    learner.serve().fail_next(parse_script(["drop"]))
    learner.buy_and_fail()
    learner.skip(5)
    learner.settle()


def nearly_15(learner: Builder) -> str:
    learner.serve().fail_next(parse_script(["drop"] * 9))
    learner.buy_and_fail()
    return "1 of 2: the delivery has not succeeded yet; start your receiver again"


def buy_beside_one_that_hangs(learner: Builder, receiver: str) -> None:
    learner.run(receiver)
    learner.act(learner.task.key, REGISTER_HANGING)
    for _ in range(5):
        learner.buy(settled=False)
    missed = "2 of 5: the exam has not asked your receiver yet; choose “Check my receiver”"
    learner.wait_for(learner.task.key, missed)


def solve_16(learner: Builder) -> None:
    buy_beside_one_that_hangs(learner, RIGHT)
    learner.check()


def nearly_16(learner: Builder) -> str:
    buy_beside_one_that_hangs(learner, "wrong/no_limit")
    learner.check()
    return "4 of 5: body-5-mb failed: 204, not a 4xx or a closed connection"


SOLVE: dict[int, Callable[[Builder], None]] = {
    2: solve_2,
    3: solve_3,
    4: checks(RIGHT),
    5: checks(RIGHT),
    6: checks(RIGHT),
    7: checks(RIGHT, has_probe=True),
    9: solve_9,
    10: checks(RIGHT),
    11: checks(RIGHT, has_probe=True),
    12: solve_12,
    13: solve_13,
    14: solve_14,
    15: solve_15,
    16: solve_16,
    17: checks(RIGHT),
    19: checks(RIGHT, has_probe=True),
}
NEARLY: dict[int, Callable[[Builder], str]] = {
    2: nearly_2,
    3: nearly_3,
    4: checks_in_vain(
        "wrong/accepts_hex", "11 of 12: signature-hex failed: 204: accepted a forgery"
    ),
    5: checks_in_vain("wrong/compares_parsed_body", "2 of 6: pretty-printed failed: 401"),
    6: checks_in_vain(
        "wrong/no_upper_bound", "3 of 5: timestamp-600s-ahead failed: 204: accepted a forgery"
    ),
    7: checks_in_vain(
        RIGHT,
        "0 of 3: redelivery was not judged: add a probe to your receiver, so that the exam sees "
        "what it does",
    ),
    9: nearly_9,
    10: checks_in_vain("wrong/slow", "1 of 2: twenty-p95 failed: p95 2."),
    11: checks_in_vain(
        "wrong/last_event_wins",
        "0 of 2: refund-before-purchase failed: the order is created",
        has_probe=True,
    ),
    12: nearly_12,
    13: nearly_13,
    14: nearly_14,
    15: nearly_15,
    16: nearly_16,
    17: checks_in_vain(
        "wrong/fails_on_unknown_types",
        "6 of 7: unknown-type failed: 500, so the sender retries, and gives up",
    ),
    19: checks_in_vain(
        "wrong/no_head", "5 of 6: head failed: 501: the method is not implemented", has_probe=True
    ),
}
NUMBERED = {mission.number: mission for mission in BUILD}
_MISSIONS = pytest.mark.parametrize("mission", BUILD, ids=lambda mission: mission.key)


def test_every_mission_has_both_scripts() -> None:
    assert set(SOLVE) == set(NEARLY) == set(NUMBERED)


@_MISSIONS
def test_a_right_receiver_proves_the_mission(learner: Builder, mission: Mission) -> None:
    learner.start(mission.key)

    SOLVE[mission.number](learner)

    document = learner.finish(mission.key)
    assert document["missing"] == ""
    assert "What happened" in learner.page(f"/missions/{mission.key}")
    assert not [text for text in document["explanation"] if "–" in text or "{" in text]


@_MISSIONS
def test_a_receiver_that_nearly_does_is_told_what_is_missing(
    learner: Builder, mission: Mission
) -> None:
    learner.start(mission.key)

    missing = NEARLY[mission.number](learner)

    wait_for(lambda: learner.missing(mission.key).startswith(missing), missing)
    assert missing in learner.page(f"/missions/{mission.key}")
    assert learner.mission(mission.key)["state"] == "started"


def test_what_one_track_proves_does_not_count_for_the_other(learner: Builder) -> None:
    build = NUMBERED[3].key
    learner.start(build)
    learner.start(3)

    learner.buy()  # to this subscriber only

    assert learner.finish(3)["state"] == "done"
    assert learner.missing(build) == "0 of 6: you have no receiver yet; register it"

    learner.start(3)
    learner.run(RIGHT)
    learner.submit("/subscription/delete", seen_on="/subscription/delete")
    learner.buy()  # to the learner's receiver only

    wait_for(lambda: learner.missing(build).startswith("1 of 6"), "the delivery counts")
    assert learner.missing(3).startswith("0 of 2")


def test_a_receiver_that_is_registered_already_is_used_with_its_secret(learner: Builder) -> None:
    server = WebhookServer(lambda _webhook: None)
    learner.stack.callback(server.stop)
    url = f"http://127.0.0.1:{server.port}/hook"
    made = learner.shop.post(
        "/v1/webhooks/register", json={"webhook_url": url, "event_types": ["purchase.created"]}
    )
    secret = made.raise_for_status().json()["secret"]
    form = {"_csrf_token": learner.form_token(RECEIVER), "webhook_url": url}

    twice = learner.subscriber.post(RECEIVER, data=form)
    used = learner.subscriber.post(RECEIVER, data={**form, "secret": secret})

    assert "This URL is registered already" in twice.text
    assert used.status_code == 303
    learner.submit(f"{RECEIVER}/delete", seen_on=RECEIVER)
    assert learner.endpoint() == made.json()["id"]  # it stays: it was not registered here


def test_a_script_registers_a_receiver_and_lets_it_be_checked(learner: Builder) -> None:
    [port] = free_ports(1)
    base, mission = f"http://127.0.0.1:{port}", f"/v1/missions/{NUMBERED[4].key}"
    wanted = {"webhook_url": f"{base}/hook", "probe_url": f"{base}/probe"}
    made = learner.subscriber.put("/v1/missions/receiver", json=wanted).raise_for_status().json()
    learner.stack.enter_context(running(RIGHT, made["secret"], port=port))

    learner.subscriber.post(f"{mission}/start").raise_for_status()
    check = learner.subscriber.post(f"{mission}/check").raise_for_status().json()["check"]
    learner.shop.get(f"/v1/exams/{check['exam_id']}", params={"wait": 60, "strict": 1}, timeout=70)
    done = learner.finish(NUMBERED[4].key)

    assert done["state"] == "done"
    verdicts = {each["verdict"] for each in learner.mission(NUMBERED[4].key)["check"]["cases"]}
    assert verdicts == {"passed"}
    learner.subscriber.delete("/v1/missions/receiver").raise_for_status()
    urls = [each["webhook_url"] for each in learner.shop.get("/v1/webhooks").json()["data"]]
    assert wanted["webhook_url"] not in urls


def test_a_script_reads_which_cases_a_receiver_has_failed_and_how(learner: Builder) -> None:
    learner.task = NUMBERED[17]
    learner.start(learner.task.key)
    checks("wrong/no_head")(learner)

    check = learner.mission(learner.task.key)["check"]

    assert (check["finished"], check["total"], check["problem"]) == (True, 7, "")
    [failed] = [each for each in check["cases"] if each["verdict"] != "passed"]
    assert (failed["name"], failed["group"], failed["level"]) == ("head", "survives", "must")
    assert failed["got"]


def test_the_page_with_the_secret_says_what_the_mission_lacks_now(learner: Builder) -> None:
    learner.start(NUMBERED[2].key)
    [port] = free_ports(1)

    def says_it() -> bool:
        token = learner.form_token(RECEIVER)
        form = {"_csrf_token": token, "webhook_url": f"http://127.0.0.1:{port}/hook"}
        page = learner.subscriber.post(RECEIVER, data=form)
        assert _SECRET.search(page.text)
        learner.submit(f"{RECEIVER}/delete", seen_on=RECEIVER)
        return "1 of 2: no request was sent to it" in page.text

    # If the shop is slow, the page shows the last look instead, and one can only register again.
    wait_for(says_it, "the page that shows the secret is up to date")


def test_the_shop_decides_where_a_receiver_may_be(learner: Builder) -> None:
    form = {"_csrf_token": learner.form_token(RECEIVER), "webhook_url": "http://169.254.169.254/"}

    refused = learner.subscriber.post(RECEIVER, data=form)

    assert refused.status_code == 422
    assert "Nothing was changed" in refused.text
    assert "169.254.169.254" in refused.text


def test_a_receiver_that_is_removed_is_no_endpoint_any_more_and_its_check_is_forgotten(
    learner: Builder,
) -> None:
    learner.task = NUMBERED[17]
    learner.start(learner.task.key)
    checks("wrong/no_head")(learner)
    assert learner.missing(learner.task.key).startswith("6 of 7: head failed")

    learner.submit(f"{RECEIVER}/delete", seen_on=RECEIVER)

    urls = [each["webhook_url"] for each in learner.shop.get("/v1/webhooks").json()["data"]]
    assert not [url for url in urls if "/hook" in url]
    assert learner.missing(learner.task.key) == "0 of 7: you have no receiver yet; register it"
