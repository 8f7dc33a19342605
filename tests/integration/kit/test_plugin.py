"""Whole pytest runs with the plugin: what authors of tests see when something goes wrong."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hookshop.testing import HookshopServer
from hookshop.testing.http_client import ApiClient
from tests.demo import STOP_SECONDS, running_demo
from tests.integration.kit.conftest import (
    RunTests,
    command_of_tests,
    environment_of_tests,
    urls_of,
)
from tests.waiting import wait_for

BUY = "def test_it(hookshop):\n    hookshop.wait_for_receipt(hookshop.shop.buy())\n"
FAIL = """
def test_it(hookshop):
    hookshop.subscriber.fail_always(503)
    order = hookshop.shop.buy()
    hookshop.wait_for_receipt(order, timeout=0.3)
"""
WAIT = """
def test_it(hookshop):
    open("url", "w").write(hookshop.shop.url)
    hookshop.wait_for_receipt("ord_never", timeout=60)
"""
RECEIVE = """
def test_it(hookshop, hookshop_receiver):
    webhook = hookshop_receiver.wait_for_webhook(hookshop.shop.buy())
    port = hookshop_receiver.url.removeprefix("http://localhost:").removesuffix("/webhooks")
    assert webhook.header("host") == f"localhost:{port}"
"""


def sandboxes(server: HookshopServer) -> set[str]:
    listed = ApiClient(server.shop_url).get("/v1/sandboxes")["data"]
    return {str(each["id"]) for each in listed}


def test_a_failed_test_names_its_trace_saves_its_story_and_keeps_its_pages(
    run_tests: RunTests, server: HookshopServer, tmp_path: Path
) -> None:
    run = run_tests(FAIL, *urls_of(server))

    assert run.code == 1
    assert "WaitTimeoutError: After 0.3 s, order ord_" in run.output
    assert ">       hookshop" not in run.output.partition("wait_for_receipt(order, timeout")[2]
    [page] = set(re.findall(r"^trace: (\S+)$", run.output, re.MULTILINE))
    assert ApiClient(page).call("GET", "") == {}  # it is a page, and still there
    story = json.loads((tmp_path / "hookshop-failures" / "test_it.py-test_it.json").read_text())
    assert story["test"] == "test_it.py::test_it"
    assert story["shop"]["deliveries"][0]["attempts"][0]["response"]["status"] == 503
    assert story["subscriber"]["receipts"][0]["steps"]


def test_a_passed_test_drops_its_sandboxes(
    run_tests: RunTests, server: HookshopServer, tmp_path: Path
) -> None:
    run = run_tests(BUY + '    open("url", "w").write(hookshop.shop.url)\n', *urls_of(server))

    assert run.code == 0, run.output
    # Others use the server at the same time.
    assert (tmp_path / "url").read_text().rpartition("/")[2] not in sandboxes(server)


def test_all_workers_share_one_demo_and_nothing_is_left_running(
    run_tests: RunTests, tmp_path: Path
) -> None:
    tell = "    open(f'{hookshop.shop.url[-12:]}.url', 'w').write(hookshop.shop.url)\n"
    source = "".join(BUY.replace("test_it", f"test_{name}") + tell for name in "abcd")

    run = run_tests(source, "-n", "2")

    assert run.code == 0, run.output
    urls = [file.read_text() for file in tmp_path.glob("*.url")]
    assert len(urls) == 4
    [shop_url] = {url.partition("/s/")[0] for url in urls}
    assert not is_listening(shop_url)


def test_no_demo_starts_before_a_test_needs_it(run_tests: RunTests) -> None:
    run = run_tests("def test_it():\n    pass\n", TMPDIR="/nowhere")

    assert run.code == 0, run.output


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("127.0.0.1:8000", "'127.0.0.1:8000' is not a URL of a demo"),
        ("ftp://127.0.0.1", "is not a URL of a demo"),
        ("http://127.0.0.1:99999", "is not a URL of a demo"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1 does not respond"),
    ],
)
def test_a_url_that_is_none_is_one_line(run_tests: RunTests, url: str, sentence: str) -> None:
    run = run_tests(BUY, f"--hookshop-url={url}")

    assert run.code == 1
    assert sentence in run.output
    assert "Traceback" not in run.output


def test_the_url_of_the_other_application_is_one_line(
    run_tests: RunTests, server: HookshopServer
) -> None:
    run = run_tests(BUY, f"--hookshop-url={server.subscriber_url}")

    assert "is 'Hookshop: the subscriber', not 'Hookshop: the shop'" in run.output


def test_another_version_is_one_line(run_tests: RunTests) -> None:
    health = {"status": "ok", "application": "Hookshop: the shop", "version": "99.0"}
    with serving(health) as url:
        run = run_tests(BUY, f"--hookshop-url={url}")

    assert run.code == 1
    assert "is Hookshop 99.0, but this test kit is" in run.output


@contextmanager
def serving(document: dict[str, Any]) -> Iterator[str]:
    """Respond to every request with the document."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_demo_that_cannot_start_shows_its_log_and_every_test_fails_quickly(
    run_tests: RunTests, workers: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = f"hookshop_demo=--shop-port {port}"
        source = "".join(BUY.replace("test_it", f"test_{name}") for name in "abcd")
        run = run_tests(source, *workers, "-o", options)

    assert run.code == 1
    assert f"Port {port} is taken" in run.output
    assert "The demo ended with exit code 2" in run.output
    assert "4 errors" in run.output


def test_a_demo_that_ends_in_the_middle_is_named_and_the_next_test_fails_quickly(
    run_tests: RunTests,
) -> None:
    source = f"""
import os
import psutil

def test_before(hookshop):
    pass

def test_middle(hookshop, hookshop_server):
    for process in psutil.process_iter(["cmdline"]):
        if f"{{os.path.dirname(hookshop_server.log)}}/var" in (process.info["cmdline"] or []):
            process.terminate()
            process.wait()
    hookshop.shop.buy()

{BUY}
"""
    run = run_tests(source)

    assert run.code == 1, run.output
    assert "1 passed, 1 failed, 1 error" in run.output.replace(
        "1 failed, 1 passed", "1 passed, 1 failed"
    )
    assert "does not respond" in run.output
    assert "Hookshop: the demo is gone" in run.output
    assert "everything has stopped" in run.output


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_ctrl_c_leaves_nothing_running(tmp_path: Path, workers: tuple[str, ...]) -> None:
    process = start(tmp_path, *workers)
    url = wait_for(read_file(tmp_path / "url"), "the test runs")

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does

    process.wait(STOP_SECONDS * 2)
    assert not is_listening(url)


def test_ctrl_c_drops_the_sandboxes_of_a_demo_that_goes_on(
    tmp_path: Path, server: HookshopServer
) -> None:
    process = start(tmp_path, *urls_of(server))
    url = wait_for(read_file(tmp_path / "url"), "the test runs")
    assert url.rpartition("/")[2] in sandboxes(server)

    process.send_signal(signal.SIGINT)

    process.wait(STOP_SECONDS)
    assert url.rpartition("/")[2] not in sandboxes(server)


def test_a_killed_run_leaves_no_demo(tmp_path: Path) -> None:
    process = start(tmp_path)
    url = wait_for(read_file(tmp_path / "url"), "the test runs")

    process.kill()

    process.wait()
    wait_for(lambda: not is_listening(url), "the demo has stopped")


def test_an_unknown_setting_of_the_marker_is_one_line(
    run_tests: RunTests, server: HookshopServer
) -> None:
    marker = "import pytest\n\n@pytest.mark.hookshop(retry_shedule='0')\n"

    run = run_tests(marker + BUY, *urls_of(server))

    assert "POST " in run.output
    assert "retry_shedule" in run.output.partition("was refused with 400")[2]
    assert "Traceback" not in run.output


def test_an_admin_token_comes_from_the_options(run_tests: RunTests) -> None:
    shop, subscriber = "the shop's own token", "the subscriber's own token"
    with running_demo(SHOP_ADMIN_TOKEN=shop, SUBSCRIBER_ADMIN_TOKEN=subscriber) as demo:
        urls = (
            f"--hookshop-url={demo.shop_url}",
            f"--hookshop-subscriber-url={demo.subscriber_url}",
        )
        without = run_tests(BUY, *urls)
        with_tokens = run_tests(
            BUY, *urls, HOOKSHOP_TOKEN=shop, HOOKSHOP_SUBSCRIBER_TOKEN=subscriber
        )

    assert "401" in without.output
    assert with_tokens.code == 0, with_tokens.output


def test_the_shop_reaches_a_receiver_by_the_host_that_is_given(
    run_tests: RunTests, server: HookshopServer
) -> None:
    run = run_tests(RECEIVE, *urls_of(server), "--hookshop-receiver-host", "localhost")

    assert run.code == 0, run.output


def start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a run that waits for a minute once it has written the URL of its sandbox."""
    (folder / "test_it.py").write_text(WAIT)
    return subprocess.Popen(
        command_of_tests(*options),
        cwd=folder,
        env=environment_of_tests(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def read_file(file: Path) -> Callable[[], str]:
    return lambda: file.read_text() if file.exists() else ""


def is_listening(url: str) -> bool:
    host, _, port = url.partition("/s/")[0].removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
