"""Steps with sandboxes of the subscriber, over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from pydantic import SecretStr

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.sandboxes import Sandboxes
from tests.integration.subscriber.conftest import (
    Client,
    Clock,
    remember_subscription,
    settings_below,
)
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import Delivery
from tests.programs import async_client
from tests.serving import free_port, port_of, serving

TOKEN = "correct horse battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(slots=True)
class Lab:
    """A subscriber on a real port. ``main``: a client of it. ``shop``: its fake shop."""

    app: Litestar
    settings: Settings
    main: Client
    shop: FakeShop
    clients: AsyncExitStack

    @property
    def sandboxes(self) -> Sandboxes:
        sandboxes: Sandboxes = self.app.state.sandboxes.all
        return sandboxes

    @property
    def folder(self) -> Path:
        return self.settings.var / "subscriber.db.sandboxes"

    async def post(self, **wanted: Any) -> httpx.Response:
        """Ask for a sandbox, by default one of the shop's main."""
        return await self.main.post("/v1/sandboxes", json={"shop_url": self.shop.url, **wanted})

    async def make(self, id_: str, **wanted: Any) -> "Learner":
        """Make a sandbox, and return a client in it."""
        answer = await self.post(id=id_, **wanted)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        url = f"{self.main.base_url}/s/{id_}"
        client = async_client(url)
        await self.clients.enter_async_context(client)
        endpoint = self.shop.endpoints.get(made["endpoint_id"]) or {}
        return Learner(client, made, endpoint.get("secret", ""))

    async def exists(self, id_: str) -> bool:
        return (await self.main.get(f"/v1/sandboxes/{id_}")).status_code == 200

    def files(self) -> set[str]:
        """Return the databases of sandboxes."""
        return {path.name for path in self.folder.glob("*.db") if not path.name.startswith("_")}


@dataclass(slots=True)
class Learner:
    """A client in a sandbox. ``made``: the response to its creation. ``secret``: the shop's."""

    client: Client
    made: dict[str, Any]
    secret: str

    async def receive(self, message_id: str = "msg_1", **parts: Any) -> dict[str, Any]:
        """Deliver a genuine webhook to the sandbox, and return the response."""
        sent = Delivery(
            message_id=message_id, secret=self.secret, audience=self.made["receiver_url"], **parts
        )
        answer = await deliver(self.client, sent)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


@asynccontextmanager
async def running_lab(
    folder: Path,
    clock: Clock,
    shop: FakeShop,
    *,
    admin_token: str | None = None,
    is_restarted: bool = False,
    **changes: Any,
) -> AsyncIterator[Lab]:
    """A subscribed subscriber, on a real port. ``is_restarted``: it has subscribed earlier."""
    with free_port() as listening:
        port = port_of(listening)
        settings = settings_below(folder).model_copy(
            update={
                "port": port,
                "public_url": f"http://127.0.0.1:{port}",
                "shop_url": shop.url,
                "admin_token": SecretStr(admin_token) if admin_token else None,
                **changes,
            }
        )
        app = create_app(settings, now=clock)
        async with (
            serving(app, listening) as url,
            AsyncExitStack() as clients,
            async_client(url) as main,
        ):
            if not is_restarted:
                await remember_subscription(settings, clock())
            yield Lab(app, settings, main, shop, clients)


async def receipts_of(learner: Learner) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await learner.client.get("v1/receipts")).json()["data"]
    return listed
