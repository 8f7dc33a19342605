"""Databases of the previous version are upgraded, and the next order is delivered."""

import re
import sqlite3
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shop.config import Settings as ShopSettings
from subscriber_app.config import Settings as SubscriberSettings
from tests.contract.conftest import World, both, read
from tests.serving import free_port, port_of
from tests.waiting import eventually

pytestmark = pytest.mark.sqlite("the databases of the version before are files of SQLite")

DATA = Path(__file__).parents[1] / "data" / "upgrade"
PUBLIC_URL = "https://shop.example"
SHOP_PORT, SUBSCRIBER_PORT = "48764", "48765"  # in the files
# It encrypts the secrets in the file.
SECRETS_KEY = SecretStr("aG9va3Nob3AtdGVzdC1rZXktb2YtdmVyc2lvbi0wLjE=")
LAST_ROTATION = datetime(2026, 11, 30, 2, 37, 16, tzinfo=UTC)
MOMENT = re.compile(r"'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})'")
ABOUT_SECRETS = tuple(
    f'INSERT INTO "{table}"' for table in ("endpoint_secret", "former_secret", "subscription")
)


def restore(name: str, folder: Path, ports: dict[str, int]) -> None:
    """Restore the file of ``name`` for these ports, as of an hour after the last rotation."""
    text = (DATA / f"{name}.sql").read_text()
    for there, here in ports.items():
        text = text.replace(there, str(here))
    passed = datetime.now(UTC) - timedelta(hours=1) - LAST_ROTATION
    lines = [
        _moved(line, passed) if line.startswith(ABOUT_SECRETS) else line
        for line in text.split("\n")
    ]
    with sqlite3.connect(folder / f"{name}.db") as connection:
        connection.executescript("\n".join(lines))
    connection.close()


def _moved(line: str, passed: timedelta) -> str:
    """Return the line with all its times shifted."""

    def later(found: re.Match[str]) -> str:
        return f"'{datetime.fromisoformat(found[1]) + passed:%Y-%m-%d %H:%M:%S.%f}'"

    return MOMENT.sub(later, line)


@pytest.mark.parametrize("auto_register", [True, False])
async def test_after_an_upgrade_the_next_order_is_accepted_with_its_token(
    auto_register: bool, tmp_path: Path, sockets: ExitStack
) -> None:
    listening = (sockets.enter_context(free_port()), sockets.enter_context(free_port()))
    shop_port, subscriber_port = (port_of(each) for each in listening)
    for name in ("shop", "subscriber"):
        restore(name, tmp_path, {SHOP_PORT: shop_port, SUBSCRIBER_PORT: subscriber_port})
    shop_settings = ShopSettings(
        HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
        port=shop_port,
        public_url=PUBLIC_URL,
        secrets_key=SECRETS_KEY,
    )
    subscriber_settings = SubscriberSettings(
        HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
        port=subscriber_port,
        shop_url=f"http://127.0.0.1:{shop_port}",
        auto_register=auto_register,
    )
    our_url = subscriber_settings.webhook_url

    async with both(shop_settings, subscriber_settings, listening) as world:
        endpoints = (await read(world.shop, "/v1/webhooks"))["data"]
        [ours] = [each["id"] for each in endpoints if each["webhook_url"] == our_url]
        await eventually(lambda: knows_issuer(world), "the subscriber knows the shop's issuer")

        delivery = await deliver_to(world, ours, await world.buy(mug=1))

        secrets = (await read(world.shop, f"/v1/webhooks/{ours}"))["secrets"]
        before, after = await world.receipts()
    assert (len(endpoints), len(secrets)) == (7, 3)
    assert (delivery["state"], after["verdict"]) == ("succeeded", "accepted")
    assert after["message_id"] == delivery["message_id"] != before["message_id"]
    assert {step["name"]: step["result"] for step in after["steps"]}["token"] == "passed"


async def knows_issuer(world: World) -> bool:
    return PUBLIC_URL in (await world.subscriber.get("/subscription")).text


async def deliver_to(world: World, endpoint_id: str, order: dict[str, Any]) -> dict[str, Any]:
    """Make the first attempt of the order's delivery to this endpoint; return the delivery."""
    deliveries = [await read(world.shop, f"/v1/deliveries/{id_}") for id_ in order["delivery_ids"]]
    [delivery_id] = [each["id"] for each in deliveries if each["endpoint_id"] == endpoint_id]
    for each in deliveries:
        if each["endpoint_id"] != endpoint_id:  # the others have to wait
            path = f"/v1/webhooks/{each['endpoint_id']}"
            paused = await world.shop.patch(path, json={"status": "paused"})
            assert paused.status_code == 200
    await world.deliver_due()
    return await read(world.shop, f"/v1/deliveries/{delivery_id}")
