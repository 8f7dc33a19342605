"""All cases of the exam, in the order in which they are played."""

from shop.exam.case import Case
from shop.exam.cases import accepts, crashes, once, order, quick, rejects, rotates, survives

ALL_CASES: tuple[Case, ...] = (
    *accepts.CASES,
    *rejects.CASES,
    *once.CASES,
    *survives.CASES,
    *quick.CASES,
    *order.CASES,
    *crashes.CASES,
    *rotates.CASES,
)
