"""Every attack with every combination of defences, on a real socket, has the predicted verdict."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import chain, combinations, count

import pytest
import pytest_asyncio

from subscriber_app.lab.attacks import Attack
from subscriber_app.receiving.defences import Defence
from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.conftest import Client, Clock, served_subscriber
from tests.integration.subscriber.desk import Result, attack, switch_off, verdict_of
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import NOW, Delivery, purchase

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMBINATIONS = [
    frozenset(off)
    for off in chain.from_iterable(combinations(Defence, size) for size in range(len(Defence) + 1))
]
UNCHANGED_BY_RESERIALIZING = purchase(50.75)
CHANGED_BY_RESERIALIZING = purchase(12.0)  # JSON.stringify writes 12

# The verdicts of the contract, with all defences on.
ALL_ON = {
    Attack.REPLAY: ("duplicate", None),
    Attack.LATE_REPLAY: ("rejected", Reason.TIMESTAMP_TOO_OLD),
    Attack.AMOUNT: ("rejected", Reason.SIGNATURE_MISMATCH),
    Attack.RESERIALISED: ("rejected", Reason.SIGNATURE_MISMATCH),
    Attack.WRONG_SECRET: ("rejected", Reason.SIGNATURE_MISMATCH),
    Attack.NO_SIGNATURE: ("duplicate", None),
    Attack.NO_CREDENTIAL: ("rejected", Reason.NO_CREDENTIAL),
    Attack.TOKEN_ALG_NONE: ("rejected", Reason.TOKEN_ALGORITHM),
    Attack.TOKEN_OF_ANOTHER_BODY: ("rejected", Reason.TOKEN_PAYLOAD_HASH),
    Attack.TOKEN_LIFETIME: ("rejected", Reason.TOKEN_LIFETIME),
    Attack.CONFLICT: ("rejected", Reason.CONFLICTING_BODY),
}
# The one defense that stops an attack, and the verdict without it.
ONE_OFF = {
    (Attack.REPLAY, Defence.DEDUPLICATION): ("accepted", None),
    (Attack.LATE_REPLAY, Defence.TIMESTAMP): ("duplicate", None),
    (Attack.AMOUNT, Defence.SIGNATURE): ("accepted", None),
    (Attack.RESERIALISED, Defence.RAW_BODY): ("accepted", None),
    (Attack.RESERIALISED, Defence.SIGNATURE): ("rejected", Reason.TOKEN_PAYLOAD_HASH),
    (Attack.WRONG_SECRET, Defence.SIGNATURE): ("accepted", None),
    (Attack.NO_SIGNATURE, Defence.DEDUPLICATION): ("accepted", None),
    (Attack.TOKEN_ALG_NONE, Defence.TOKEN): ("accepted", None),
    (Attack.TOKEN_OF_ANOTHER_BODY, Defence.TOKEN): ("accepted", None),
    (Attack.TOKEN_LIFETIME, Defence.TOKEN): ("accepted", None),
    (Attack.CONFLICT, Defence.DEDUPLICATION): ("accepted", None),
}

numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A subscriber that can reach itself, for all tests of this file."""
    clock = Clock(datetime.fromtimestamp(NOW, UTC))
    async with served_subscriber(tmp_path_factory.mktemp("attacked"), clock) as (client, _settings):
        yield client


async def a_receipt(subscriber: Client, body: bytes) -> str:
    """Return the receipt of a genuine message, booked with all defences on."""
    await switch_off(subscriber, frozenset())
    answer = await deliver(subscriber, Delivery(message_id=f"msg_{next(numbers)}", body=body))
    assert answer.json()["verdict"] == "accepted"
    return str(answer.json()["receipt_id"])


async def all_attacks(
    subscriber: Client, body: bytes, off: frozenset[Defence]
) -> dict[Attack, Result]:
    """Send every attack on one genuine receipt. None changes its processed message."""
    receipt_id = await a_receipt(subscriber, body)
    await switch_off(subscriber, off)
    return {each: await attack(subscriber, receipt_id, each) for each in Attack}


async def verdicts(
    subscriber: Client, results: dict[Attack, Result]
) -> dict[Attack, tuple[str, str | None]]:
    return {
        each: await verdict_of(subscriber, result.receipt_id) for each, result in results.items()
    }


@pytest.mark.parametrize("off", COMBINATIONS, ids=lambda off: "+".join(sorted(off)) or "all on")
async def test_every_attack_goes_as_predicted(off: frozenset[Defence], attacked: Client) -> None:
    results = await all_attacks(attacked, UNCHANGED_BY_RESERIALIZING, off)

    assert [each for each, result in results.items() if not result.as_predicted] == []


@pytest.mark.parametrize(
    "off",
    [each for each in COMBINATIONS if Defence.RAW_BODY in each],
    ids=lambda off: "+".join(sorted(off)),
)
async def test_every_attack_goes_as_predicted_if_reserializing_changes_the_body(
    off: frozenset[Defence], attacked: Client
) -> None:
    results = await all_attacks(attacked, CHANGED_BY_RESERIALIZING, off)

    assert [each for each, result in results.items() if not result.as_predicted] == []


async def test_with_all_defences_on_no_attack_succeeds(attacked: Client) -> None:
    results = await all_attacks(attacked, UNCHANGED_BY_RESERIALIZING, frozenset())

    assert await verdicts(attacked, results) == ALL_ON


@pytest.mark.parametrize("defence", Defence)
async def test_without_one_defence_exactly_its_attacks_have_another_verdict(
    defence: Defence, attacked: Client
) -> None:
    results = await all_attacks(attacked, UNCHANGED_BY_RESERIALIZING, frozenset({defence}))

    other_ways = {each: how for (each, which), how in ONE_OFF.items() if which is defence}
    assert await verdicts(attacked, results) == ALL_ON | other_ways
