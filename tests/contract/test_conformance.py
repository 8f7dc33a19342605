"""Schemathesis calls both JSON APIs as their OpenAPI documents say, and checks each response.

The requests are always the same ones: of each operation the documented example, some that are as
documented, and some that are not.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hookshop.webkit.waiting import MAX_WAIT_SECONDS
from tests.contract.conftest import World, read

pytestmark = pytest.mark.one_database("is about the documents")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
GATEWAY_TIMEOUT = 504
EXAMPLES = 4  # of each operation and mode
SLOW = {"deleteReceipts": 1}  # it waits for the next second
# An exam of a receiver that nobody can reach.
NOBODY = {"url": "http://127.0.0.1:1025/hook", "secret": "whsec_" + "AAAA" * 8}
# They spoil the data for others.
LAST = (
    # It needs a mission that is started, and a receiver.
    *("startMission", "checkReceiver", "getOwnReceiver", "removeOwnReceiver"),
    *("getSubscription", "rotateSecret", "unsubscribe"),  # subscribing comes before
    *("refundOrder", "deleteEndpoint", "setFault", "deleteReceipts"),
    *("dropSandbox", "resetSandbox"),
)

Operation = APIOperation[Any, Any, Any, Any]
Calls = Counter[tuple[str, int]]


async def test_the_shop_responds_as_its_openapi_document_says(world: World) -> None:
    await world.deliver(await world.buy(mug=1))
    waiting = await world.buy(hook=2)
    [newest, _delivered] = (await read(world.shop, "/v1/deliveries"))["data"]
    ids = {
        "order_id": waiting["id"],
        "delivery_id": newest["id"],
        "endpoint_id": newest["endpoint_id"],
        "sandbox_id": "lesson-1",
        "exam_id": (await world.shop.post("/v1/exams", json=NOBODY)).json()["id"],
    }
    await world.shop.post("/v1/sandboxes", json={"id": ids["sandbox_id"]})

    calls = await asyncio.to_thread(call_everything, str(world.shop.base_url), ids)

    assert without_success(calls) == {"recordEffect"}  # that exam has finished


async def test_the_subscriber_responds_as_its_openapi_document_says(world: World) -> None:
    await world.deliver(await world.buy(mug=1))
    [receipt] = await world.receipts()

    ids = {"receipt_id": receipt["id"], "sandbox_id": "lesson-1", "number": "build-4"}
    made = {"id": ids["sandbox_id"], "shop_url": str(world.shop.base_url), "subscribe": False}
    assert (await world.subscriber.post("/v1/sandboxes", json=made)).status_code == 201

    calls = await asyncio.to_thread(call_everything, str(world.subscriber.base_url), ids)

    # Nothing here signs, and the documented example names another shop.
    assert without_success(calls) == {"receiveWebhook", "createSandbox"}


def call_everything(url: str, ids: Mapping[str, str]) -> Calls:
    """Call every operation, and return how often each one was answered with each status."""
    calls: Calls = Counter()
    for operation in operations(url):
        call_with_example(operation, ids, calls)
        call_often(operation, GenerationMode.POSITIVE, ids, calls)
        if operation.query or operation.body:  # any id in a path is as documented
            call_often(operation, GenerationMode.NEGATIVE, ids, calls)
    return calls


def operations(url: str) -> Iterator[Operation]:
    schema = schemathesis.openapi.from_url(f"{url}/schema/openapi.json")
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    yield from sorted(
        found, key=lambda each: LAST.index(name_of(each)) if name_of(each) in LAST else -1
    )


def call_with_example(operation: Operation, ids: Mapping[str, str], calls: Calls) -> None:
    documented = operation.definition.raw.get("requestBody")
    body = documented and documented["content"]["application/json"]["example"]
    case = operation.Case(
        path_parameters={each.name: ids[each.name] for each in operation.path_parameters},
        **({"body": body, "media_type": "application/json"} if body else {}),
    )
    call_and_check(case, operation, calls)


def call_often(
    operation: Operation, mode: GenerationMode, ids: Mapping[str, str], calls: Calls
) -> None:
    name = name_of(operation)

    @settings(
        max_examples=SLOW.get(name, EXAMPLES),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters.update((each, ids[each]) for each in case.path_parameters)
        call_and_check(case, operation, calls)

    call()


def call_and_check(case: schemathesis.Case[Any], operation: Operation, calls: Calls) -> None:
    answer_at_once(case)
    response = case.call()
    calls[name_of(operation), response.status_code] += 1
    # 504 is no failure of the server: with strict=1, a fact has not come in time.
    is_timeout = response.status_code == GATEWAY_TIMEOUT
    case.validate_response(response, checks=CHECKS[1:] if is_timeout else CHECKS)


def answer_at_once(case: schemathesis.Case[Any]) -> None:
    """Take the time out of calls that wait for a fact."""
    seconds = case.query.get("wait") if case.query else None
    if isinstance(seconds, int | float) and 0 <= seconds <= MAX_WAIT_SECONDS:
        case.query["wait"] = 0


def name_of(operation: Operation) -> str:
    return str(operation.definition.raw["operationId"])


def without_success(calls: Calls) -> set[str]:
    names = {name for name, _status in calls}
    return names - {name for name, status in calls if status < 300}
