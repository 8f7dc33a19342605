"""The dependencies that handlers can request by name; ``app`` provides them."""

from collections.abc import Callable
from datetime import datetime

from litestar.di import NamedDependency

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.sandboxes import CreationBrake
from subscriber_app.config import Settings
from subscriber_app.database.transactions import Database
from subscriber_app.explaining.order_contents import OrderContents
from subscriber_app.explaining.trace_builder import TraceBuilder
from subscriber_app.faults import Faults
from subscriber_app.lab.attack_desk import AttackDesk
from subscriber_app.missions.missions import Missions
from subscriber_app.missions.own_receiver import OwnReceivers
from subscriber_app.parts import Site, SubscriberParts
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.inbox import Inbox
from subscriber_app.sandboxes import Sandboxes
from subscriber_app.shop_api.clock import ShopClock
from subscriber_app.shop_api.money import ShopTotalsPoller
from subscriber_app.shop_api.subscription import Subscriptions
from subscriber_app.web.receipt_view import ReceiptViews
from subscriber_app.web.sandbox_maker import SandboxMaker

# These are parts of the sandbox of the request: see ``parts.SubscriberParts``.
PARTS_OF_HANDLERS = (
    "site",
    "database",
    "feed",
    "inbox",
    "missions",
    "own_receivers",
    "attack_desk",
    "defences",
    "faults",
    "shop_totals",
    "trace_builder",
    "order_contents",
    "subscriptions",
    "shop_clock",
)

TheSettings = NamedDependency[Settings]
TheParts = NamedDependency[SubscriberParts]  # of the sandbox of the request
TheSandboxes = NamedDependency[Sandboxes]
TheSandboxMaker = NamedDependency[SandboxMaker]
TheCreationBrake = NamedDependency[CreationBrake]
TheSite = NamedDependency[Site]
TheDatabase = NamedDependency[Database]
TheEncryption = NamedDependency[Encryption]
TheFeed = NamedDependency[LocalChangeFeed]
TheInbox = NamedDependency[Inbox]
TheMissions = NamedDependency[Missions]
TheOwnReceivers = NamedDependency[OwnReceivers]
TheAttackDesk = NamedDependency[AttackDesk]
TheDefences = NamedDependency[DefenceSwitches]
TheFaults = NamedDependency[Faults]
TheReceiptViews = NamedDependency[ReceiptViews]
TheShopTotals = NamedDependency[ShopTotalsPoller]
TheTraceBuilder = NamedDependency[TraceBuilder]
TheOrderContents = NamedDependency[OrderContents]
TheSubscriptions = NamedDependency[Subscriptions]
TheShopClock = NamedDependency[ShopClock]
TheClock = NamedDependency[Callable[[], datetime]]  # returns the current time in UTC
