"""The docs name the metrics, pages and fields that are there, and their example test passes."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from tests.contract.conftest import World, read
from tests.documents import DOCUMENTS, code_block, code_blocks, page, without_code

pytestmark = pytest.mark.one_database("is about the docs")

# Once documented, a field keeps its name.
FIELDS = {
    *("id", "webhook_url", "event_types", "description", "status", "secret", "secret_id", "issuer"),
    *("created_at", "secrets", "expires_at", "replace_oldest", "grace_seconds", "since", "dry_run"),
    *("count", "resent", "created", "subscribers", "delivery_ids", "items", "product_id"),
    *("quantity", "decided_at", "due_at", "delay", "enqueued_at", "timings", "trigger"),
    *("gross_cents", "refunded_cents", "revenue_cents", "counted_cents", "counted_since"),
    *("mode", "retry_after", "location", "seconds", "percent", "seed", "script", "position"),
    *("fault", "timestamp", "signature", "token", "raw_body", "deduplication"),
    *("data", "next_cursor", "detail", "endpoint_id"),
}
# In webhooks, tokens and problem documents, which OpenAPI does not describe.
FIELDS_ELSEWHERE = {
    *("event", "type", "value", "order_id", "date", "alg", "typ", "kid"),
    *("iss", "aud", "jti", "iat", "exp", "payload_hash", "detail", "endpoint_id"),
}


async def test_the_docs_name_every_metric(world: World) -> None:
    documented = set(re.findall(r"`(hookshop_[a-z_]+)", page("operations")))

    assert await metrics(world.shop) | await metrics(world.subscriber) <= documented


async def metrics(client: httpx.AsyncClient) -> set[str]:
    lines = (await client.get("/metrics")).raise_for_status().text
    samples = re.findall(r"^(\w+)[{ ]", lines, flags=re.MULTILINE)
    assert samples
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in samples}


async def test_every_page_that_the_docs_name_is_there_under_that_name(world: World) -> None:
    named = re.findall(r"\[([\w ]+)\]\(http://127\.0\.0\.1:(800[01])(/[^\s)]*)\)", _prose())
    bare = re.findall(r"<()http://127\.0\.0\.1:(800[01])([^\s>]*)>", _prose())

    assert named
    for name, port, path in {*named, *bare}:
        client = world.shop if port == "8000" else world.subscriber
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert name.lower() in answer.text.lower()


def _prose() -> str:
    return "".join(without_code(document.read_text()) for document in DOCUMENTS)


async def test_the_json_fields_in_the_docs_are_those_of_the_apis(world: World) -> None:
    pages = "".join(page(name) for name in ("contract", "api", "faults", "guarantees"))
    in_json = set(re.findall(r'"([a-z_]+)":', pages))
    named = in_json | set(re.findall(r'`"?([a-z_]+)"?`', pages))
    exist = {
        *_fields(await read(world.shop, "/schema/openapi.json")),
        *_fields(await read(world.subscriber, "/schema/openapi.json")),
    }

    assert in_json - exist - FIELDS_ELSEWHERE == set()
    assert FIELDS - exist - FIELDS_ELSEWHERE == set()
    assert FIELDS - named == set()


def _fields(schema: Any) -> Iterator[str]:
    """Yield the names of all properties in an OpenAPI document."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from _fields(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _fields(part)


async def test_the_test_in_the_docs_passes(world: World) -> None:
    namespace: dict[str, Any] = {}
    exec(code_block(page("testing"), "python", "import httpx"), namespace)
    namespace |= {"SHOP": str(world.shop.base_url), "SUBSCRIBER": str(world.subscriber.base_url)}

    running = asyncio.create_task(asyncio.to_thread(namespace["test_a_failed_webhook_is_retried"]))
    while not running.done():
        await world.deliver_due()

    await running


def test_the_yaml_in_the_docs_of_testing_is_a_job_and_a_service() -> None:
    job, for_typescript, compose = map(yaml.safe_load, code_blocks(page("testing"), "yaml"))

    steps = job["jobs"]["test"]["steps"]
    assert "pytest --numprocesses 2" in [step.get("run") for step in steps]
    assert "npx playwright test" in [step.get("run") for step in for_typescript["steps"]]
    settings = compose["services"]["hookshop"]["environment"]
    assert set(settings) <= set(re.findall(r"`([A-Z_]+)`", page("settings")))
