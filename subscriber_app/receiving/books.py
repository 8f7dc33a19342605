"""The rows that requests add to the books: receipts, processed messages, and what is booked.

Any number of requests need the same few statements.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlmodel import col

from subscriber_app.database.models import ProcessedMessageRow, Purchase, Receipt
from subscriber_app.receiving.decision import ProcessedMessage
from subscriber_app.receiving.events import MONEY_EVENTS, Event
from subscriber_app.receiving.purchases import APPLY_EVENT, event_row

Row = dict[str, Any]


class Books:
    """Collects the rows of some requests, then stores all of them."""

    def __init__(self) -> None:
        self._receipts: list[Row] = []
        self._processed: list[Row] = []
        self._purchases: list[Row] = []
        self._events: list[Row] = []

    def add_receipt(self, receipt: Row) -> None:
        """Add a receipt, with a value for each column."""
        self._receipts.append(receipt)

    def mark_processed(self, message_id: str, message: ProcessedMessage) -> None:
        """Add a message by which duplicates are recognized."""
        self._processed.append(
            {
                "id": message_id,
                "body_sha256": message.body_sha256,
                "receipt_id": message.receipt_id,
            }
        )

    def book(self, event: Event, receipt: Row) -> None:
        """Add what an accepted event changes. ``receipt``: of its request."""
        if event.order_id is not None:
            self._events.append(event_row(event, event.order_id, receipt["id"]))
        if event.type in MONEY_EVENTS:
            self._purchases.append(
                {
                    "receipt_id": receipt["id"],
                    "message_id": receipt["message_id"],
                    "event_type": event.type,
                    "event_id": event.id,
                    "order_id": event.order_id,
                    "value_cents": event.value_cents,
                    "occurred_at": event.occurred_at,
                    "booked_at": receipt["received_at"],
                }
            )

    def store(self, connection: Connection) -> None:
        """Store the rows; those that others reference come first."""
        for statement, rows in (
            (_INSERT_RECEIPT, self._receipts),
            (_INSERT_PROCESSED, self._processed),
            (_INSERT_PURCHASE, self._purchases),
            (APPLY_EVENT, self._events),
        ):
            if rows:
                connection.execute(statement, rows)


def find_processed(connection: Connection, ids: Collection[str]) -> dict[str, ProcessedMessage]:
    """Return those of these messages that were processed, by their ids."""
    rows = connection.execute(_PROCESSED, {"ids": list(ids)}) if ids else ()
    return {row.id: ProcessedMessage(row.body_sha256, row.receipt_id) for row in rows}


# Built once: building a statement takes several times as long as executing it.
_PROCESSED = select(
    col(ProcessedMessageRow.id),
    col(ProcessedMessageRow.body_sha256),
    col(ProcessedMessageRow.receipt_id),
).where(col(ProcessedMessageRow.id).in_(bindparam("ids", expanding=True)))
_INSERT_RECEIPT = insert(Receipt)
_INSERT_PROCESSED = insert(ProcessedMessageRow)
_INSERT_PURCHASE = insert(Purchase)
