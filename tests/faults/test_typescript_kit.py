"""What is left of a run of Playwright Test, or of its demo, when one ends in the middle."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hookshop.testing import HookshopServer
from tests.demo import STOP_SECONDS, running_demo
from tests.integration.kit.test_plugin import is_listening, read_file, sandboxes
from tests.playwright_project import Project, needs_node
from tests.waiting import wait_for

pytestmark = [needs_node, pytest.mark.long, pytest.mark.one_database("is about the kit")]

BUY = """
import { test } from "./hookshop";

test("buys", async ({ hookshop }) => {
  await hookshop.waitForReceipt(await hookshop.buy());
});
"""
WAIT = """
import { renameSync, writeFileSync } from "node:fs";
import { test } from "./hookshop";

test("waits", async ({ hookshop }) => {
  test.setTimeout(120_000);
  writeFileSync("url.part", hookshop.shop.url);
  renameSync("url.part", "url");
  await hookshop.waitForReceipt("ord_never", { timeout: 100_000 });
});
"""
END_DEMO = """
import os

import psutil

for process in psutil.process_iter(["cmdline"]):
    if os.environ["HOOKSHOP_DEMO_VAR"] in (process.info["cmdline"] or []):
        process.terminate()
        process.wait()
"""
END = f"""
import {{ execFileSync }} from "node:child_process";
import {{ test }} from "./hookshop";

test("before", async ({{ hookshop }}) => {{
  await hookshop.buy();
}});

test("middle", async ({{ hookshop }}) => {{
  execFileSync("{sys.executable}", ["end_demo.py"]);
  await hookshop.buy();
}});
"""


@contextmanager
def waiting_run(project: Project) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a run that waits in a test. Yield its process and the URL of its sandbox."""
    project.write("it.spec.ts", WAIT)
    process = subprocess.Popen(
        project.command(),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process, wait_for(read_file(project.folder / "url"), "the test runs", 60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    with waiting_run(project) as (process, url):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(STOP_SECONDS * 2)

        assert not is_listening(url)


def test_a_killed_run_leaves_no_demo(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    with waiting_run(project) as (process, url):
        process.kill()
        process.wait()

        wait_for(lambda: not is_listening(url), "the demo has stopped", STOP_SECONDS)


def test_ctrl_c_drops_the_sandboxes_of_a_demo_that_goes_on(
    tmp_path: Path, hookshop_server: HookshopServer
) -> None:
    project = Project.make(tmp_path / "project").use(hookshop_server)
    with waiting_run(project) as (process, url):
        sandbox = url.rpartition("/")[2]
        assert sandbox in sandboxes(hookshop_server)

        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS * 2)

        assert sandbox not in sandboxes(hookshop_server)


def test_a_demo_that_ends_in_the_middle_is_named(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.write("end_demo.py", END_DEMO)
    project.write("it.spec.ts", END)

    run = project.run_tests("--workers", "1")

    assert run.code == 1
    assert "1 passed" in run.output
    assert "UnreachableError: http://127.0.0.1:" in run.output
    assert "Hookshop: the demo is gone" in run.output
    assert "The last lines of its log:" in run.output


def test_admin_tokens_come_from_the_variables_or_from_the_settings(tmp_path: Path) -> None:
    shop, subscriber = "the shop's own token", "the subscriber's own token"
    project = Project.make(tmp_path / "project")
    project.write("it.spec.ts", BUY)
    project.write(
        "playwright.config.ts",
        "const url = process.env.HOOKSHOP_URL;\n"
        "const subscriberUrl = process.env.HOOKSHOP_SUBSCRIBER_URL;\n"
        f'const tokens = {{ token: "{shop}", subscriberToken: "{subscriber}" }};\n'
        "export default { use: { hookshopOptions: { url, subscriberUrl, ...tokens } } };\n",
    )
    with running_demo(SHOP_ADMIN_TOKEN=shop, SUBSCRIBER_ADMIN_TOKEN=subscriber) as demo:
        urls = {"HOOKSHOP_URL": demo.shop_url, "HOOKSHOP_SUBSCRIBER_URL": demo.subscriber_url}
        by_settings = project.run_tests(**urls)
        project.write("playwright.config.ts", "export default {};\n")
        without = project.run_tests(**urls)
        tokens = {"HOOKSHOP_TOKEN": shop, "HOOKSHOP_SUBSCRIBER_TOKEN": subscriber}
        by_variables = project.run_tests(**urls, **tokens)

    assert by_settings.code == 0, by_settings.output
    assert re.search(r"ApiError: POST \S+/v1/sandboxes was refused with 401", without.output)
    assert by_variables.code == 0, by_variables.output
