"""Which cases a run plays. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from shop.exam.case import Case, Group, Scheme


class UnknownName(Exception):  # noqa: N818 – the name says what is wrong
    """``--only`` or ``--skip`` names neither a case nor a group. The message is for people."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for. ``only`` and ``skip``: names of cases and groups; empty: no limit."""

    scheme: Scheme = Scheme.STANDARD
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    is_quick: bool = False

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases to play, in order. Raise ``UnknownName``."""
        known = {case.name for case in cases} | set(Group)
        for name in (*self.only, *self.skip):
            if name not in known:
                raise UnknownName(f"there is no case or group {name!r}; --list prints them")
        return [case for case in cases if self._includes(case)]

    def _includes(self, case: Case) -> bool:
        names = {case.name, case.group.value}
        return (
            self.scheme in case.schemes
            and (not self.only or bool(names & set(self.only)))
            and not names & set(self.skip)
            and not (self.is_quick and case.is_slow)
        )
