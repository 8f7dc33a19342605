"""One line per log record, as text for people or as JSON for programs.

The ids and numbers of a line are also in its ``extra``, under the names of ``REQUEST_FIELDS`` and
the fields that the application adds. Every line written during a request carries the request's id.
"""

import json
import logging
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

REQUEST_FIELDS = ("request_id", "method", "path", "status", "duration_ms")

# The request that is being answered; each is handled by a task with a context of its own.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# A message may quote a stranger, who must not begin a line or color a terminal.
_VISIBLE = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}


def configure_logging(style: LogFormat, fields: Sequence[str] = ()) -> None:
    """Write records from INFO up to standard error, without the noise of the libraries.

    ``fields``: names in a record's ``extra`` that the application writes, such as ``order_id``.
    """
    handler = logging.StreamHandler()
    handler.addFilter(add_request_id)
    handler.setFormatter(JsonLines(fields) if style == "json" else TextLines(fields))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("httpx", "httpcore", "arq", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def add_request_id(record: logging.LogRecord) -> bool:
    """Add the current request's id to the record. Return True: a filter that drops nothing."""
    if current := request_id.get():
        record.request_id = current
    return True


class TextLines(logging.Formatter):
    """Time, level, message, and the ids that the message does not name itself."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._ids = [name for name in (*REQUEST_FIELDS, *fields) if name.endswith("_id")]

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 – the base class's name
        """Return the line without a traceback, which follows on lines of its own."""
        if not record.message.isprintable():
            record.message = record.message.translate(_VISIBLE)
        ids = map(str, _present(record, self._ids).values())
        unnamed = [id_ for id_ in ids if id_ not in record.message]
        line = super().formatMessage(record)
        return f"{line} [{' '.join(unnamed)}]" if unnamed else line


class JsonLines(logging.Formatter):
    """One object per record: time (UTC), level, logger, message, fields, and any traceback."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        super().__init__()
        self._fields = (*REQUEST_FIELDS, *fields)

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of ASCII, whatever the record holds."""
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
        return json.dumps(line, default=str)


def _present(record: logging.LogRecord, names: Sequence[str]) -> dict[str, object]:
    known = vars(record)
    return {name: known[name] for name in names if known.get(name) is not None}
