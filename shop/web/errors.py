"""The HTTP status of each of the shop's exceptions."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response

from hookshop.webkit.errors import Problem, answer
from hookshop.webkit.errors import exception_handlers as handlers_with
from shop.exam.runs import ExamUnderWay
from shop.orders.fulfilment import InvalidOrderState
from shop.orders.idempotency import IdempotencyKeyReused
from shop.orders.placing import UnknownProduct
from shop.sandboxes.emptying import StillFilling
from shop.sandboxes.registry import SandboxIdTaken, TooManySandboxes
from shop.sandboxes.settings import InvalidSetting
from shop.web.sandboxes.actions import BadSandboxId
from shop.webhooks.clock import AlreadyAdvancing, NothingToSkip, TooManyPending
from shop.webhooks.endpoints.registry import AlreadyRegistered, CannotPauseDisabled
from shop.webhooks.endpoints.secrets import TooManySecrets
from shop.webhooks.queries.deliveries import BadCursor
from shop.webhooks.rules.urls import UrlRefused


def exception_handlers() -> dict[int | type[Exception], Callable[..., Response[Any]]]:
    """Return the handlers for ``Litestar(exception_handlers=…)``."""
    return handlers_with(
        {
            UnknownProduct: 404,
            UrlRefused: 422,
            BadCursor: 400,
            InvalidOrderState: 409,
            IdempotencyKeyReused: 422,
            CannotPauseDisabled: 409,
            TooManySecrets: 409,
            SandboxIdTaken: 409,
            TooManySandboxes: 409,
            StillFilling: 409,
            BadSandboxId: 422,
            InvalidSetting: 422,
            ExamUnderWay: 409,
            AlreadyAdvancing: 409,
            NothingToSkip: 409,
            TooManyPending: 422,
            AlreadyRegistered: _answer_already_registered,
        },
        # A server that fails during a commit may have written the data.
        database_unavailable=(
            "the database is unavailable; try again with an Idempotency-Key, to order only once"
        ),
    )


def _answer_already_registered(
    request: Request[Any, Any, Any], error: AlreadyRegistered
) -> Response[Any]:
    return answer(request, Problem(409, str(error), endpoint_id=error.endpoint_id))
