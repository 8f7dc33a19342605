"""Finds what a URL names, and builds the 404 if it does not exist."""

import re
from datetime import UTC, datetime, timedelta

from litestar.exceptions import NotFoundException

from shop.config import Settings
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.exam.runs import ExamReport, ExamRuns
from shop.ids import first_id
from shop.webhooks.endpoints import registry

_DELIVERY_ID = re.compile(r"dlv_[0-9a-f]{32}", re.ASCII)


async def existing_endpoint(database: Database, endpoint_id: str) -> Endpoint:
    """Return the endpoint. Raise ``NotFoundException`` if it does not exist or is deleted."""
    async with database.reading() as session:
        endpoint = await registry.find(session, endpoint_id)
    if endpoint is None:
        raise no_such_endpoint(endpoint_id)
    return endpoint


async def existing_exam(exams: ExamRuns, exam_id: str) -> ExamReport:
    """Return the run of an exam. Raise ``NotFoundException`` if it does not exist here."""
    report = await exams.find(exam_id)
    if report is None:
        raise NotFoundException(f"there is no exam {exam_id!r}")
    return report


def no_such_endpoint(endpoint_id: str) -> NotFoundException:
    """Return the exception to raise for an unknown endpoint."""
    return NotFoundException(f"there is no endpoint {endpoint_id!r}")


def no_such_delivery(delivery_id: str, settings: Settings) -> NotFoundException:
    """Return the exception to raise for an unknown delivery, which may have been pruned."""
    if _is_too_old(delivery_id, settings.retention_days):
        return NotFoundException(
            f"delivery {delivery_id!r} does not exist any more: "
            f"succeeded deliveries are deleted after {settings.retention_days} days"
        )
    return NotFoundException(f"there is no delivery {delivery_id!r}")


def _is_too_old(delivery_id: str, days: int | None) -> bool:
    if days is None or not _DELIVERY_ID.fullmatch(delivery_id):
        return False
    return delivery_id < first_id("dlv", datetime.now(UTC) - timedelta(days=days))


def no_such_order(order_id: str) -> NotFoundException:
    """Return the exception to raise for an unknown order."""
    return NotFoundException(f"there is no order {order_id!r}")
