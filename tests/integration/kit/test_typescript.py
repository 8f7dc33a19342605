"""The kit for TypeScript: its types, its own tests, and what authors see when something fails."""

import base64
import json
import re
import socket
import tempfile
from pathlib import Path
from typing import Any

from hookshop import __version__
from hookshop.testing import HookshopServer
from hookshop.testing.http_client import ApiClient
from hookshop.testing.plugin import OPTIONS
from tests.demo import ROOT
from tests.documents import code_blocks, page
from tests.integration.kit.test_plugin import is_listening, sandboxes
from tests.playwright_project import EXAMPLE, KIT, Project, needs_node
from tests.unit.hookshop.test_webhook_verification import EXPECTED, VARIANTS

SPECS = sorted((ROOT / "tests" / "typescript").glob("*.spec.ts"))
# What authors may have switched on beyond `strict`.
STRICTEST = (
    "--noUncheckedIndexedAccess",
    "--exactOptionalPropertyTypes",
    "--noImplicitOverride",
    "--noImplicitReturns",
    "--noPropertyAccessFromIndexSignature",
    "--noUnusedLocals",
    "--noUnusedParameters",
    "--verbatimModuleSyntax",
    "--erasableSyntaxOnly",
)
BUY = """
import { test } from "./hookshop";

for (const name of ["a", "b", "c", "d"]) {
  test(name, async ({ hookshop }) => {
    await hookshop.waitForReceipt(await hookshop.buy());
    console.log(`URL ${hookshop.shop.url} URL`);
  });
}
"""
FAIL = """
import { test } from "./hookshop";

test("it", async ({ hookshop, hookshopReceiver }) => {
  await hookshop.subscriber.failAlways(503);
  const order = await hookshop.buy();
  await hookshopReceiver.waitForWebhook(order);
  await hookshop.waitForReceipt(order, { timeout: 300 });
});
"""


def corpus() -> dict[str, Any]:
    """Return the requests with which the kit in Python is tested, as JSON."""
    names = ("secrets", "url", "issuer", "now")
    variants = [
        {
            "name": name,
            "headers": variant.headers,
            "body": base64.b64encode(variant.body).decode(),
            "reason": variant.reason,
        }
        for name, variant in VARIANTS.items()
    ]
    return {"expected": {name: getattr(EXPECTED, name) for name in names}, "variants": variants}


def snippets() -> list[str]:
    """Return the code of the docs in TypeScript."""
    return code_blocks(page("testing"), "ts")


def test_the_kit_has_the_version_of_the_package_and_the_variables_of_the_kit_in_python() -> None:
    source = KIT.read_text()

    assert re.findall(r'^export const VERSION = "(.+)";$', source, re.MULTILINE) == [__version__]
    for _name, variable, _metavar, _help in OPTIONS:
        assert f'"{variable}"' in source


@needs_node
def test_the_types_are_complete_also_under_the_strictest_rules(tmp_path: Path) -> None:
    kit = Project.make(tmp_path / "kit")
    assert not re.search(r"[:<|] *any\b|\bas any\b|@ts-", KIT.read_text())

    checked = kit.check_types(*STRICTEST)

    assert checked == type(checked)(0, "")


@needs_node
def test_the_types_of_the_example_the_docs_and_the_tests_are_right(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project", *EXAMPLE.glob("*.spec.ts"), *SPECS)
    for number, snippet in enumerate(snippets()):
        project.write(f"docs_{number}.spec.ts", snippet)

    checked = project.check_types()

    assert checked == type(checked)(0, "")


@needs_node
def test_a_wrong_name_is_an_error_of_the_compiler(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.write("wrong.spec.ts", FAIL.replace("failAlways", "failAllways"))

    checked = project.check_types()

    assert "Property 'failAllways' does not exist on type 'Subscriber'" in checked.output


@needs_node
def test_the_tests_of_the_kit_pass_with_two_workers(tmp_path: Path, server: HookshopServer) -> None:
    project = Project.make(tmp_path / "project", *SPECS).use(server)
    project.write("corpus.json", json.dumps(corpus()))
    project.write("buying.spec.ts", BUY)

    run = project.run_tests()

    assert run.code == 0, run.output
    assert "using 2 workers" in run.output
    assert re.search(r"^ +\d+ passed", run.output, re.MULTILINE)
    used = {url.rpartition("/")[2] for url in re.findall(r"URL (\S+) URL", run.output)}
    assert len(used) == 4
    assert used.isdisjoint(sandboxes(server))


@needs_node
def test_a_failed_test_names_its_trace_attaches_its_story_and_keeps_its_pages(
    tmp_path: Path, server: HookshopServer
) -> None:
    project = Project.make(tmp_path / "project").use(server)
    project.write("it.spec.ts", FAIL)

    run = project.run_tests()

    assert run.code == 1
    assert "WaitTimeoutError: After 0.3 s, order ord_" in run.output
    assert re.search(r"^ *> +8 \|   await hookshop.waitForReceipt", run.output, re.MULTILINE)
    [trace] = set(re.findall(r"^ *trace: (\S+)$", run.output, re.MULTILINE))
    assert ApiClient(trace).call("GET", "") == {}  # it is a page, and still there
    [file] = set(re.findall(r"^ *(\S+/hookshop-story\.json)$", run.output, re.MULTILINE))
    story = json.loads((project.folder / file).read_text())
    assert story["test"] == "it.spec.ts › it"
    attempts = [each["attempts"][0] for each in story["shop"]["deliveries"]]
    assert {attempt["response"]["status"] for attempt in attempts} == {204, 503}
    assert story["subscriber"]["receipts"][0]["steps"]
    assert "genuine, answered with 204" in story["receiver"][0]
    assert len(story["shop"]["endpoints"]) == 2


@needs_node
def test_all_workers_share_one_demo_with_tokens_and_nothing_is_left_running(
    tmp_path: Path,
) -> None:
    project = Project.make(tmp_path / "project")
    project.write("it.spec.ts", BUY)
    # Not pytest's tmp_path, which is too long for the path of a socket.
    with tempfile.TemporaryDirectory() as temporary:
        run = project.run_tests(
            TMPDIR=temporary,
            SHOP_ADMIN_TOKEN="the shop's own token",
            SUBSCRIBER_ADMIN_TOKEN="the subscriber's own token",
        )
        left = [path.name for path in Path(temporary).glob("hookshop-*")]

    assert run.code == 0, run.output
    urls = re.findall(r"URL (\S+) URL", run.output)
    assert len(urls) == 4
    [shop_url] = {url.partition("/s/")[0] for url in urls}
    assert not is_listening(shop_url)
    assert left == []


@needs_node
def test_a_demo_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.write("it.spec.ts", BUY)
    config = project.folder / "playwright.config.ts"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = f'hookshopDemo({{ options: "--shop-port {port}" }})'
        config.write_text(config.read_text().replace("hookshopDemo()", demo))
        run = project.run_tests()

    assert run.code == 1
    assert f"Port {port} is taken" in run.output
    assert "Process from config.webServer was not able to start" in run.output


@needs_node
def test_without_a_demo_one_line_says_what_to_do(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.write("playwright.config.ts", "export default {};")
    project.write("it.spec.ts", BUY)

    run = project.run_tests("--grep", "a")

    assert run.code == 1
    assert "ServerError: There is no demo. Set HOOKSHOP_URL, or put `webServer:" in run.output
