"""Rules for every page in the list of ``subscriber_app.web.pages``."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from hookshop import __version__
from hookshop.webkit.security import CONTENT_SECURITY_POLICY
from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.web.pages import page_handlers
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.requests import deliver, receipts
from tests.integration.subscriber.signer import SECRET, Delivery, base64url, key_of, purchase
from tests.pages import Page, Visitor, forms_without_nonce, read_page

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"{SCRIPT} {{{{7*7}}}} \"'&amp;"
FAILING = "Failing on purpose: every webhook gets a 503 response."

# Sent twice, these do what they do once.
HARMLESS = {
    "/receipts/delete",
    "/reset",
    "/sandboxes/{sandbox_id:str}/drop",
    "/missions/{number:str}/start",
    "/missions/{number:str}/skip",
    "/missions/{number:str}/hint",
    "/missions/{number:str}/answers",
    "/missions/{number:str}/repair",
    "/missions/put-away",
    "/missions/receiver/secret",
    "/missions/receiver/probe",
    "/missions/receiver/delete",
    "/missions/reset",
    "/polling",
    "/defences",
    "/faults",
    "/subscription",
    "/subscription/delete",
    "/subscription/secret",
    "/login",
    "/logout",
    "/appearance",
}
# The page of a result needs an attack: see test_pages_attacks.
ATTACK = "/attacks/{attack_id:str}"
# It needs a sandbox: see test_pages_sandboxes.
DROP = "/sandboxes/{sandbox_id:str}/drop"
# This client would wait for the end of a stream: see test_pages_live. The login exists only with an
# admin token: see test_access.
PAGES = [
    path
    for handler in page_handlers
    for path in handler.paths
    if "GET" in handler.http_methods
    and not path.endswith(("/live", "/har"))  # a download: see test_downloads
    and not path.startswith("/learn/")  # handouts and downloads: see test_pages_learn
    and path not in {"/login", "/enter", ATTACK, DROP, "/missions"}  # the last one leads elsewhere
]


@pytest.fixture
async def busy(subscribed: Client, clock: Clock) -> Client:
    """A subscriber that has accepted a message with hostile text."""
    await deliver(subscribed, Delivery(body=purchase(note=HOSTILE, type_=HOSTILE)))
    clock.pass_seconds(1)
    await deliver(
        subscribed,
        Delivery(message_id=HOSTILE),
        user_agent=HOSTILE,
        content_type="application/json",
    )
    return subscribed


async def pages(subscriber: Client) -> dict[str, Page]:
    """Return the addresses of all pages, with one for each receipt."""
    visitor = Visitor(subscriber)
    known = await receipts(subscriber)
    ids = [receipt["id"] for receipt in known]
    numbered = [path.replace("{number:str}", "7") for path in PAGES]
    paths = [path.replace("{receipt_id:str}", id_) for path in numbered for id_ in ids or [""]]
    paths += [f"/story?{urlencode({'message_id': each['message_id']})}" for each in known]
    return {path: await visitor.get(path) for path in paths if "/receipts//" not in f"{path}/"}


async def error_pages(subscriber: Client) -> dict[str, Page]:
    visitor = Visitor(subscriber)
    return {
        "not found": await visitor.get("/nowhere"),
        "no such receipt": await visitor.get(f"/receipts/{SCRIPT.replace('/', '')}"),
        "no such verdict": await visitor.get("/", verdict=SCRIPT),
        "forbidden": read_page(await subscriber.post("/faults")),
        "method not allowed": read_page(await subscriber.delete("/subscription")),
    }


async def test_every_page_can_be_shown_when_there_is_something_to_show(busy: Client) -> None:
    shown = await pages(busy)

    assert len(shown) == 21
    for path, page in shown.items():
        assert page.status == 200, path
        assert page.answer.headers["content-type"].startswith("text/html"), path
        assert page.answer.text.count("<h1") == 1, path


async def test_every_page_can_be_shown_when_there_is_nothing_yet(subscriber: Client) -> None:
    shown = await pages(subscriber)

    statuses = {path: page.status for path, page in shown.items()}
    assert statuses.pop("/subscription/delete") == 303  # nothing to unsubscribe from
    assert set(statuses.values()) == {200}
    assert len(statuses) == 14


async def test_hostile_text_is_shown_as_text_and_never_runs(busy: Client) -> None:
    shown = await pages(busy)

    showing = [path for path, page in shown.items() if HOSTILE in page.text]
    # The inbox, both receipts, an editor, the list of messages, and one trace.
    assert len(showing) == 6
    for path, page in (shown | await error_pages(busy)).items():
        assert all(page.scripts), path  # none is inline
        assert SCRIPT not in page.answer.text, path


async def test_a_page_cannot_run_what_it_shows(busy: Client) -> None:
    shown = await pages(busy) | await error_pages(busy)

    for path, page in shown.items():
        assert page.answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert page.answer.headers["x-content-type-options"] == "nosniff", path
    assert "unsafe" not in CONTENT_SECURITY_POLICY


async def test_every_form_that_acts_once_has_a_nonce(busy: Client) -> None:
    protected = [
        path
        for handler in page_handlers
        for path in handler.paths
        if hasattr(handler.fn, "__wrapped__")
    ]

    for path, page in (await pages(busy)).items():
        assert forms_without_nonce(page, protected) == [], path


async def test_every_address_on_a_page_leads_somewhere(busy: Client) -> None:
    shown = await pages(busy)

    addresses = {link for page in shown.values() for link in page.links if link.startswith("/")}
    for address in addresses | {source for page in shown.values() for source in page.scripts}:
        assert (await busy.get(address)).status_code == 200, address


async def test_no_page_shows_the_secret(busy: Client) -> None:
    key = SECRET.removeprefix("whsec_")

    for path, page in (await pages(busy) | await error_pages(busy)).items():
        assert key not in page.answer.text, path
        assert base64url(key_of(SECRET)) not in page.answer.text, path
        assert key_of(SECRET).hex() not in page.answer.text.replace(" ", ""), path


async def test_every_page_says_so_while_it_fails_on_purpose(busy: Client) -> None:
    before = await pages(busy) | await error_pages(busy)
    await busy.put("/v1/faults", json={"mode": "status", "status": 503})

    while_failing = await pages(busy) | await error_pages(busy)

    assert not [path for path, page in before.items() if "Failing on purpose" in page.text]
    for path, page in while_failing.items():
        assert FAILING in page.text, path


async def test_from_every_page_it_is_one_click_back_to_normal(busy: Client) -> None:
    await busy.get("/")
    fault = {"mode": "status", "status": 503}
    await busy.put("/v1/faults", json=fault)

    for path, page in (await pages(busy)).items():
        await busy.put("/v1/faults", json=fault)
        [*_others, token] = page.values["_csrf_token"]
        answer = await busy.post("/faults", data={"_csrf_token": token, "mode": "none"})

        assert answer.status_code == 303, path
        assert (await busy.get("/v1/faults")).json() == {"mode": "none"}, path


async def test_no_error_page_offers_a_button_that_would_be_refused(busy: Client) -> None:
    await busy.put("/v1/faults", json={"mode": "status", "status": 503})

    for path, page in (await error_pages(busy)).items():
        assert page.links.get("/#faults") == "Change the fault" or all(
            page.values["_csrf_token"]
        ), path


async def test_a_form_that_was_open_during_a_restart_can_still_be_sent(
    subscriber: Client, settings: Settings, clock: Clock
) -> None:
    token = (await Visitor(subscriber).get("/")).values["_csrf_token"][0]

    async with running(create_app(settings, now=clock)) as restarted:
        restarted.cookies = subscriber.cookies
        form = {"_csrf_token": token, "mode": "status", "status": "503"}
        answer = await restarted.post("/faults", data=form)

    assert answer.status_code == 303


async def test_the_health_check_responds_when_ready(subscriber: Client) -> None:
    answer = await subscriber.get("/healthz")

    assert answer.json() == {
        "status": "ok",
        "application": "Hookshop: the subscriber",
        "version": __version__,
    }


async def test_a_cookie_of_another_subscriber_on_this_host_does_no_harm(
    subscriber: Client, settings: Settings, tmp_path: Path
) -> None:
    """Browsers send a cookie to all ports of its host."""
    elsewhere = settings.model_copy(update={"var": tmp_path / "elsewhere"})
    async with running(create_app(elsewhere)) as other:
        await other.get("/")
        subscriber.cookies = other.cookies

    page = await Visitor(subscriber).submit("/faults", mode="status", status="503")

    assert page.status == 303


def test_every_form_that_creates_something_acts_once_when_sent_twice() -> None:
    unprotected = {
        path
        for handler in page_handlers
        if "POST" in handler.http_methods and not hasattr(handler.fn, "__wrapped__")
        for path in handler.paths
    }

    assert unprotected == HARMLESS
