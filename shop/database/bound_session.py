"""Binds every session to one sandbox. This is the only place that does, so no query can forget it.

A session reads and changes the rows of the sandbox that is bound where it is opened, and no others.
New rows belong to it.

Only sessions are bound. The functions of ``Transactions.read`` and ``write`` see all rows: they are
for the delivery engine, and for tables that belong to no sandbox.
"""

from contextvars import ContextVar
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, event, literal_column, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session

from shop.database.bound_sandbox import ALL, bound_number
from shop.database.models import SandboxTable

# Of the statement that is executed now. ``None`` matches no row.
_number: ContextVar[int | None] = ContextVar("number", default=None)


class BoundSession(Session):
    """A session of the sandbox that is bound where it is opened."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.number = bound_number()


@event.listens_for(BoundSession, "do_orm_execute")
def _bind(state: ORMExecuteState) -> None:
    session = state.session
    assert isinstance(session, BoundSession)  # noqa: S101 – for the type
    if session.number is not ALL and not state.is_insert:
        _number.set(session.number)
        state.statement = state.statement.options(_IN_THE_SANDBOX)


class bound_parameter(FunctionElement[int]):  # noqa: N801 – reads like a function of SQL
    """The number of the session's sandbox, as a parameter with a value at execution.

    With a value in the statement, SQLAlchemy would find, copy and compare one parameter for each
    table of each statement: 10 to 20 % of a page's time.
    """

    inherit_cache = True
    type = Integer()
    parameter = bindparam("bound_sandbox", callable_=_number.get, type_=Integer)


@compiles(bound_parameter)
def _compile_parameter(_: bound_parameter, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(bound_parameter.parameter, **options)


def _is_bound(table: Any) -> ColumnElement[bool]:
    # SQLAlchemy tries the base class once, which has no columns.
    column: Any = getattr(table, "sandbox", literal_column("sandbox"))
    condition: ColumnElement[bool] = (
        column if table.SANDBOX_LEADS else filtered(column)
    ) == bound_parameter()
    return condition


class filtered(FunctionElement[int]):  # noqa: N801 – reads like a function of SQL
    """A column that SQLite compares row by row, without choosing an index for it.

    SQLite knows nothing of how common a value is. It would take an index that begins with the
    sandbox for one as good as any other, and read a million rows of ``main`` to find one.
    """

    inherit_cache = True


@compiles(filtered)
def _compile(element: filtered, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(filtered, "sqlite")
def _compile_for_sqlite(element: filtered, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


_IN_THE_SANDBOX = with_loader_criteria(SandboxTable, _is_bound, include_aliases=True)


def in_bound_sandbox(column: Any) -> ColumnElement[bool]:
    """Return the condition once more, for a query whose index begins with the sandbox.

    ``column``: the column ``sandbox``. Every session adds it anyway, but without choosing an index.
    """
    number = bound_number()
    condition: ColumnElement[bool] = true() if number is ALL else column == number
    return condition
