import html
import re

import pytest

from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver, only_receipt, send
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import Page, Visitor


async def receipt_page(subscriber: Client) -> Page:
    """Return the page of the only receipt."""
    page = await Visitor(subscriber).get(f"/receipts/{(await only_receipt(subscriber))['id']}")
    assert page.status == 200
    return page


BODY = "Body of the request; invisible characters are shown as signs"
PRETTY = "Body of the request, with line breaks"
HEX = "Body of the request, in hex"
CURL = "The request as a curl command"


def code_blocks(page: Page) -> dict[str, str]:
    """Return the text of code blocks by label, with all white space."""
    found = re.findall(
        r'<pre[^>]*aria-label="(.*?)"><code[^>]*>(.*?)</code>', page.answer.text, re.DOTALL
    )
    return {label: html.unescape(re.sub(r"<[^>]*>", "", text)) for label, text in found}


async def test_an_accepted_receipt_shows_every_step_passed(subscribed: Client) -> None:
    await deliver(subscribed)

    page = await receipt_page(subscribed)

    assert "accepted answered with 200" in page.text
    assert "purchase.created for $50.75" in page.text
    assert "Received 2026-11-23 12:00:00.000 UTC" in page.text
    for label in ("Size", "Content type", "Required headers", "Timestamp", "Signature", "Token"):
        assert f"{label} passed" in page.text
    assert "Booking passed $50.75 booked" in page.text


async def test_a_rejected_receipt_shows_its_reason_with_a_meaning_and_the_failed_step(
    subscribed: Client,
) -> None:
    await send(subscribed, Delivery().headers(), purchase(1))

    page = await receipt_page(subscribed)

    assert "rejected answered with 401 signature_mismatch" in page.text
    assert "signed with another secret" in page.text
    assert "Timestamp passed" in page.text
    assert "Signature failed Signature does not match" in page.text
    for label in ("Token", "Event", "De-duplication", "Booking"):
        assert f"{label} not reached" in page.text


async def test_a_duplicate_names_the_receipt_that_was_booked(subscribed: Client) -> None:
    first = (await deliver(subscribed)).json()["receipt_id"]
    again = (await deliver(subscribed)).json()["receipt_id"]

    page = await Visitor(subscribed).get(f"/receipts/{again}")

    assert f"accepted before: {first}" in page.text
    assert "Booking skipped Booked before" in page.text


async def test_the_body_is_shown_byte_for_byte_as_text_and_in_hex(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=b'{"a": "Zo\xc3\xab",\t1}\r\n'))

    page = await receipt_page(subscribed)

    blocks = code_blocks(page)
    assert blocks[BODY] == '{"a": "Zoë",⟨U+0009⟩1}⟨U+000D⟩␊\n'
    assert blocks[HEX].startswith("000000  7b 22 61 22 3a 20 22 5a 6f c3 ab 22 2c 09 31 7d")
    assert "Body 18 bytes" in page.text


async def test_a_body_that_is_not_text_is_shown_in_hex_only(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=b"\x89PNG\r\n\x1a\n\xff"))

    page = await receipt_page(subscribed)

    assert "The body is not UTF-8." in page.text
    assert BODY not in code_blocks(page)
    assert code_blocks(page)[HEX] == f"000000  {'89 50 4e 47 0d 0a 1a 0a ff':<48} .PNG....."


async def test_an_empty_body_is_said_to_be_empty(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=b""))

    page = await receipt_page(subscribed)

    assert "Body 0 bytes The body is empty." in page.text
    assert not code_blocks(page).keys() & {BODY, PRETTY, HEX}


async def test_a_request_without_anything_can_be_shown(subscribed: Client) -> None:
    await send(subscribed, [], b"")

    page = await receipt_page(subscribed)

    assert "Unread request" in page.text
    assert "Message –" in page.text
    assert "unsupported_content_type" in page.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\tb", "a⟨U+0009⟩b"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("{% raw %}{{7*7}}", "{% raw %}{{7*7}}"),
    ],
)
async def test_headers_are_shown_as_they_came(value: str, shown: str, subscribed: Client) -> None:
    await deliver(subscribed, x_strange=value)

    page = await receipt_page(subscribed)

    assert f"x-strange {shown}" in page.text


async def test_a_body_of_the_maximum_size_is_shown_in_full(subscribed: Client) -> None:
    body = b"x" * 256 * 1024
    await deliver(subscribed, Delivery(body=body))

    blocks = code_blocks(await receipt_page(subscribed))

    assert blocks[BODY].encode() == body
    assert len(blocks[HEX].splitlines()) == 256 * 1024 / 16


async def test_formatting_json_does_not_change_numbers(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=b'{"a":[],"value":50.750,"n":1e3}'))

    page = await receipt_page(subscribed)

    assert code_blocks(page)[PRETTY] == '{\n  "a": [],\n  "value": 50.750,\n  "n": 1e3\n}'
