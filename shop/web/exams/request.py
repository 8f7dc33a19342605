"""What an exam is asked for, by page or API, and its checks. They need no database."""

import secrets
from dataclasses import dataclass

from shop.exam.case import Scheme
from shop.exam.in_process import Examinee
from shop.exam.run import Plan
from shop.exam.selection import Selection, UnknownName
from shop.webhooks.rules.signing import check_secret
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused, parse_url

MAX_SEED = 1_000_000


class InvalidExam(Exception):  # noqa: N818 – the name says what is wrong
    """``field`` is not valid. The message is for the client."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ExamRequest:
    """What to examine. ``seed``: None for a random one. ``rotates``: a person is there."""

    url: str
    secret: str
    scheme: Scheme = Scheme.STANDARD
    probe_url: str = ""
    probe_token: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    is_quick: bool = False
    is_strict: bool = False
    seed: int | None = None
    rotates: bool = False

    def examinee(self, policy: UrlPolicy) -> Examinee:
        """Return whom to examine. Raise ``InvalidExam``. ``policy``: where requests may go."""
        _check_url("url", self.url, policy)
        if self.probe_url:
            _check_url("probe_url", self.probe_url, policy)
        try:
            check_secret(self.secret)
        except ValueError as error:
            raise InvalidExam("secret", str(error)) from None
        return Examinee(
            self._plan(),
            self.secret,
            probe_url=self.probe_url,
            probe_token=self.probe_token,
            rotates=self.rotates,
        )

    def _plan(self) -> Plan:
        selection = Selection(self.scheme, self.only, self.skip, self.is_quick)
        seed = secrets.randbelow(MAX_SEED) if self.seed is None else self.seed
        plan = Plan(self.url, selection, seed, self.is_strict)
        try:
            cases = plan.cases
        except UnknownName as error:
            raise InvalidExam("only", str(error)) from None
        if not cases:
            raise InvalidExam("only", "no case is left to play: look at only, skip and quick")
        return plan


def _check_url(field: str, url: str, policy: UrlPolicy) -> None:
    try:
        parse_url(url)
        policy.check(url)
    except UrlRefused as refusal:
        raise InvalidExam(field, str(refusal)) from None
