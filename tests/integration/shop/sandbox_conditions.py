"""A net: finds statements that name a table of a sandbox without a condition on the sandbox.

It reads the SQL that reaches the database, so it does not depend on how ``bound_session`` adds the
condition.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from shop.database.bound_sandbox import bound_number
from shop.database.models import SandboxTable

SANDBOX_TABLES: list[Any] = [
    table for table in SandboxTable.__subclasses__() if hasattr(table, "__table__")
]
PRIMARY_KEYS: dict[str, set[str]] = {
    table.__table__.name: {column.name for column in table.__table__.primary_key}
    for table in SANDBOX_TABLES
}
TABLES = sorted(PRIMARY_KEYS)
_NAMES = "|".join(TABLES)
_KEYWORDS = "WHERE|JOIN|LEFT|INNER|ON|SET|ORDER|GROUP|LIMIT|UNION|FOR|USING|AND"
# A table, and its alias if it has one.
_MENTION = re.compile(
    rf"(?:\bFROM|\bJOIN|\bUPDATE|,)\s+(?P<table>{_NAMES})\b(?!\.)"
    rf"(?:\s+AS)?(?:\s+(?!(?:{_KEYWORDS})\b)(?P<alias>\w+))?"
)
_CONDITION = re.compile(r"\b(\w+)\.sandbox\s*=\s*[?$%:\d]")
_CHANGE = re.compile(r"(?:UPDATE (\w+) SET .*?|DELETE FROM (\w+)) WHERE (.*)", re.DOTALL)


def without_condition(statement: str) -> list[str]:
    """Return the tables of a sandbox that the statement reads or changes in all sandboxes."""
    if statement.lstrip().upper().startswith("INSERT") or _writes_one_object(statement):
        return []
    mentioned = Counter(found["alias"] or found["table"] for found in _MENTION.finditer(statement))
    conditions = Counter(_CONDITION.findall(statement))
    return [name for name, count in mentioned.items() if conditions[name] < count]


def _writes_one_object(statement: str) -> bool:
    """Return whether the statement writes a row by its primary key and nothing else.

    So sessions write an object that was changed; it was read before, with the condition.
    """
    found = _CHANGE.fullmatch(statement.strip())
    if found is None or (found[1] or found[2]) not in PRIMARY_KEYS:
        return False
    parts = [part.strip() for part in found[3].split(" AND ")]
    columns = {part.partition(" = ")[0].rpartition(".")[2] for part in parts}
    return columns == PRIMARY_KEYS[found[1] or found[2]]


@contextmanager
def unconditional_statements(number: int) -> Iterator[dict[str, list[str]]]:
    """Collect the statements of sessions of this sandbox that ``without_condition`` finds.

    The key ``""`` has the tables of all statements that were checked.
    """
    found: dict[str, list[str]] = {"": []}

    def check(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if bound_number() != number:
            return
        found[""] += [each["table"] for each in _MENTION.finditer(statement)]
        if tables := without_condition(statement):
            found[statement] = tables

    event.listen(Engine, "before_cursor_execute", check)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", check)
