"""The exams of the shop, parsed from its JSON API. Only the fields that we use are parsed."""

from typing import Any

import msgspec
from msgspec import Struct

from subscriber_app.shop_api.endpoint import is_id
from subscriber_app.shop_api.errors import ShopUnreachable


class ExamCase(Struct, frozen=True):
    """A case with its verdict. ``got``: what came, for people."""

    name: str
    group: str
    level: str
    verdict: str
    got: str


class ShopExam(Struct, frozen=True):
    """A run. ``playing``: the current case. ``problem``: why it ended early, or ""."""

    id: str
    finished: bool
    total: int
    problem: str = ""
    playing: str | None = None
    cases: tuple[ExamCase, ...] = ()


def read_exam(document: dict[str, Any]) -> ShopExam:
    """Parse a run. Raise ``ShopUnreachable``."""
    try:
        exam = msgspec.convert(document, ShopExam)
    except msgspec.ValidationError as error:
        raise ShopUnreachable(f"The shop's response is not an exam: {error}") from None
    if not is_id(exam.id):
        raise ShopUnreachable("The shop's response has no valid id of an exam")
    return exam
