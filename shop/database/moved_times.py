"""SQL that moves a stored time, exact to the microsecond in both databases."""

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Interval, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

MICROSECOND = timedelta(microseconds=1)


class earlier(FunctionElement[Any]):  # noqa: N801 – reads like a function of SQL
    """A time that is earlier than the one in ``column`` by ``distance``."""

    inherit_cache = True
    type = DateTime(timezone=True)

    def __init__(self, column: Any, distance: timedelta) -> None:
        super().__init__(
            column, literal(distance, Interval()), literal(distance // MICROSECOND, BigInteger())
        )


@compiles(earlier)
def _compile(element: earlier, compiler: SQLCompiler, **options: Any) -> str:
    column, interval, _microseconds = element.clauses
    return f"({compiler.process(column, **options)} - {compiler.process(interval, **options)})"


@compiles(earlier, "sqlite")
def _compile_for_sqlite(element: earlier, compiler: SQLCompiler, **options: Any) -> str:
    # SQLite stores text such as 2026-11-23 12:00:00.123456, and its functions round to
    # milliseconds. So count the microseconds since 1970 as an integer, and write the text again.
    column, _interval, microseconds = element.clauses
    at = compiler.process(column, **options)
    moved = (
        f"(strftime('%s', substr({at}, 1, 19)) * 1000000 + substr({at}, 21, 6)"
        f" - {compiler.process(microseconds, **options)})"
    )
    return _text_of(moved)


def _text_of(microseconds: str) -> str:
    seconds = f"strftime('%Y-%m-%d %H:%M:%S', {microseconds} / 1000000, 'unixepoch')"
    return f"({seconds} || printf('.%06d', {microseconds} % 1000000))"
