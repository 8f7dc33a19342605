"""Checks of the learner's receiver: exams that the shop plays with the cases of one mission."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from subscriber_app.missions.facts import CaseFact, Check
from subscriber_app.missions.own_receiver import OwnReceivers
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.errors import ShopError

LOST = "the shop does not have this exam any more; check your receiver again"


class Checks:
    """Starts exams and follows them. The shop plays one at a time in a sandbox."""

    def __init__(
        self, shop: ShopClient, own_receivers: OwnReceivers, now: Callable[[], datetime]
    ) -> None:
        self._shop = shop
        self._own_receivers = own_receivers
        self._now = now

    async def start(self, cases: Sequence[str]) -> Check:
        """Start an exam with these cases and groups. Raise ``ShopError``."""
        own = await self._own_receivers.current()
        if own is None:
            raise ShopError("There is no receiver to check yet. Register yours first.")
        exam = await self._shop.start_exam(
            own.webhook_url,
            self._own_receivers.secret_of(own),
            only=cases,
            probe_url=own.probe_url,
            probe_token=self._own_receivers.probe_token_of(own),
        )
        return Check(exam.id, self._now(), total=exam.total)

    async def follow(self, check: Check) -> Check:
        """Return how far the exam has come. Raise ``ShopError``."""
        exam = await self._shop.exam(check.exam_id)
        if exam is None:
            return replace(check, is_finished=True, playing="", problem=LOST)
        return replace(
            check,
            is_finished=exam.finished,
            total=exam.total,
            playing=exam.playing or "",
            problem=exam.problem,
            cases=tuple(
                CaseFact(each.name, each.group, each.level, each.verdict, each.got)
                for each in exam.cases
            ),
        )
