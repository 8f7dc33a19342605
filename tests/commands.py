"""Runs the command ``hookshop`` in the test's own process."""

import sys
from dataclasses import dataclass

import pytest

from hookshop.cli.main import main


@dataclass(frozen=True, slots=True)
class Done:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    error: str


@dataclass(frozen=True, slots=True)
class Command:
    """Calls the command as a shell would."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Done:
        self.monkeypatch.setattr(sys, "argv", ["hookshop", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        out, error = self.capsys.readouterr()
        return Done(ended.value.code, out, error)

    def ok(self, *words: str) -> str:
        """Return what a command prints that succeeds."""
        done = self(*words)
        assert (done.code, done.error) == (0, ""), done
        return done.out

    def error(self, *words: str, code: int = 1) -> str:
        """Return the one line of a command that fails."""
        done = self(*words)
        assert (done.code, done.out) == (code, ""), done
        [line] = done.error.splitlines()
        return line
