"""The dependencies that handlers can declare. ``app`` provides them."""

from typing import Any

from litestar import Request
from litestar.di import NamedDependency

from hookshop.webkit.access import may_manage
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.sandboxes import CreationBrake
from shop.config import Settings
from shop.database.transactions import Database
from shop.exam.runs import ExamRuns
from shop.redis.change_feed import ChangeFeed
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.web.actions import Actions
from shop.web.sandboxes.actions import SandboxActions
from shop.web.steady_orders.task import SteadyOrdersTask

TheActions = NamedDependency[Actions]
TheSettings = NamedDependency[Settings]
TheDatabase = NamedDependency[Database]
TheWakeUps = NamedDependency[WakeUps]
TheEncryption = NamedDependency[Encryption]
TheFeed = NamedDependency[ChangeFeed]
TheHeartbeats = NamedDependency[Heartbeats]
TheSandboxActions = NamedDependency[SandboxActions]
TheCreationBrake = NamedDependency[CreationBrake]
TheExams = NamedDependency[ExamRuns]
TheSteadyOrders = NamedDependency[SteadyOrdersTask]
# Whether the admin sent the request. The JSON API has it: see ``provide_manages``.
Manages = NamedDependency[bool]


def provide_manages(request: Request[Any, Any, Any], settings: TheSettings) -> bool:
    """Return whether the request may see and do everything."""
    return may_manage(request, settings)
