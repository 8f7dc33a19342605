"""Plays the cases one after the other and judges them: one run of the exam."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from shop import __version__
from shop.exam.bench import Bench, OfferSecret
from shop.exam.case import (
    ADVICE,
    NOT_ASKED,
    Case,
    CaseResult,
    Judgment,
    Need,
    Observation,
    Verdict,
)
from shop.exam.cases import ALL_CASES
from shop.exam.curl import as_curl
from shop.exam.evidence import BadEvidence, EffectCalls, Evidence
from shop.exam.judging import accepted, is_success
from shop.exam.opening import explain_first_answer, explain_no_connection
from shop.exam.pacing import Pacer
from shop.exam.receiver_process import ReceiverFailed, ReceiverProcess
from shop.exam.scorecard import STATUS_ONLY, Scorecard
from shop.exam.selection import Selection
from shop.exam.sender import Sender
from shop.exam.shop_port import Endpoint, ExamShop, ShopFailed

MAX_RUN_SECONDS = 240  # a prompt receiver needs a third of it; one that hangs must end, too
MAX_CASE_SECONDS = 150  # twenty kills of a receiver that starts slowly
ENDING_SECONDS = 0.2  # a process that ends closes its connections one after the other
FIRST_CALL_SECONDS = 0.5  # the receiver calls /effects before it answers, or soon after
MAX_START_SECONDS = 10  # of a receiver that registers itself before it listens
POLL_SECONDS = 0.1
MAX_SHOWN_REQUESTS = 3  # of a case that sends many

logger = logging.getLogger(__name__)


class NotReached(Exception):  # noqa: N818 – the name says what happened
    """The exam cannot begin. The message is a sentence for people, with what to check."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to examine. ``seed``: of all random choices."""

    url: str
    selection: Selection = field(default_factory=Selection)
    seed: int = 0
    is_strict: bool = False

    @property
    def cases(self) -> list[Case]:
        """The cases to play, in order. Raise ``UnknownName``."""
        return self.selection.of(ALL_CASES)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Is told what happens: each case before it is played, and each result."""

    started: Callable[[Case], None] = lambda _case: None
    judged: Callable[[CaseResult], None] = lambda _result: None


@dataclass(slots=True)
class Parts:
    """What a run works with. The caller closes ``shop`` and stops ``receiver`` afterwards.

    ``register``: registers the receiver in the sandbox of the run, or, with ``registers_itself``,
    waits until the receiver has done so. ``check_ownership``: returns if the address is private, or
    once the receiver has shown that it agrees; raises ``NotReached`` otherwise.
    """

    sender: Sender
    pacer: Pacer
    shop: ExamShop
    register: Callable[[ExamShop], Awaitable[Endpoint]]
    check_ownership: Callable[[], Awaitable[None]]
    registers_itself: bool = False
    evidence: Evidence | None = None
    effect_calls: EffectCalls = field(default_factory=EffectCalls)
    receiver: ReceiverProcess | None = None
    offer_secret: OfferSecret | None = None


class Exam:
    """One run. ``scorecard`` is what is known so far, at any time."""

    def __init__(self, plan: Plan, parts: Parts, watcher: Watcher | None = None) -> None:
        self._plan = plan
        self._parts = parts
        self._watcher = watcher or Watcher()
        self._cases = plan.cases
        self._started_at = time.monotonic()
        self.scorecard = Scorecard(
            url=plan.url,
            scheme=plan.selection.scheme,
            evidence=parts.evidence.kind if parts.evidence else STATUS_ONLY,
            seed=plan.seed,
            version=__version__,
            is_strict=plan.is_strict,
        )

    @property
    def cases(self) -> list[Case]:
        """The cases of this run, in order."""
        return self._cases

    async def run(self) -> Scorecard:
        """Play all cases and return the scorecard. If canceled, the scorecard is partial."""
        try:
            bench = await self._prepare()
            await self._play_all(bench)
        except (NotReached, ShopFailed, ReceiverFailed, BadEvidence) as error:
            self._change(problem=str(error), was_reached=False)
        except asyncio.CancelledError:
            self._change(problem="the exam was stopped", was_stopped=True)
            raise
        finally:
            self._change(seconds=time.monotonic() - self._started_at)
        return self.scorecard

    async def _prepare(self) -> Bench:
        """Return the bench once the receiver listens and is registered. Raise ``NotReached``."""
        plan, parts = self._plan, self._parts
        await parts.shop.open_sandbox()
        if parts.receiver:
            await parts.receiver.start()
        if not parts.registers_itself:
            await self._check_address(patience_seconds=0)
        endpoint = await parts.register(parts.shop)
        if parts.registers_itself:
            await self._check_address(patience_seconds=MAX_START_SECONDS)
        if parts.evidence:
            await parts.evidence.check()
        return Bench(
            url=plan.url,
            scheme=plan.selection.scheme,
            random=random.Random(plan.seed),  # noqa: S311 – repeatable on purpose
            sender=parts.sender,
            pacer=parts.pacer,
            shop=parts.shop,
            endpoint=endpoint,
            evidence=parts.evidence,
            receiver=parts.receiver,
            offer_secret=parts.offer_secret,
        )

    async def _check_address(self, *, patience_seconds: float) -> None:
        """Return if the receiver listens and may be examined. Raise ``NotReached``."""
        deadline = time.monotonic() + patience_seconds
        while failure := await self._parts.sender.is_listening(self._plan.url):
            if time.monotonic() >= deadline:
                raise NotReached(explain_no_connection(self._plan.url, failure))
            await asyncio.sleep(POLL_SECONDS)
        await self._parts.check_ownership()

    async def _play_all(self, bench: Bench) -> None:
        if not await self._is_first_accepted(bench):
            return
        for case in self._cases:
            if time.monotonic() - self._started_at - bench.idle_seconds > MAX_RUN_SECONDS:
                self._stop_early(f"the exam ended after {MAX_RUN_SECONDS} s", was_stopped=True)
                return
            self._watcher.started(case)
            result = await self._play(case, bench)
            if result.was_answered or not await self._has_ended(bench):
                self._record(result)
                continue
            self._record(replace(result, got=f"{result.got}; the receiver has ended"))
            if not bench.receiver:
                self._stop_early(f"nobody listens at {bench.url} since the case {case.name}")
                return
            await bench.receiver.restart()

    @staticmethod
    async def _has_ended(bench: Bench) -> bool:
        """Return whether the receiver has ended during a case that it left without an answer."""
        await asyncio.sleep(ENDING_SECONDS)
        return await bench.sender.is_listening(bench.url) is not None

    async def _is_first_accepted(self, bench: Bench) -> bool:
        """Deliver the first order. If it is not accepted, nothing else can be judged: say so."""
        _sent, exchange = await bench.buy()
        bench.first = Observation((exchange,))
        if not is_success(exchange.answer):
            sentence = explain_first_answer(bench.url, exchange.answer, bench.scheme)
            self._stop_early(sentence, first=bench.first)
            return False
        await self._look_for_calls(bench)
        bench.first = Observation((exchange,), await bench.effects([exchange], expected=1))
        return True

    async def _look_for_calls(self, bench: Bench) -> None:
        """Take the receiver's calls of /effects as evidence, if it calls and there is no other."""
        calls = self._parts.effect_calls
        if not bench.evidence and await calls.has_begun(within_seconds=FIRST_CALL_SECONDS):
            bench.evidence = calls
            self._change(evidence=calls.kind)

    def _stop_early(
        self, sentence: str, *, first: Observation | None = None, was_stopped: bool = False
    ) -> None:
        """Record the remaining cases as errors. ``first``: fails the case that it was for."""
        self._change(problem=sentence, was_stopped=was_stopped)
        played = {result.case.name for result in self.scorecard.results}
        for case in self._cases:
            if case.name in played:
                continue
            if first and case.name == "as-sent":
                self._record(self._result(case, first, accepted(first), 0))
            else:
                self._record(CaseResult(case, Verdict.ERROR, NOT_ASKED))

    async def _play(self, case: Case, bench: Bench) -> CaseResult:
        missing = {need for need in case.needs if not bench.has(need)}
        # Without evidence alone, a quick case is asked all the same: its status may fail it.
        if missing - {Need.EFFECTS} or (missing and case.is_slow):
            advice = "; ".join(ADVICE[need] for need in sorted(missing))
            return CaseResult(case, Verdict.NOT_JUDGED, advice)
        started = time.monotonic()
        try:
            async with asyncio.timeout(MAX_CASE_SECONDS + bench.idle_seconds):
                seen = await case.play(bench)
        except (ShopFailed, BadEvidence, ReceiverFailed) as error:
            return CaseResult(case, Verdict.ERROR, str(error))
        except TimeoutError:
            return CaseResult(case, Verdict.ERROR, f"it took more than {MAX_CASE_SECONDS} s")
        except Exception as error:  # a faulty case must not cost the scorecard of all others
            logger.exception("The case %s failed", case.name)
            return CaseResult(case, Verdict.ERROR, f"the case is faulty: {error!r}")
        judgment = case.judge(seen)
        if judgment.verdict is Verdict.NOT_JUDGED and missing:
            judgment = replace(judgment, got=f"{judgment.got}: {ADVICE[Need.EFFECTS]}")
        return self._result(case, seen, judgment, time.monotonic() - started)

    def _result(
        self, case: Case, seen: Observation, judgment: Judgment, seconds: float
    ) -> CaseResult:
        shown = seen.exchanges[:MAX_SHOWN_REQUESTS]
        return CaseResult(
            case,
            judgment.verdict,
            judgment.got,
            sent=tuple(as_curl(self._plan.url, exchange.request) for exchange in shown),
            delivery_urls=tuple(each.delivery_url for each in seen.exchanges if each.delivery_url),
            seconds=seconds,
            was_answered=all(each.answer.status is not None for each in seen.exchanges),
        )

    def _record(self, result: CaseResult) -> None:
        self._change(results=(*self.scorecard.results, result))
        self._watcher.judged(result)

    def _change(self, **changes: object) -> None:
        self.scorecard = replace(self.scorecard, **changes)  # type: ignore[arg-type]
