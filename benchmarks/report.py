"""The results of a measurement: samples and baselines, as a table and as JSON.

Machines are noisy, so each round measures a figure and its baselines one after the other, and
compares them within the round: the ratio is the median of the rounds' ratios.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

LABEL_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison with another figure of the report. ``at_least``, ``at_most``: target ratios."""

    against: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """``samples``: one for each round, in order. ``at_most``: the target for the figure itself.

    ``is_hidden``: the figure is a baseline that appears only in comparisons.
    """

    label: str
    unit: str
    samples: Sequence[float]
    comparisons: Sequence[Comparison] = ()
    at_most: float | None = None
    is_hidden: bool = False

    @property
    def value(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.samples)


@dataclass(slots=True)
class Report:
    """One measurement. ``title``: what was measured, and how."""

    title: str
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)

    def ratio(self, figure: Figure, comparison: Comparison) -> float | None:
        """Return the ratio to the other figure; None if that was not measured."""
        other = self.find(comparison.against)
        if other is None:
            return None
        pairs = zip(figure.samples, other.samples, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def find(self, label: str) -> Figure | None:
        """Return the figure with this label, or None."""
        return next((each for each in self.figures if each.label == label), None)

    def as_table(self) -> Iterator[str]:
        """Yield the lines for a terminal."""
        yield self.title
        for figure in self.figures:
            if figure.is_hidden:
                continue
            lines = [_bound(figure.value, figure.at_most, figure.unit), *self._compared(figure)]
            texts = [line for line in lines if line]
            yield f"  {figure.label:<{LABEL_WIDTH}}{_number(figure.value):>9} {figure.unit:<6}" + (
                texts[0] if texts else ""
            )
            yield from (f"{'':<{LABEL_WIDTH + 18}}{line}" for line in texts[1:])
        yield from (f"  {note}" for note in self.notes)

    def _compared(self, figure: Figure) -> Iterator[str]:
        for comparison in figure.comparisons:
            other, ratio = self.find(comparison.against), self.ratio(figure, comparison)
            if other is not None and ratio is not None:
                value = f" ({_number(other.value)} {other.unit})" if other.is_hidden else ""
                yield f"  {ratio:.2f} × {other.label}{value}{_verdict(ratio, comparison)}"

    def as_document(self) -> dict[str, Any]:
        """Return the report for JSON, with every sample."""
        return {
            "title": self.title,
            "figures": [self._document(figure) for figure in self.figures],
            "notes": self.notes,
        }

    def _document(self, figure: Figure) -> dict[str, Any]:
        return {
            "label": figure.label,
            "unit": figure.unit,
            "median": figure.value,
            "samples": list(figure.samples),
            "at_most": figure.at_most,
            "compared": [
                {
                    "against": comparison.against,
                    "ratio": ratio,
                    "at_least": comparison.at_least,
                    "at_most": comparison.at_most,
                    "reached": is_reached(ratio, comparison.at_least, comparison.at_most),
                }
                for comparison in figure.comparisons
                if (ratio := self.ratio(figure, comparison)) is not None
            ],
        }


def is_reached(value: float, at_least: float | None, at_most: float | None) -> bool:
    """Return whether a value is within its bounds. None: no bound."""
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the percentile by nearest rank: the smallest sample with enough samples up to it."""
    ranked = sorted(samples)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def _bound(value: float, at_most: float | None, unit: str) -> str:
    if at_most is None:
        return ""
    return f"  at most {_number(at_most)} {unit}: {_word(is_reached(value, None, at_most))}"


def _verdict(ratio: float, comparison: Comparison) -> str:
    reached = _word(is_reached(ratio, comparison.at_least, comparison.at_most))
    if comparison.at_least is not None:
        return f"; at least {comparison.at_least:g}: {reached}"
    if comparison.at_most is not None:
        return f"; at most {comparison.at_most:g}: {reached}"
    return ""


def _word(ok: bool) -> str:
    return "yes" if ok else "NO"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
