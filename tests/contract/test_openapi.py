"""The docs' tables of API calls and the OpenAPI documents of both applications agree."""

import re

import httpx
import pytest

from tests.contract.conftest import World, read
from tests.documents import page

pytestmark = pytest.mark.one_database("is about the documents")

METHODS = ("get", "post", "put", "patch", "delete")


def calls_in_the_docs(introduction: str) -> set[tuple[str, str]]:
    """Return method and path of every call in the table after this text."""
    table = page("api").split(introduction)[1].split("\n\n")[0]
    found = re.findall(r"`([A-Z]+)(?:`, `([A-Z]+))? (/v1/[^`?]*)", table)
    return {
        (method.lower(), _nameless(path))
        for *methods, path in found
        for method in methods
        if method
    }


async def calls_in_openapi(client: httpx.AsyncClient) -> set[tuple[str, str]]:
    paths = (await read(client, "/schema/openapi.json"))["paths"]
    return {
        (method, _nameless(path))
        for path, operations in paths.items()
        for method in operations
        if method in METHODS
    }


def _nameless(path: str) -> str:
    """Remove the names of path parameters, so that ``{order_id}`` equals ``{id}``."""
    return re.sub(r"\{.*?\}", "{}", path)


async def test_the_docs_list_every_call_of_the_shop(world: World) -> None:
    assert calls_in_the_docs("## The shop\n") == await calls_in_openapi(world.shop)


async def test_the_docs_list_every_call_of_the_subscriber(world: World) -> None:
    listed = calls_in_the_docs("## The subscriber\n")

    assert listed == await calls_in_openapi(world.subscriber)
