"""The page of a receipt explains each check, and shows the sender's mistake."""

import json
import re

from sqlmodel import select

from subscriber_app.config import Settings
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.keyring import fingerprint
from tests.integration.subscriber.conftest import Client, Clock, encryption_of
from tests.integration.subscriber.requests import deliver, only_receipt, send
from tests.integration.subscriber.signer import (
    NOW,
    OTHER_SECRET,
    OUR_URL,
    SECRET,
    Delivery,
    purchase,
)
from tests.pages import Page, Visitor

MARKED = re.compile(r"<mark>(.*?)</mark>")


async def receipt_page(subscriber: Client) -> Page:
    """Return the page of the only receipt."""
    return await Visitor(subscriber).get(f"/receipts/{(await only_receipt(subscriber))['id']}")


async def test_an_accepted_request_is_explained_check_by_check(subscribed: Client) -> None:
    delivery = Delivery()
    await deliver(subscribed, delivery)

    page = await receipt_page(subscribed)

    assert "0.0 s ago valid" in page.text
    assert f"msg_1.{NOW}." + purchase().decode() in page.text
    assert f"{delivery.signature} {fingerprint(SECRET)} valid {delivery.signature} yes" in page.text
    assert '"typ": "webhook+jwt"' in page.text
    assert "invalid" not in page.text.partition("Attack desk")[0]
    assert "What went wrong" not in page.text


async def test_a_reserialized_body_is_shown_beside_the_signed_one(
    subscribed: Client,
) -> None:
    written_again = json.dumps(json.loads(purchase())).encode()
    await send(subscribed, Delivery().headers(), written_again)

    page = await receipt_page(subscribed)

    assert "the body was re-serialized" in page.text
    assert MARKED.findall(page.answer.text) == ["·"] * written_again.count(b" ")
    assert "Sign and send the same bytes" in page.text


async def test_only_the_failed_check_is_open_and_later_ones_were_not_reached(
    subscribed: Client,
) -> None:
    await send(subscribed, Delivery().headers(), purchase(1))

    page = await receipt_page(subscribed)

    assert page.answer.text.count('<details class="evidence" open>') == 1
    assert "for another body" in page.text
    assert "The token, decoded" not in page.text
    assert "Token not reached" in page.text


async def test_a_wrong_claim_is_pointed_out(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(audience="http://<b>.example/"))

    page = await receipt_page(subscribed)

    assert "http://<b>.example/ invalid" in page.text
    assert "The token is for another endpoint." in page.text


async def test_a_secret_that_has_expired_is_named(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    database = Database(settings.resolved_database_url)
    async with database.writing() as session:
        now = clock()
        encrypted = encryption_of(settings).encrypt(OTHER_SECRET)
        session.add(FormerSecret(encrypted_secret=encrypted, since=now, replaced_at=now, until=now))
    await database.close()
    await deliver(subscribed, Delivery(secret=OTHER_SECRET))

    page = await receipt_page(subscribed)

    assert f"Signed with the secret {fingerprint(OTHER_SECRET)}, which had expired." in page.text
    assert "yes, expired" in page.text


async def test_a_check_that_can_no_longer_be_explained_says_so(
    subscribed: Client, settings: Settings
) -> None:
    await deliver(subscribed)
    database = Database(settings.resolved_database_url)
    async with database.writing() as session:
        subscription = (await session.exec(select(Subscription))).one()
        subscription.encrypted_secret = encryption_of(settings).encrypt(OTHER_SECRET)
    await database.close()

    assert "cannot be recomputed" in (await receipt_page(subscribed)).text


async def test_a_hostile_token_is_shown_as_text(subscribed: Client) -> None:
    claims = {"aud": "<script>alert(1)</script>\u202e", "x": {"a": ["</pre>"]}, "iss": "\ud800"}
    await deliver(subscribed, Delivery(claims=claims))

    page = await receipt_page(subscribed)

    assert page.status == 200
    assert "<script>alert(1)</script>⟨U+202E⟩" in page.text
    assert "<script>alert" not in page.answer.text


async def test_a_copy_for_another_spelling_of_our_address_says_so(subscribed: Client) -> None:
    spelling = f"{OUR_URL}#again"
    await deliver(subscribed, Delivery(audience=spelling, secret=OTHER_SECRET))

    page = await receipt_page(subscribed)

    assert "signature_mismatch" in page.text
    assert f"The token names {spelling}, but we are subscribed as {OUR_URL}." in page.text
    assert f"delete the endpoint {spelling}" in page.text


async def test_a_copy_for_our_own_url_does_not_mention_spellings(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(secret=OTHER_SECRET))

    page = await receipt_page(subscribed)

    assert "spelling" not in page.text
