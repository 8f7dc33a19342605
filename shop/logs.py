"""One line per log record, as text for people or as JSON for programs; called by the entry points.

What a line tells of stands in its ``extra``, under the names in ``FACTS``: an id finds all that was
written about one thing. What is written while a request is answered carries the id of that, too.
"""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

FACTS = (
    "request_id",
    "delivery_id",
    "attempt",
    "message_id",
    "endpoint_id",
    "order_id",
    "method",
    "path",
    "status",
    "outcome",
    "duration_ms",
)

# Of the request that is being answered; each is handled by a task with a context of its own.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# What a stranger sent may stand in a message, and must not begin a line or colour a terminal.
_VISIBLE = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}


def configure_logging(style: LogFormat) -> None:
    """Write records from INFO on to standard error, without the noise of the libraries."""
    handler = logging.StreamHandler()
    handler.addFilter(add_request_id)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("httpx", "httpcore", "arq", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def add_request_id(record: logging.LogRecord) -> bool:
    """A filter that lets every record pass."""
    if current := request_id.get():
        record.request_id = current
    return True


class TextLines(logging.Formatter):
    """Time, level, message, and the ids that the message does not name itself."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 – the base class's name
        """The line without a traceback, which follows on lines of its own."""
        if not record.message.isprintable():
            record.message = record.message.translate(_VISIBLE)
        ids = [str(value) for name, value in _facts(record).items() if name.endswith("_id")]
        unnamed = [id_ for id_ in ids if id_ not in record.message]
        line = super().formatMessage(record)
        return f"{line} [{' '.join(unnamed)}]" if unnamed else line


class JsonLines(logging.Formatter):
    """One object per record: time (UTC), level, logger, message, facts, and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """A line of ASCII, whatever the record holds."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    known = vars(record)
    return {name: known[name] for name in FACTS if known.get(name) is not None}
