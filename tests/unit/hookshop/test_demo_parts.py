"""Parts of the demo: labeled lines, restarts, programs and their settings."""

import io
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from hookshop.demo.console import Console, LabeledLines
from hookshop.demo.plan import Plan, StartError, make_plan
from hookshop.demo.preflight import check_ports
from hookshop.demo.program_runner import MIN_UPTIME_SECONDS, RestartPolicy, describe_exit
from tests.demo import clean_environment


def test_lines_are_labeled_whole_however_their_pieces_come() -> None:
    out = io.StringIO()
    lines = LabeledLines(Console(out), "shop")

    for chunk in (b"one\ntw", "o €".encode()[:3], "o €".encode()[3:], b"\r\nthree"):
        lines.feed(chunk)
    lines.close()

    assert out.getvalue().splitlines() == [
        "shop       | one",
        "shop       | two €",
        "shop       | three",
    ]


def test_bytes_that_are_not_text_do_no_harm() -> None:
    out = io.StringIO()

    LabeledLines(Console(out), "worker").feed(b"\xff\n")

    assert out.getvalue() == "worker     | \N{REPLACEMENT CHARACTER}\n"


def test_a_process_cannot_control_the_terminal_of_the_demo() -> None:
    out, json_out = io.StringIO(), io.StringIO()

    Console(out).say("\x1b[2Kmsg\r", "worker")
    Console(json_out, json_lines=True).say("\x1b[2Kmsg\x7f", "worker")

    assert out.getvalue() == "worker     | \\x1b[2Kmsg\\r\n"
    assert json_out.getvalue().rstrip("\n").isprintable()


def test_a_console_that_nobody_reads_says_so_and_goes_on() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        console = Console(out)
        assert not console.is_gone()
        os.close(reading)
        assert console.is_gone()

        console.say("into the void")

        assert console.is_gone()


def test_a_console_that_cannot_be_polled_is_not_gone() -> None:
    with tempfile.TemporaryFile("w") as out:
        console = Console(out)
        kept = os.dup(out.fileno())
        os.close(out.fileno())  # poll reports it as it reports every terminal on macOS

        assert not console.is_gone()

        os.dup2(kept, out.fileno())
        os.close(kept)


def test_with_json_lines_every_line_is_a_json_object_that_names_its_process() -> None:
    out = io.StringIO()
    console = Console(out, json_lines=True)

    console.say('{"level": "warning", "message": "late"}', "worker")
    console.say("Ready to accept connections", "redis")
    console.say("[1, 2]", "shop")
    console.banner({"Shop": "http://127.0.0.1:8000"})

    late, ready, numbers, banner = map(json.loads, out.getvalue().splitlines())
    assert late == {"process": "worker", "level": "warning", "message": "late"}
    assert (ready["process"], ready["level"]) == ("redis", "info")
    assert ready["message"] == "Ready to accept connections"
    assert numbers["message"] == "[1, 2]"
    assert "Shop: http://127.0.0.1:8000" in banner["message"]


def test_a_program_that_keeps_ending_is_restarted_with_growing_delays() -> None:
    restarts = RestartPolicy()

    pauses = [restarts.delay_after(exit_code=1, uptime_seconds=0.1) for _ in range(5)]

    assert pauses == [0, 1, 2, 5, 5]
    assert restarts.should_give_up


def test_a_program_that_ran_for_a_while_is_restarted_immediately() -> None:
    restarts = RestartPolicy()
    for _ in range(2):
        restarts.delay_after(exit_code=1, uptime_seconds=0.1)

    pause = restarts.delay_after(exit_code=-9, uptime_seconds=MIN_UPTIME_SECONDS)

    assert pause == 0
    assert not restarts.should_give_up


def test_a_program_with_a_wrong_setting_is_not_restarted() -> None:
    restarts = RestartPolicy()

    restarts.delay_after(exit_code=2, uptime_seconds=0.1)

    assert restarts.should_give_up


@pytest.mark.parametrize(
    ("exit_code", "pause", "line"),
    [
        (1, 0, "ended with exit code 1; restarting"),
        (-9, 2, "was killed by SIGKILL; restarting in 2 s"),
        (2, 5, "ended with exit code 2 (its line above says why); restarting in 5 s"),
    ],
)
def test_the_line_about_an_end_says_why_and_what_follows(
    exit_code: int, pause: float, line: str
) -> None:
    assert describe_exit(exit_code, pause) == line


def plan(var: Path, **settings: str) -> Plan:
    return make_plan(clean_environment() | {"HOOKSHOP_VAR": str(var)} | settings)


def setting(environment: Mapping[str, str], name: str) -> str:
    return environment[f"SUBSCRIBER_{name}"]


def test_the_subscriber_gets_the_shops_url(tmp_path: Path) -> None:
    environment = plan(tmp_path, SHOP_PORT="8010", HOME="/home/ada").environment

    assert setting(environment, "SHOP_URL") == "http://127.0.0.1:8010"
    assert setting(environment, "AUTO_REGISTER") == "1"
    assert environment["HOME"] == "/home/ada"


def test_the_shop_gets_the_subscribers_url_and_the_banner_begins_with_the_start_page(
    tmp_path: Path,
) -> None:
    made = plan(tmp_path, SUBSCRIBER_PUBLIC_URL="http://192.168.1.5:8001")

    assert made.environment["SHOP_SUBSCRIBER_URL"] == "http://192.168.1.5:8001"
    assert list(made.addresses.items()) == [
        ("Start here", "http://192.168.1.5:8001/learn"),
        ("Shop", "http://127.0.0.1:8000"),
        ("Subscriber", "http://192.168.1.5:8001"),
    ]


def test_the_subscriber_calls_the_shop_on_this_machine_and_links_to_its_public_url(
    tmp_path: Path,
) -> None:
    own = plan(tmp_path, SHOP_PUBLIC_URL="https://example.org/shop")
    lent = plan(tmp_path, SUBSCRIBER_SHOP_URL="https://shop.example")

    assert setting(own.environment, "SHOP_URL") == "http://127.0.0.1:8000"
    assert setting(own.environment, "SHOP_PUBLIC_URL") == "https://example.org/shop"
    assert "SUBSCRIBER_SHOP_PUBLIC_URL" not in lent.environment


def test_the_subscriber_gets_the_token_and_the_log_format_of_the_shop(tmp_path: Path) -> None:
    token = "correct horse battery"

    own = plan(tmp_path, SHOP_ADMIN_TOKEN=token, SHOP_LOG_FORMAT="json")

    assert setting(own.environment, "SHOP_TOKEN") == token
    assert setting(own.environment, "LOG_FORMAT") == "json"
    assert own.logs_json


def test_explicit_settings_are_kept_and_empty_ones_count_as_unset(
    tmp_path: Path,
) -> None:
    given = {
        "SUBSCRIBER_AUTO_REGISTER": "0",
        "SUBSCRIBER_LOG_FORMAT": "text",
        "SHOP_LOG_FORMAT": "json",
        "SUBSCRIBER_SHOP_URL": "",
        "SUBSCRIBER_PORT": "",
    }

    made = plan(tmp_path, **given)

    assert setting(made.environment, "AUTO_REGISTER") == "0"
    assert setting(made.environment, "LOG_FORMAT") == "text"
    assert setting(made.environment, "SHOP_URL") == "http://127.0.0.1:8000"
    assert [application.port for application in made.applications] == [8000, 8001]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SHOP_ADMIN_TOKEN", "correct horse battery"),
        ("SUBSCRIBER_ADMIN_TOKEN", "correct horse battery"),
        ("SHOP_PUBLIC_URL", "https://example.org/shop"),
        ("SUBSCRIBER_PUBLIC_URL", "http://192.168.1.5:8001"),
        ("SUBSCRIBER_SHOP_URL", "https://shop.example"),
    ],
)
def test_only_a_private_demo_kills_its_worker_on_request(
    variable: str, value: str, tmp_path: Path
) -> None:
    private, open_to_others = plan(tmp_path), plan(tmp_path, **{variable: value})

    assert setting(private.environment, "CAN_CRASH_WORKER") == "1"
    assert private.crash_request == tmp_path / "crash-worker"
    assert "SUBSCRIBER_CAN_CRASH_WORKER" not in open_to_others.environment
    assert open_to_others.crash_request is None


def test_a_private_redis_is_run_unless_there_is_one(tmp_path: Path) -> None:
    own = plan(tmp_path)
    lent = plan(tmp_path, SHOP_REDIS_URL="redis://127.0.0.1")

    assert own.redis
    assert lent.redis is None


def test_wrong_settings_of_both_applications_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartError) as refusal:
        plan(tmp_path, SHOP_RETRY_SCHEDULE="soon", SUBSCRIBER_SHOP_URL="nonsense")

    line = str(refusal.value)
    assert "SHOP_RETRY_SCHEDULE=soon" in line
    assert "SUBSCRIBER_SHOP_URL=nonsense" in line
    assert "\n" not in line


def test_the_port_that_is_proposed_is_not_the_other_applications(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        made = plan(tmp_path, SHOP_PORT=str(taken), SUBSCRIBER_PORT=str(taken + 10))

        with pytest.raises(StartError) as refusal:
            check_ports(made.applications)

    assert f"SHOP_PORT={taken + 10}" not in str(refusal.value)
