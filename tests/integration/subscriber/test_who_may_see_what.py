"""With SUBSCRIBER_ADMIN_TOKEN set: every route, for each kind of visitor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import httpx
from litestar import Litestar
from pydantic import SecretStr

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.database.models import OwnReceiver
from subscriber_app.database.transactions import Database
from subscriber_app.lab.attacks import Attack
from tests.integration.subscriber.conftest import (
    NOBODY,
    Clock,
    encryption_of,
    remember_subscription,
    settings_below,
)
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import SECRET, SHOP_URL
from tests.pages import Visitor
from tests.programs import async_client
from tests.serving import free_port, port_of, serving
from tests.who_may_see_what import BEARER, TOKEN, Scene, Who, walk

FORMS = {
    "/login": {"admin_token": "wrong"},
    "/appearance": {"theme": "dark"},
}
OWN_RECEIVER = "http://own-receiver.example/hook"
BODIES: dict[str, object] = {"/v1/new-purchase": {}}


@asynccontextmanager
async def serving_subscriber(
    folder: Path, clock: Clock, admin_token: SecretStr | None
) -> AsyncIterator[tuple[Litestar, str]]:
    with free_port() as listening:
        changes = {"port": port_of(listening), "admin_token": admin_token}
        settings = settings_below(folder).model_copy(update=changes)
        app = create_app(settings, now=clock)
        async with serving(app, listening) as url:
            await remember_subscription(settings, clock())
            await remember_own_receiver(settings, clock())
            yield app, url


async def remember_own_receiver(settings: Settings, created_at: datetime) -> None:
    database = Database(settings.resolved_database_url)
    async with database.writing() as session:
        session.add(
            OwnReceiver(
                endpoint_id="ep_2",
                webhook_url=OWN_RECEIVER,
                encrypted_secret=encryption_of(settings).encrypt(SECRET),
                is_registered_here=True,  # so that without a shop, it cannot be removed
                created_at=created_at,
            )
        )
    await database.close()


async def set_the_scene(admin: httpx.AsyncClient) -> Scene:
    """Receive a webhook and attack with it."""
    receipt_id = (await deliver(admin)).json()["receipt_id"]
    path = f"/receipts/{receipt_id}/attacks/{Attack.AMOUNT.value}"
    result = await Visitor(admin).submit(path, f"/receipts/{receipt_id}")
    receipt = (await admin.get(f"/v1/receipts/{receipt_id}", headers=BEARER)).json()
    attack_id = result.answer.headers["location"].rpartition("/")[2]
    body = {"shop_url": NOBODY, "subscribe": False, "id": "lesson-7"}
    assert (await admin.post("/v1/sandboxes", json=body, headers=BEARER)).status_code == 201
    ids = {
        "receipt_id": receipt_id,
        "name": "verify",
        "guide": "python",
        "page": "exam",
        "file": "receiver.py",
        "attack_id": attack_id,
        "attack": Attack.AMOUNT.value,
        "sandbox_id": "lesson-7",
        "number": "4",
    }
    paths = {"file_path": "css/base.css", "path": "nowhere"}
    private = (receipt["message_id"], receipt_id, attack_id, SECRET, SHOP_URL, "ep_1", OWN_RECEIVER)
    queries = {"/story/live": {"message_id": receipt["message_id"]}}
    return Scene(ids | paths, private, FORMS, BODIES, queries)


async def test_each_visitor_sees_what_the_table_says(tmp_path: Path, clock: Clock) -> None:
    async with serving_subscriber(tmp_path, clock, SecretStr(TOKEN)) as (app, url):
        async with async_client(url) as admin:
            await Visitor(admin).submit("/login", "/login", admin_token=TOKEN)
            scene = await set_the_scene(admin)
        visitors = [who for who in Who if who is not Who.ANYBODY]

        shown = await walk(app, "subscriber", url, scene, visitors)

    of_the_admin = "".join(text for (who, _), text in shown.items() if who == Who.PERSON)
    assert scene.private[0] in of_the_admin  # or else the walk would prove nothing


async def test_without_a_token_everybody_sees_everything(tmp_path: Path, clock: Clock) -> None:
    async with serving_subscriber(tmp_path, clock, None) as (app, url):
        async with async_client(url) as anybody:
            scene = await set_the_scene(anybody)

        await walk(app, "subscriber", url, scene, [Who.ANYBODY])
