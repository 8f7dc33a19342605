"""The parts of one subscriber: of ``main``, or of a sandbox.

All that a subscriber stores is in one database, and ``build_parts`` is the only place that opens
it. So no part can read or change another sandbox, whatever its queries are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.sandbox_rules import sandbox_prefix
from hookshop.webkit.sqlite import MAX_IDLE_CONNECTIONS
from subscriber_app.config import RECEIVER_PATH, Settings
from subscriber_app.connections import SharedConnections
from subscriber_app.database.models import Sandbox
from subscriber_app.database.transactions import Database, DatabaseFolder
from subscriber_app.explaining.order_contents import OrderContents
from subscriber_app.explaining.trace_builder import TraceBuilder
from subscriber_app.faults import Faults, WorkerCrash
from subscriber_app.lab.attack_desk import AttackDesk
from subscriber_app.missions.checks import Checks
from subscriber_app.missions.missions import Missions
from subscriber_app.missions.own_receiver import OwnReceivers
from subscriber_app.missions.reader import FactsReader
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.inbox import Inbox
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.clock import ShopClock
from subscriber_app.shop_api.money import ShopTotalsPoller
from subscriber_app.shop_api.poller import Poller
from subscriber_app.shop_api.subscription import Subscriptions


@dataclass(frozen=True, slots=True)
class Site:
    """Where one subscriber is, and which shop it belongs to.

    ``sandbox``: its id; None for ``main``. ``base_url``: for others. ``local_url``: on this
    machine. All URLs are without a slash at the end. ``shop_token``: of the shop or of its sandbox,
    if it requires one. ``crash_request``: see ``WorkerCrash``.
    """

    sandbox: str | None
    base_url: str
    local_url: str
    database_url: str
    shop_url: str
    shop_token: SecretStr | None
    crash_request: Path | None = None

    @classmethod
    def of_main(cls, settings: Settings) -> "Site":
        """Return where ``main`` is."""
        return cls(
            None,
            settings.base_url,
            settings.local_url,
            settings.resolved_database_url,
            settings.shop_url,
            settings.shop_token,
            settings.crash_request,
        )

    @classmethod
    def of_sandbox(cls, sandbox: Sandbox, settings: Settings, encryption: Encryption) -> "Site":
        """Return where a sandbox is. Without its token, if the key does not decrypt it."""
        prefix = sandbox_prefix(sandbox.id)
        encrypted = sandbox.encrypted_shop_token
        is_readable = encrypted is not None and encryption.can_decrypt(encrypted)
        return cls(
            sandbox.id,
            settings.base_url + prefix,
            settings.local_url + prefix,
            DatabaseFolder(settings.resolved_database_url).url(sandbox.id),
            sandbox.shop_url,
            SecretStr(encryption.decrypt(encrypted)) if encrypted and is_readable else None,
        )

    @property
    def webhook_url(self) -> str:
        """The URL to register with the shop, which tokens must name as their audience."""
        return self.base_url + RECEIVER_PATH


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sandboxes share. ``now``: returns the current time in UTC."""

    encryption: Encryption
    connections: SharedConnections
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class SubscriberParts:
    """The parts of one subscriber. They are opened and closed together."""

    site: Site
    database: Database
    feed: LocalChangeFeed
    faults: Faults
    defences: DefenceSwitches
    inbox: Inbox
    attack_desk: AttackDesk
    shop: ShopClient
    shop_totals: ShopTotalsPoller
    subscriptions: Subscriptions
    shop_clock: ShopClock
    trace_builder: TraceBuilder
    order_contents: OrderContents
    own_receivers: OwnReceivers
    missions: Missions
    poller: Poller

    async def open(self) -> None:
        """Create or upgrade the tables, and load what is stored. Raise ``WrongSchema``."""
        await self.database.create_tables()
        await self.faults.load()
        await self.defences.load()
        await self.missions.load()
        await self.poller.load()

    async def close(self) -> None:
        """End the tasks, and close the database."""
        await self.missions.close()
        await self.poller.close()
        await self.shop_clock.close()
        await self.subscriptions.close()
        await self.shop_totals.close()
        await self.inbox.close()
        await self.database.close()

    async def close_for_good(self) -> None:
        """End all streams and tasks. Whatever is under way writes nothing any more."""
        self.feed.end_streams()
        await self.database.shut()
        await self.close()


def build_parts(
    site: Site, shared: Shared, *, idle_connections: int = MAX_IDLE_CONNECTIONS
) -> SubscriberParts:
    """Return the parts of the subscriber at ``site``, not opened yet."""
    encryption, now = shared.encryption, shared.now
    database = Database(site.database_url, encryption, idle_connections=idle_connections)
    feed = LocalChangeFeed()
    faults = Faults(database, feed, WorkerCrash(site.crash_request, feed))
    defences = DefenceSwitches(database, feed)
    shop = ShopClient(shared.connections, site.shop_url, token=site.shop_token)
    webhook_url = site.webhook_url
    shop_totals = ShopTotalsPoller(shop, database, feed)
    own_receivers = OwnReceivers(database, shop, feed, encryption, now)
    checks = Checks(shop, own_receivers, now)
    facts = FactsReader(
        database,
        shop,
        shop_totals,
        faults=faults,
        defences=defences,
        own_receivers=own_receivers,
        checks=checks,
        encryption=encryption,
        now=now,
    )
    subscriptions = Subscriptions(
        database, shop, feed, encryption, webhook_url=webhook_url, now=now
    )
    return SubscriberParts(
        site,
        database,
        feed,
        faults,
        defences,
        Inbox(database, feed, faults, defences, encryption, webhook_url=webhook_url, now=now),
        AttackDesk(
            database,
            defences,
            faults,
            encryption,
            shared.connections,
            local_url=site.local_url,
            webhook_url=webhook_url,
            now=now,
        ),
        shop,
        shop_totals,
        subscriptions,
        ShopClock(shop, subscriptions, feed),
        TraceBuilder(database, shop, webhook_url=webhook_url, now=now),
        OrderContents(database, shop),
        own_receivers,
        Missions(database, feed, facts, checks, now, worker_crash=faults.worker_crash),
        Poller(database, shop, feed, now),
    )
