"""An exam as a task of the shop's process, for its page and its API. It starts no command."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from shop.exam.case import Case, CaseResult
from shop.exam.evidence import EffectCalls, Probe
from shop.exam.ownership import require_ownership
from shop.exam.pacing import Pacer
from shop.exam.registration import Registration
from shop.exam.reports import as_document
from shop.exam.run import Exam, Parts, Plan, Watcher
from shop.exam.scorecard import Scorecard
from shop.exam.sender import Sender
from shop.exam.shop_port import Endpoint, ExamShop
from shop.webhooks.rules.url_policy import UrlPolicy


@dataclass(frozen=True, slots=True)
class Examinee:
    """Whom to examine. ``secret``: that of the receiver; None: the receiver registers itself.

    ``probe_url``: empty without a probe. ``probe_token``: a bearer token for it, or empty.
    ``rotates``: whether a person is there to give the receiver a new secret.
    """

    plan: Plan
    secret: str | None = None
    probe_url: str = ""
    probe_token: str = ""
    rotates: bool = False


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """Where the shop serves its API to itself. ``token``: its admin token, or empty."""

    url: str
    token: str
    policy: UrlPolicy


@dataclass(frozen=True, slots=True)
class ExamState:
    """What a page shows of a run. ``playing``: the case that is being played.

    ``request``: what a person must do now, such as take a new secret, or empty.
    """

    scorecard: Scorecard
    total: int
    playing: str = ""
    request: str = ""
    is_finished: bool = False

    def document(self) -> dict[str, Any]:
        """Return the state as data: the scorecard, and how far the run has come."""
        return {
            **as_document(self.scorecard),
            "finished": self.is_finished,
            "total": self.total,
            "playing": self.playing or None,
            "request": self.request or None,
        }


class RunningExam:
    """A run. ``state`` is current at any time; ``changed`` is called after each change of it.

    ``registration`` and ``effect_calls`` take the calls of the receiver, if the shop serves them.
    Create it in a running event loop.
    """

    def __init__(
        self,
        examinee: Examinee,
        access: ShopAccess,
        changed: Callable[[ExamState], None] = lambda _state: None,
    ) -> None:
        self._examinee = examinee
        self._shop = ExamShop(access.url, token=access.token)
        self._changed = changed
        self.effect_calls = EffectCalls()
        self.registration = Registration(self._shop)
        watcher = Watcher(self._show_started, self._show_judged)
        self._exam = Exam(examinee.plan, self._parts(access.policy), watcher)
        self.state = ExamState(self._exam.scorecard, total=len(self._exam.cases))

    async def run(self) -> Scorecard:
        """Play all cases and return the scorecard. Cancel the task to stop early."""
        try:
            async with self._shop:
                with suppress(asyncio.CancelledError):
                    await self._exam.run()
        finally:
            self._change(playing="", request="", is_finished=True)
        return self._exam.scorecard

    def _parts(self, policy: UrlPolicy) -> Parts:
        examinee, pacer = self._examinee, Pacer()
        sender = Sender(policy, pacer=pacer)
        probe = Probe(sender, examinee.probe_url, bearer=examinee.probe_token)
        return Parts(
            sender=sender,
            pacer=pacer,
            shop=self._shop,
            register=self._register,
            check_ownership=partial(
                require_ownership,
                sender,
                examinee.plan.url,
                token=f"hookshop-exam-{secrets.token_urlsafe(16)}",
                say=self._ask,
            ),
            registers_itself=examinee.secret is None,
            evidence=probe if examinee.probe_url else None,
            effect_calls=self.effect_calls,
            offer_secret=self._offer_secret if examinee.rotates else None,
        )

    async def _register(self, shop: ExamShop) -> Endpoint:
        examinee = self._examinee
        if examinee.secret is not None:
            return await shop.register(examinee.plan.url, examinee.secret)
        self._ask("Let the receiver register itself.")
        endpoint = await self.registration.endpoint()
        self._ask("")
        return endpoint

    async def _offer_secret(self, secret: str) -> None:
        self._ask(f"Give the receiver this secret in place of the old one within 60 s: {secret}")

    def _ask(self, request: str) -> None:
        self._change(request=request)

    def _show_started(self, case: Case) -> None:
        self._change(playing=case.name)

    def _show_judged(self, _result: CaseResult) -> None:
        self._change(request="")

    def _change(self, **changes: Any) -> None:
        self.state = replace(self.state, scorecard=self._exam.scorecard, **changes)
        self._changed(self.state)
