"""How the exam sees side effects: a probe, a probe command, or calls of the receiver.

All of them report the effects of one message: ``{"times": 1, "value": 50.75}``. Probes also report
the state of an order: ``{"state": "refunded"}``. Reports are read until two of them agree, so a
receiver may work through a queue.
"""

import asyncio
import json
import shlex
import time
from abc import ABC, abstractmethod
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from contextlib import suppress
from typing import Any

from shop.exam.case import Effects
from shop.exam.sender import Sender

MAX_PROBE_SECONDS = 5.0  # for one read
MAX_SETTLING_SECONDS = 5.0  # until two reads agree
SHORT_SETTLING_SECONDS = 1.0  # once an effect has been missing: the run must end in time
READ_INTERVAL_SECONDS = 0.1
MAX_OUTPUT_BYTES = 64 * 1024
ORDER_STATES = ("created", "shipped", "refunded")
NEVER_SENT = "msg_00000000000000000000000000000000"


class BadEvidence(Exception):  # noqa: N818 – the name says what happened
    """The evidence cannot be used. The message is a sentence for people."""


class Evidence(ABC):
    """Tells the effects of messages. ``kind``: its name on the scorecard."""

    kind: str
    tells_orders = False
    _settling_seconds = MAX_SETTLING_SECONDS

    @abstractmethod
    async def read(self, message_id: str) -> Effects:
        """Return what is known now. Raise ``BadEvidence``."""

    async def read_order(self, order_id: str) -> str | None:
        """Return the state of an order: one of ``ORDER_STATES``, or None. Raise ``BadEvidence``."""
        raise NotImplementedError

    async def settled(self, message_id: str, *, expected: int) -> Effects:
        """Return the effects of a message once two reads agree. Raise ``BadEvidence``.

        Wait a few seconds for fewer effects than ``expected`` to become as many.
        """
        seconds = self._settling_seconds
        deadline = time.monotonic() + seconds
        before = await self.read(message_id)
        while True:
            await asyncio.sleep(READ_INTERVAL_SECONDS)
            now = await self.read(message_id)
            is_late = time.monotonic() > deadline
            if now == before and (now.times >= expected or is_late):
                if now.times < expected:
                    self._settling_seconds = SHORT_SETTLING_SECONDS
                return now
            if is_late:
                raise BadEvidence(
                    f"what the {self.kind} tells about {message_id} did not stop changing within "
                    f"{seconds:g} s"
                )
            before = now

    async def settled_order(self, order_id: str, *, expected: str) -> str | None:
        """Return the state of an order once it is as expected, or does not become it in time.

        A receiver that answers first and works later does not know the order at once.
        """
        deadline = time.monotonic() + MAX_SETTLING_SECONDS
        state = await self.read_order(order_id)
        while state != expected and time.monotonic() < deadline:
            await asyncio.sleep(READ_INTERVAL_SECONDS)
            state = await self.read_order(order_id)
        return state

    async def check(self) -> None:
        """Raise ``BadEvidence`` if it tells of effects of a message that was never sent."""
        times = (await self.read(NEVER_SENT)).times
        if times:
            raise BadEvidence(
                f"the {self.kind} tells of {times} effects of {NEVER_SENT}, which was never sent: "
                "it must count by message id"
            )


class Probe(Evidence):
    """Gets ``{url}?message_id=…``, under the same guard as the webhooks.

    ``bearer``: a token for the probe, or empty.
    """

    kind = "probe"
    tells_orders = True

    def __init__(self, sender: Sender, url: str, *, bearer: str = "") -> None:
        self._sender = sender
        self._url = url
        self._bearer = bearer

    async def read(self, message_id: str) -> Effects:
        """Return what the probe answers."""
        return parse_effects(await self._get(f"message_id={message_id}"), self.kind)

    async def read_order(self, order_id: str) -> str | None:
        """Return the state that the probe answers."""
        return parse_state(await self._get(f"order_id={order_id}"), self.kind)

    async def _get(self, query: str) -> bytes:
        url = f"{self._url}{'&' if '?' in self._url else '?'}{query}"
        answer = await self._sender.get(url, bearer=self._bearer, timeout_seconds=MAX_PROBE_SECONDS)
        if answer.status != 200:  # noqa: PLR2004 – HTTP OK
            came = f"answered with {answer.status}" if answer.status else f"gave {answer}"
            raise BadEvidence(f"the probe {url} {came}, not a 200")
        return answer.body


class ProbeCommand(Evidence):
    """Runs a program with one more argument, ``message_id=…`` or ``order_id=…``; never a shell."""

    kind = "probe command"
    tells_orders = True

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)

    async def read(self, message_id: str) -> Effects:
        """Return what the command prints."""
        return parse_effects(await self._run(f"message_id={message_id}"), self.kind)

    async def read_order(self, order_id: str) -> str | None:
        """Return the state that the command prints."""
        return parse_state(await self._run(f"order_id={order_id}"), self.kind)

    async def _run(self, argument: str) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, argument, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
            )
        except OSError as error:
            raise BadEvidence(f"the probe command does not start: {error}") from error
        try:
            async with asyncio.timeout(MAX_PROBE_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            raise BadEvidence(
                f"the probe command did not end within {MAX_PROBE_SECONDS:g} s"
            ) from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            raise BadEvidence(f"the probe command ended with exit code {process.returncode}")
        return output[:MAX_OUTPUT_BYTES]


class EffectCalls(Evidence):
    """Counts the receiver's calls of ``POST /effects {"message_id": …, "value"?: …}``."""

    kind = "effect calls"

    def __init__(self) -> None:
        self._has_begun = asyncio.Event()
        self._times: Counter[str] = Counter()
        self._values: dict[str, float] = {}

    async def has_begun(self, *, within_seconds: float) -> bool:
        """Return whether the receiver has called, or calls within this time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_begun.wait(), within_seconds)
        return self._has_begun.is_set()

    def record(self, body: bytes) -> None:
        """Count a call. Raise ``ValueError`` if its body is not ``{"message_id": "…"}``."""
        document = json.loads(body)
        message_id = document.get("message_id") if isinstance(document, dict) else None
        if not isinstance(message_id, str):
            raise ValueError('the body must be {"message_id": "msg_…"}')  # noqa: TRY004 – bad JSON
        self._times[message_id] += 1
        self._has_begun.set()
        value = document.get("value")
        if isinstance(value, int | float):
            self._values.setdefault(message_id, float(value))

    async def read(self, message_id: str) -> Effects:
        """Return the number of calls so far."""
        return Effects(self._times[message_id], self._values.get(message_id))


def parse_effects(raw: bytes, kind: str) -> Effects:
    """Return the effects in ``{"times": 1, "value": 50.75}``. Raise ``BadEvidence``."""
    document = _object(raw, kind)
    times, value = document.get("times"), document.get("value")
    # type() instead of isinstance(): True is also an int.
    if type(times) is not int or times < 0:
        raise BadEvidence(f'the {kind} must answer {{"times": 1}} with a whole number: {_cut(raw)}')
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Effects(times, float(value) if value is not None and is_number else None)


def parse_state(raw: bytes, kind: str) -> str | None:
    """Return the state in ``{"state": "refunded"}``; None if there is none."""
    state = _object(raw, kind).get("state")
    if state is not None and state not in ORDER_STATES:
        raise BadEvidence(f"the {kind} must answer with one of {ORDER_STATES}: {_cut(raw)}")
    return state


def _object(raw: bytes, kind: str) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadEvidence(f"the {kind} did not answer with a JSON object: {_cut(raw)}")
    return document


def _cut(raw: bytes) -> str:
    return ascii(raw[:100].decode(errors="replace"))
