"""Writes each log record as one line: text for people or JSON for programs.

The ids and numbers in a message are also in the record's ``extra``, under the names in
``REQUEST_FIELDS`` and in the application's own fields. Every line written during a request has the
request's id.
"""

import json
import logging
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from hookshop.webkit.plain_text import escape_unprintable

LogFormat = Literal["text", "json"]

REQUEST_FIELDS = ("request_id", "method", "path", "status", "duration_ms")

# The id of the current request. Each request has its own task, and so its own context.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure_logging(style: LogFormat, fields: Sequence[str] = ()) -> None:
    """Write records of level INFO and above to standard error; of noisy libraries, only warnings.

    ``fields``: names in ``extra`` that the application uses, such as ``order_id``.
    """
    handler = logging.StreamHandler()
    handler.addFilter(add_request_id)
    handler.setFormatter(JsonLines(fields) if style == "json" else TextLines(fields))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("httpx", "httpcore", "arq", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def add_request_id(record: logging.LogRecord) -> bool:
    """Add the current request's id to the record. Return True, to keep every record."""
    if current := request_id.get():
        record.request_id = current
    return True


class TextLines(logging.Formatter):
    """Formats a record as text: time, level, message, and the ids that are not in the message."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._ids = [name for name in (*REQUEST_FIELDS, *fields) if name.endswith("_id")]

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 – the base class's name
        """Return the first line. A message or an id may quote untrusted input: escape both."""
        ids = map(str, _present(record, self._ids).values())
        unnamed = [id_ for id_ in ids if id_ not in record.message]
        line = super().formatMessage(record)
        return escape_unprintable(f"{line} [{' '.join(unnamed)}]" if unnamed else line)

    def formatException(self, ei: Any) -> str:  # noqa: N802 – the base class's name
        """Return the lines of the traceback, which follow the first line."""
        return _indent(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 – the base class's name
        """Return the lines of the stack, which follow the first line."""
        return _indent(super().formatStack(stack_info))


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object: time (UTC), level, logger, message, fields, traceback."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        super().__init__()
        self._fields = (*REQUEST_FIELDS, *fields)

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of ASCII."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_present(record, self._fields),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # it escapes all that is not printable ASCII


def _indent(text: str) -> str:
    """Return lines that cannot be taken for log lines: the text of an exception may be forged."""
    return "\n".join(f"  {escape_unprintable(line)}" for line in text.split("\n"))


def _present(record: logging.LogRecord, names: Sequence[str]) -> dict[str, object]:
    known = vars(record)
    return {name: known[name] for name in names if known.get(name) is not None}
