"""The OpenAPI documents of both applications are fit for client generators."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from hookshop.webkit.openapi import openapi_document
from shop.vocabulary import AttemptError, DeliveryState
from shop.web.api import api_info as shop_info
from shop.webhooks.engine.after_attempt import INTERNAL_ERROR
from shop.webhooks.engine.http_client import _ERROR_NAMES
from subscriber_app.web.api import api_info as subscriber_info
from tests.applications import unstarted_shop, unstarted_subscriber

pytestmark = pytest.mark.one_database("is about the documents")

Json = dict[str, Any]


def documents() -> dict[str, Json]:
    return {
        "shop": openapi_document(unstarted_shop(), shop_info),
        "subscriber": openapi_document(unstarted_subscriber(), subscriber_info),
    }


DOCUMENTS = documents()
SHOP, SUBSCRIBER = DOCUMENTS["shop"], DOCUMENTS["subscriber"]


def operations(document: Json) -> dict[str, Json]:
    return {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
    }


EVERY_OPERATION = [
    pytest.param(document, operation, id=name)
    for document in DOCUMENTS.values()
    for name, operation in operations(document).items()
]


def bodies(operation: Json) -> Iterator[tuple[str, Json]]:
    """Yield the media type and the description of each body of the operation."""
    for described in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from described.get("content", {}).items()


def test_operations_have_the_names_that_a_client_has() -> None:
    assert set(operations(SHOP)) == {
        "registerEndpoint",
        "listEndpoints",
        "getEndpoint",
        "changeEndpoint",
        "deleteEndpoint",
        "pingEndpoint",
        "rotateSecret",
        "recoverEndpoint",
        "listRefusedRegistrations",
        "listProducts",
        "listOrders",
        "placeOrder",
        "getOrder",
        "shipOrder",
        "refundOrder",
        "listDeliveries",
        "getDelivery",
        "resendDelivery",
        "cancelDelivery",
        "getStats",
        "getQuiescence",
        "advanceClock",
        "getClock",
        "startExam",
        "listExams",
        "getExam",
        "stopExam",
        "recordEffect",
        "createSandbox",
        "listSandboxes",
        "getSandbox",
        "changeSandbox",
        "dropSandbox",
        "resetSandbox",
    }
    assert set(operations(SUBSCRIBER)) == {
        "receiveWebhook",
        "listReceipts",
        "getReceipt",
        "deleteReceipts",
        "getStats",
        "getFault",
        "setFault",
        "getDefences",
        "setDefences",
        "changeDefences",
        "getSubscription",
        "subscribe",
        "rotateSecret",
        "unsubscribe",
        "listMissions",
        "getMission",
        "startMission",
        "restartMission",
        "skipMission",
        "checkReceiver",
        "getOwnReceiver",
        "setOwnReceiver",
        "removeOwnReceiver",
        "resetMissions",
        "advanceClock",
        "getClock",
        "createSandbox",
        "listSandboxes",
        "getSandbox",
        "changeSandbox",
        "dropSandbox",
        "resetSandbox",
    }


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_an_operation_id_is_unique_and_head_is_no_operation(document: Json) -> None:
    methods = [method for item in document["paths"].values() for method in item]

    assert len(operations(document)) == len(methods)
    assert "head" not in methods


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_schemas_have_plain_names_and_every_reference_leads_to_one(document: Json) -> None:
    named = document["components"]["schemas"]

    assert not [name for name in named if re.search(r"Document|RequestBody|_", name)]
    assert set(re.findall(r"'#/components/schemas/(\w+)'", str(document))) == set(named)
    assert "Problem" in named


@pytest.mark.parametrize(("document", "operation"), EVERY_OPERATION)
def test_an_operation_has_a_sentence_a_tag_and_a_sentence_for_each_parameter_and_status(
    document: Json, operation: Json
) -> None:
    described = [*operation.get("parameters", []), *operation["responses"].values()]

    assert operation["summary"]
    assert "``" not in operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}
    assert not [
        each for each in described if not each.get("description") and each.get("in") != "path"
    ]


@pytest.mark.parametrize(("document", "operation"), EVERY_OPERATION)
def test_every_body_has_an_example_that_is_as_described(document: Json, operation: Json) -> None:
    for _media_type, body in bodies(operation):
        schema = {**body["schema"], "components": document["components"]}
        assert list(jsonschema_rs.iter_errors(schema, body["example"])) == []


@pytest.mark.parametrize(("document", "operation"), EVERY_OPERATION)
def test_every_error_is_a_problem(document: Json, operation: Json) -> None:
    for status, response in operation["responses"].items():
        if not status.startswith("2"):
            [(media_type, body)] = response["content"].items()
            assert media_type == "application/problem+json"
            schema = body["schema"]["$ref"].rpartition("/")[2]
            assert schema.endswith("Problem")
            assert "detail" in document["components"]["schemas"][schema]["required"]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("cancelDelivery", "200 400 401 403 404 409 415 429 503"),
        ("registerEndpoint", "201 400 401 403 409 413 415 422 429 503"),
        ("placeOrder", "201 400 403 404 413 415 422 429 503"),
        ("listProducts", "200 400 403 503"),
        ("deleteEndpoint", "204 400 401 403 404 429 503"),
        ("createSandbox", "201 400 401 403 409 413 415 422 429 503"),
        ("changeSandbox", "200 400 401 403 404 413 415 422 429 503"),
        ("dropSandbox", "204 400 401 403 404 429 503"),
        ("resetSandbox", "200 400 401 403 409 413 415 429 503"),
    ],
)
def test_every_status_that_can_come_is_documented(name: str, statuses: str) -> None:
    assert sorted(operations(SHOP)[name]["responses"]) == statuses.split()


def test_the_receiver_documents_the_reasons_of_each_status_and_any_status_of_a_fault() -> None:
    responses = operations(SUBSCRIBER)["receiveWebhook"]["responses"]

    assert list(responses) == ["200", "400", "401", "408", "409", "413", "415", "503", "default"]
    assert "`signature_mismatch`" in responses["401"]["description"]


def test_a_call_needs_the_token_unless_it_is_open_to_all() -> None:
    [(scheme, described)] = SHOP["components"]["securitySchemes"].items()
    security = {name: each["security"] for name, each in operations(SHOP).items()}

    assert (described["type"], described["scheme"]) == ("http", "bearer")
    assert "SHOP_ADMIN_TOKEN" in described["description"]
    assert security.pop("listProducts") == security.pop("recordEffect") == []
    assert security.pop("placeOrder") == security.pop("getOrder") == [{}, {scheme: []}]
    assert set(map(str, security.values())) == {str([{scheme: []}])}
    assert operations(SUBSCRIBER)["receiveWebhook"]["security"] == []


def test_a_client_learns_where_the_time_to_wait_is() -> None:
    responses = operations(SHOP)["cancelDelivery"]["responses"]

    assert list(responses["429"]["headers"]) == list(responses["503"]["headers"]) == ["Retry-After"]


def test_only_bodies_whose_fields_all_have_defaults_may_be_left_out() -> None:
    optional = {
        (app, name)
        for app, document in DOCUMENTS.items()
        for name, operation in operations(document).items()
        if "requestBody" in operation and not operation["requestBody"]["required"]
    }

    assert optional == {
        ("shop", "rotateSecret"),
        ("shop", "createSandbox"),
        ("shop", "resetSandbox"),
        ("subscriber", "resetSandbox"),
        ("subscriber", "subscribe"),
    }


def test_states_are_enums_and_times_are_date_times() -> None:
    schemas = SHOP["components"]["schemas"]
    delivery = schemas["Delivery"]["properties"]

    assert delivery["state"]["$ref"].endswith("/DeliveryState")
    assert set(schemas["DeliveryState"]["enum"]) == set(DeliveryState)
    assert delivery["created_at"]["format"] == "date-time"
    [since, _endpoint_id] = operations(SHOP)["getStats"]["parameters"]
    assert since["schema"]["format"] == "date-time"
    assert set(schemas["Delivery"]["required"]) == set(delivery)


def test_every_error_of_an_attempt_is_documented() -> None:
    assert set(AttemptError) == {name for name, _types in _ERROR_NAMES} | {INTERNAL_ERROR}
