"""An application behind a proxy that takes the path of the public URL off, without sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import httpx
from litestar import Litestar
from litestar.types import Receive, Scope, Send

from tests.integration.subscriber.conftest import started


@asynccontextmanager
async def under_a_path(app: Litestar, public_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Start the application, and yield a client whose URLs begin with ``public_url``."""
    path = urlsplit(public_url).path

    async def without_path(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith(f"{path}/"), f"{scope['path']} is not below {path}"
        inner = cast(Scope, {**scope, "path": scope["path"].removeprefix(path)})
        await app(inner, receive, send)

    transport = httpx.ASGITransport(without_path)  # type: ignore[arg-type]
    async with (
        started(app),
        httpx.AsyncClient(transport=transport, base_url=public_url) as client,
    ):
        yield client
