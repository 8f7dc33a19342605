"""Which cases a run plays. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from shop.exam.case import Case, Group, Scheme


class UnknownName(Exception):  # noqa: N818 – the name says what is wrong
    """``--only`` or ``--skip`` names no case, group or mission. The message is for people."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for.

    ``only`` and ``skip``: names of cases and groups, and missions such as ``mission-4`` for the
    cases that it teaches; empty: no limit.
    """

    scheme: Scheme = Scheme.STANDARD
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    is_quick: bool = False

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases to play, in order. Raise ``UnknownName``."""
        known = {name for case in cases for name in _names(case)} | set(Group)
        for name in (*self.only, *self.skip):
            if name not in known:
                raise UnknownName(
                    f"there is no case, group or mission {name!r}; --list prints them"
                )
        return [case for case in cases if self._includes(case)]

    def _includes(self, case: Case) -> bool:
        names = _names(case)
        return (
            self.scheme in case.schemes
            and (not self.only or bool(names & set(self.only)))
            and not names & set(self.skip)
            and not (self.is_quick and case.is_slow)
        )


def _names(case: Case) -> set[str]:
    return {case.name, case.group.value, f"mission-{case.mission}"}
