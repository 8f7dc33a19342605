"""``hookshop buy``, ``sandbox`` and ``receive`` against a demo with tokens."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from hookshop.locations import program_environment
from hookshop.testing.webhook_server import WebhookServer
from tests.commands import Command
from tests.demo import STOP_SECONDS, Demo, clean_environment, free_ports, running_demo
from tests.programs import Document

TOKEN = "correct horse battery"
SANDBOX = "lesson-7"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    tokens = {"SHOP_ADMIN_TOKEN": TOKEN, "SUBSCRIBER_ADMIN_TOKEN": TOKEN}
    with running_demo(SHOP_RETRY_SCHEDULE="0,0.2,0.2", **tokens) as demo:
        yield demo


@pytest.fixture
def command(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    for name, value in variables(demo).items():
        monkeypatch.setenv(name, value)
    return Command(monkeypatch, capsys)


@pytest.fixture
def sandbox(command: Command, demo: Demo) -> Iterator[Document]:
    """A pair of sandboxes, as ``sandbox create --json`` prints it."""
    with_subscriber = ("--subscriber", demo.subscriber_url)
    yield json.loads(command.ok("sandbox", "create", SANDBOX, *with_subscriber, "--json"))
    command.ok("sandbox", "drop", SANDBOX, *with_subscriber)


def variables(demo: Demo) -> dict[str, str]:
    tokens = {"SHOP_ADMIN_TOKEN": TOKEN, "SUBSCRIBER_ADMIN_TOKEN": TOKEN}
    return {"HOOKSHOP_SHOP_URL": demo.shop_url, **tokens}


class Receiver:
    """A running ``hookshop receive --json``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.started = self.read()

    def read(self) -> Any:
        """Return the next line."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit code and what was printed to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=STOP_SECONDS)
        return self.process.returncode, errors


@contextmanager
def receiving(demo: Demo, *words: str) -> Iterator[Receiver]:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "hookshop", "receive", *words, "--json"],
        env=program_environment(clean_environment() | variables(demo)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Receiver(process)
        finally:
            process.kill()


def endpoints(demo: Demo) -> dict[str, str]:
    """Return the URLs of all endpoints in ``main``, by their ids."""
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        found = client.get(f"{demo.shop_url}/v1/webhooks").raise_for_status().json()["data"]
    return {each["id"]: each["webhook_url"] for each in found}


def test_an_order_is_placed_and_its_webhooks_are_waited_for(command: Command, demo: Demo) -> None:
    line = command.ok("buy", "mug", "mug", "bell", "--quantity", "2", "--wait", "20")

    order_id = line.split()[0]
    assert line == (
        f"{order_id}  96.10  1 subscriber  1 succeeded  {demo.shop_url}/orders/{order_id}\n"
    )


def test_orders_are_printed_as_json_lines(command: Command) -> None:
    lines = command.ok("buy", "--times", "2", "--customer", "Ada", "--json").splitlines()

    orders = [json.loads(line) for line in lines]
    assert [order["customer_name"] for order in orders] == ["Ada", "Ada"]
    assert [order["items"][0]["product_id"] for order in orders] == ["fishing-rod"] * 2


def test_a_progress_bar_appears_only_on_a_terminal(command: Command) -> None:
    ours, theirs = pty.openpty()
    words = (sys.executable, "-P", "-m", "hookshop", "buy", "--times", "3")
    environment = program_environment(os.environ)

    subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
    os.close(theirs)

    assert "Placing orders" in os.read(ours, 10_000).decode()
    os.close(ours)
    command.ok("buy", "--times", "3")  # nothing on standard error


def test_an_order_whose_webhooks_fail_ends_with_1(command: Command, sandbox: Document) -> None:
    shop_url, subscriber_url = sandbox["shop"]["base_url"], sandbox["subscriber"]["base_url"]
    fault = {"mode": "status", "status": 500}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    httpx.put(f"{subscriber_url}/v1/faults", json=fault, headers=headers).raise_for_status()

    done = command("buy", "--shop", shop_url, "--wait", "20")

    assert (done.code, done.error) == (1, "")
    assert "  1 failed  " in done.out


def test_an_unknown_product_is_refused(command: Command) -> None:
    assert command.error("buy", "spoon") == ("Error: The shop refused: there is no product 'spoon'")


def test_a_pair_of_sandboxes_is_made_listed_emptied_and_dropped(
    command: Command, demo: Demo
) -> None:
    pair = ("--subscriber", demo.subscriber_url)
    made = command.ok("sandbox", "create", "lesson-8", "--retry-schedule", "0,1", *pair)
    base_url = f"{demo.shop_url}/s/lesson-8"
    assert re.search(rf"^shop +{base_url}  token: \S+$", made, re.MULTILINE)
    assert re.search(rf"^subscriber +{demo.subscriber_url}/s/lesson-8", made, re.MULTILINE)
    assert re.search(rf"^lesson-8 +{base_url} ", command.ok("sandbox", "list"), re.MULTILINE)

    command.ok("buy", "--shop", base_url, "--wait", "20")
    assert command.ok("sandbox", "reset", "lesson-8", "--keep-endpoints", *pair)
    assert " 1 succeeded " in command.ok("buy", "--shop", base_url, "--wait", "20")

    assert command.ok("sandbox", "drop", "lesson-8", *pair) == "lesson-8 is dropped.\n"
    assert json.loads(command.ok("sandbox", "list", "--json")) == []
    assert "there is no sandbox 'lesson-8'" in command.error("sandbox", "drop", "lesson-8")


def test_half_a_pair_is_not_left_behind(command: Command) -> None:
    nowhere = "http://127.0.0.1:1"

    line = command.error("sandbox", "create", "half", "--subscriber", nowhere)

    assert f"The subscriber at {nowhere} does not answer" in line
    assert json.loads(command.ok("sandbox", "list", "--json")) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--jitter", "9"), "Expected `number` <= 0.5"),
        (("--retry-schedule", "soon"), "retry_schedule"),
        (("Lesson",), "'Lesson' is not a sandbox id: use 3 to 40 lower-case letters"),
    ],
)
def test_a_wrong_setting_of_a_sandbox_is_refused(
    words: tuple[str, ...], line: str, command: Command
) -> None:
    assert line in command.error("sandbox", "create", *words)


@pytest.mark.parametrize("words", [("sandbox", "list"), ("receive", "0"), ("buy", "--wait", "1")])
def test_a_missing_or_wrong_token_is_one_line_that_says_what_to_do(
    words: tuple[str, ...], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_ADMIN_TOKEN")
    assert "Give the token of the shop with --token." in command.error(*words)


def test_another_server_is_not_taken_for_a_shop(command: Command) -> None:
    other = WebhookServer(print)
    other.start()
    url = f"http://127.0.0.1:{other.port}"

    line = command.error("sandbox", "list", "--shop", url)
    other.stop()

    assert line.startswith(f"Error: {url} is not the address of a Hookshop shop: 501 without")


def test_the_receiver_registers_verifies_follows_its_script_and_unregisters(
    command: Command, demo: Demo, tmp_path: Path
) -> None:
    with receiving(demo, "0", "--faults", "503,drop", "--save", str(tmp_path)) as receiver:
        url, endpoint_id = receiver.started["url"], receiver.started["endpoint_id"]
        assert endpoints(demo)[endpoint_id] == url
        order = json.loads(command.ok("buy", "--wait", "20", "--json"))
        requests = [receiver.read() for _ in range(3)]
        assert receiver.end() == (0, "")

    assert [request["fault"] for request in requests] == ["503", "drop", None]
    assert [request["status"] for request in requests] == [503, None, 204]
    assert [request["same_id_as"] for request in requests] == [None, 1, 2]
    genuine = requests[2]
    assert genuine["is_genuine"]
    assert genuine["event"]["order_id"] == order["id"]
    assert {step["result"] for step in genuine["steps"]} == {"passed"}
    assert endpoint_id not in endpoints(demo)
    saved = sorted(tmp_path.iterdir())
    assert [file.name for file in saved] == ["0001.http", "0002.http", "0003.http"]
    assert saved[0].read_bytes().startswith(b"POST /hook HTTP/1.1\r\n")


def test_the_receiver_explains_each_step_in_a_sandbox_and_ends_after_a_count(
    command: Command, sandbox: Document, tmp_path: Path
) -> None:
    (tmp_path / "0041.http").write_text("of an earlier lesson")
    shop = ("--shop", sandbox["shop"]["base_url"], "--token", sandbox["shop"]["token"])
    words = ("receive", "0", "--count", "1", "--save", str(tmp_path), *shop)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "hookshop", *words],
        env=program_environment(os.environ),
        stdout=subprocess.PIPE,
        text=True,
    ) as receiver:
        assert receiver.stdout
        assert receiver.stdout.readline().startswith("Listening at http://127.0.0.1:")
        command.ok("buy", *shop)
        output, _ = receiver.communicate(timeout=STOP_SECONDS)

    assert receiver.returncode == 0
    assert re.search(r"^#1  [\d:]{8}  purchase\.created  msg_", output, re.MULTILINE)
    steps = re.findall(r"^  (\w[\w ]+?)  +passed  +\S", output, re.MULTILINE)
    assert steps == ["content type", "headers", "timestamp", "signature", "token", "event"]
    assert "Responded with 204: genuine." in output
    assert (tmp_path / "0042.http").exists()


def test_a_naive_receiver_says_what_a_defense_would_have_noticed(
    command: Command, sandbox: Document
) -> None:
    shop = ("--shop", sandbox["shop"]["base_url"], "--token", sandbox["shop"]["token"])
    words = ("receive", "0", "--naive", "--defend", "token", "--count", "3", *shop)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "hookshop", *words],
        env=program_environment(os.environ),
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
    ) as receiver:
        assert receiver.stdout
        url = receiver.stdout.readline().split()[2].strip(",")
        read_until(receiver.stdout, "Type the name of a defense")
        forge(url)  # has no credential at all
        command.ok("buy", *shop)
        read_until(receiver.stdout, "Its message is booked once.")
        os.write(ours, b"token\n")
        switched = read_until(receiver.stdout, "Defenses: ")
        forge(url)
        output, _ = receiver.communicate(timeout=STOP_SECONDS)
    os.close(ours)
    os.close(theirs)

    assert "token off" in switched
    assert "Would have been rejected by: headers, timestamp" in output


def forge(url: str) -> None:
    body = b'{"event":{"type":"purchase.created","value":1000000,"order_id":"ord_1"}}'
    httpx.post(url, content=body, headers={"Content-Type": "application/json"}, trust_env=False)


def read_until(lines: IO[str], beginning: str) -> str:
    """Return the first line that begins so."""
    return next(line for line in lines if line.strip().startswith(beginning))


def test_what_a_killed_receiver_left_is_replaced(demo: Demo) -> None:
    port = str(free_ports(1)[0])
    with receiving(demo, port) as killed:
        killed.end(signal.SIGKILL)
    left = killed.started["endpoint_id"]
    assert left in endpoints(demo)

    with receiving(demo, port) as receiver:
        assert left not in endpoints(demo)
        assert receiver.end(signal.SIGTERM) == (0, "")

    assert receiver.started["endpoint_id"] not in endpoints(demo)


def test_an_endpoint_of_someone_else_is_left_alone(command: Command, demo: Demo) -> None:
    line = command.error("receive", "0", "--url", f"{demo.subscriber_url}/v1/new-purchase")

    assert "this URL is already registered as ep_" in line
    assert f"{demo.subscriber_url}/v1/new-purchase" in endpoints(demo).values()


def test_an_address_that_the_shop_may_not_call_is_refused(command: Command) -> None:
    line = command.error("receive", "0", "--url", "http://10.0.0.1:9000")

    assert line.startswith("Error: The shop refused: ")


def test_a_taken_port_is_refused_before_anything_is_registered(
    command: Command, demo: Demo
) -> None:
    before = endpoints(demo)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        line = command.error("receive", str(port), code=2)

    assert f"Cannot listen at 127.0.0.1:{port} (Address already in use)" in line
    assert endpoints(demo) == before


def test_a_receiver_whose_endpoint_was_deleted_ends_cleanly(demo: Demo) -> None:
    with receiving(demo, "0") as receiver:
        address = f"{demo.shop_url}/v1/webhooks/{receiver.started['endpoint_id']}"
        httpx.delete(address, headers={"Authorization": f"Bearer {TOKEN}"}).raise_for_status()

        assert receiver.end() == (0, "")


def test_a_receiver_ends_when_nobody_reads_its_output(command: Command, demo: Demo) -> None:
    with receiving(demo, "0") as receiver:
        assert receiver.process.stdout
        receiver.process.stdout.close()
        command.ok("buy")

        assert receiver.process.wait(timeout=STOP_SECONDS) == 0

    assert receiver.started["endpoint_id"] not in endpoints(demo)


def test_a_receiver_that_cannot_unregister_says_so(demo: Demo) -> None:
    with receiving(demo, "0") as receiver:
        shop = demo.wait_for("shop")
        shop.kill()
        code, errors = receiver.end()
    demo.wait_for("shop", other_than=shop)

    assert code == 1
    assert f"{receiver.started['endpoint_id']} is still registered. The shop at" in errors
