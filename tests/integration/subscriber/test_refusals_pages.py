"""Requests that the pages refuse. They change nothing, so one application serves all tests."""

import pytest

from tests.integration.subscriber.conftest import Client
from tests.pages import Visitor, read_page

pytestmark = pytest.mark.asyncio(loop_scope="module")

NORMAL = {"mode": "none"}


@pytest.fixture
def subscriber(shared_subscriber: Client) -> Client:
    return shared_subscriber


@pytest.mark.parametrize("receipt_id", ["nope", "<b>", "%00", "%FF", "x" * 5000])
async def test_an_unknown_receipt_is_a_page_that_says_so(
    receipt_id: str, subscriber: Client
) -> None:
    page = await Visitor(subscriber).get(f"/receipts/{receipt_id}")

    assert page.status == 404
    assert "There is no receipt" in page.text
    assert all(page.scripts)


async def test_an_unknown_address_is_a_page(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/nowhere")

    assert page.status == 404
    assert "Not Found" in page.text
    assert "/subscription" in page.links


@pytest.mark.parametrize(
    "path", ["/faults", "/receipts/delete", "/subscription", "/subscription/delete"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {},
    ],
    ids=str,
)
async def test_a_form_that_is_not_from_our_page_is_refused(
    headers: dict[str, str], path: str, subscriber: Client
) -> None:
    await subscriber.get("/")

    page = read_page(await subscriber.post(path, content=b"_csrf_token=x\xff&a", headers=headers))

    assert page.status in {400, 403}
    assert page.answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/receipts/live"])
@pytest.mark.parametrize(
    "query", ["verdict=perhaps", "verdict=ACCEPTED", "cursor=nonsense", "cursor=%00", "cursor=%FF"]
)
async def test_an_invalid_query_is_an_error_page(path: str, query: str, subscriber: Client) -> None:
    page = await Visitor(subscriber).get(f"{path}?{query}")

    assert page.status == 400
    assert page.answer.headers["content-type"].startswith("text/html")
    assert "Bad Request" in page.text


@pytest.mark.parametrize(
    "status",
    [
        "200",
        "299",
        "600",
        "0500",
        "99999999999999999999",
        "-500",
        "5e2",
        "５００",
        "five",
        "\x00",
    ],
)
async def test_an_invalid_fault_status_is_refused_and_changes_nothing(
    status: str, subscriber: Client
) -> None:
    page = await Visitor(subscriber).submit("/faults", mode="status", status=status)

    assert page.status == 422
    assert "Status must be" in page.text
    assert (await subscriber.get("/v1/faults")).json() == NORMAL


async def test_nothing_changes_without_the_forms_token(subscriber: Client) -> None:
    await subscriber.get("/")

    answer = await subscriber.post("/faults", data={"mode": "status", "status": "500"})

    assert answer.status_code == 403
    assert "This form is out of date" in answer.text
    assert (await subscriber.get("/v1/faults")).json() == NORMAL
