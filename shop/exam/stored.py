"""A scorecard from its document, as it was stored. Pure."""

from collections.abc import Mapping
from typing import Any

from shop.exam.case import Case, CaseResult, Scheme, Verdict
from shop.exam.cases import ALL_CASES
from shop.exam.scorecard import Result, Scorecard

_CASES: Mapping[str, Case] = {case.name: case for case in ALL_CASES}


def scorecard_of(document: Mapping[str, Any]) -> Scorecard:
    """Return the scorecard. Leave out cases that another version had, and this one has not."""
    result = Result(document["result"])
    return Scorecard(
        url=document["url"],
        scheme=Scheme(document["scheme"]),
        evidence=document["evidence"],
        seed=document["seed"],
        version=document["version"],
        results=[_result(each) for each in document["cases"] if each["name"] in _CASES],
        problem=document["problem"],
        was_reached=result is not Result.NOT_REACHED,
        was_stopped=result is Result.STOPPED,
        is_strict=document["strict"],
        seconds=document["seconds"],
    )


def _result(stored: Mapping[str, Any]) -> CaseResult:
    return CaseResult(
        _CASES[stored["name"]],
        Verdict(stored["verdict"]),
        stored["got"],
        sent=tuple(stored["sent"]),
        delivery_urls=tuple(stored["deliveries"]),
        seconds=stored["seconds"],
    )
