"""Crashes well: the receiver is killed right after a request was sent, and loses nothing."""

import asyncio

from shop.exam.bench import Bench
from shop.exam.case import Case, Group, Mission, Need, Observation
from shop.exam.judging import is_success, nothing_lost, nothing_twice
from shop.exam.receiver_process import ReceiverProcess
from shop.exam.wire import Exchange

DOCS = "docs/receivers.md#5-do-the-work-once"
KILLS = 20
# The kill comes at a random moment of a window after the request, which is as long as the slowest
# response so far, within these limits. A shorter one would never hit the end of longer work.
MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS = 0.02, 1.0
MAX_REDELIVERIES = 3
MAX_LOST = 2  # the exam waits some seconds before it calls a message lost
NEEDS = frozenset({Need.RUN, Need.EFFECTS})


async def _killed(bench: Bench) -> Observation:
    async def play() -> Observation:
        rounds: list[list[Exchange]] = []
        while len(rounds) < KILLS and sum(map(_has_lost, rounds)) < MAX_LOST:
            rounds.append(await _round(bench, window=_window(rounds)))
        exchanges = [exchange for each in rounds for exchange in each]
        ids = tuple(dict.fromkeys(exchange.request.message_id for exchange in exchanges))
        effects = await bench.effects(exchanges, expected=1)
        return Observation(tuple(exchanges), effects, interrupted=ids)

    return await bench.remember("killed", play)


def _window(rounds: list[list[Exchange]]) -> float:
    """Return the time in seconds after a request in which the kill comes."""
    answers = [each.answer for exchanges in rounds for each in exchanges]
    slowest = max((answer.seconds for answer in answers if is_success(answer)), default=0)
    return min(max(MIN_WINDOW_SECONDS, slowest), MAX_WINDOW_SECONDS)


async def _round(bench: Bench, *, window: float) -> list[Exchange]:
    """Send a request, kill the receiver, restart it, and deliver again until it accepts.

    ``window``: after the request, in seconds; the kill comes at a random moment of it.

    These are requests of the exam's own: a shop does not say at which moment it has sent.
    """
    receiver: ReceiverProcess | None = bench.receiver
    assert receiver is not None  # noqa: S101 – the case needs it
    delay = bench.random.uniform(0, window)
    message = bench.message()

    async def kill() -> None:
        await asyncio.sleep(delay)
        await receiver.kill()

    sender = bench.sender
    exchanges = [await sender.send_and_leave(bench.url, bench.signer.genuine(message), kill)]
    await receiver.start()
    # After a 2xx, a sender may not send again: what is lost now stays lost.
    if is_success(exchanges[0].answer) and await _is_lost(bench, message.message_id):
        return exchanges
    for _ in range(MAX_REDELIVERIES):
        again = message.at(bench.message().timestamp)
        exchanges.append(await bench.send(bench.signer.genuine(again), "again after the restart"))
        if is_success(exchanges[-1].answer):
            break
    return exchanges


def _has_lost(exchanges: list[Exchange]) -> bool:
    """Return whether the message was lost: after a 2xx without an effect it is not sent again."""
    return len(exchanges) == 1


async def _is_lost(bench: Bench, message_id: str) -> bool:
    evidence = bench.evidence
    return evidence is not None and not (await evidence.settled(message_id, expected=1)).times


CASES = (
    Case(
        name="nothing-lost",
        group=Group.CRASHES,
        mission=Mission.AT_LEAST_ONCE,
        needs=NEEDS,
        is_slow=True,
        sends=f"{KILLS} times: a request, SIGKILL within 20 ms or within the time of the slowest "
        "response so far, a restart, and the request again, unless its effect is lost.",
        expects="an effect of each message",
        why="A receiver that acknowledges before it commits loses the event if it dies in between. "
        "The sender never sends it again.",
        docs=DOCS,
        play=_killed,
        judge=nothing_lost,
    ),
    Case(
        name="nothing-twice",
        group=Group.CRASHES,
        mission=Mission.AT_LEAST_ONCE,
        needs=NEEDS,
        is_slow=True,
        sends="The same requests.",
        expects="one effect of each message",
        why="Work and webhook-id must be stored in one transaction. Otherwise a crash between them "
        "makes the receiver work twice.",
        docs=DOCS,
        play=_killed,
        judge=nothing_twice,
    ),
)
