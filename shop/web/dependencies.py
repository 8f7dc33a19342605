"""The dependencies that handlers can declare. ``app`` provides them."""

from litestar.di import NamedDependency

from shop.config import Settings
from shop.database.transactions import Database
from shop.redis.change_feed import ChangeFeed
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.web.actions import Actions
from shop.webhooks.endpoints.encryption import Encryption

TheActions = NamedDependency[Actions]
TheSettings = NamedDependency[Settings]
TheDatabase = NamedDependency[Database]
TheWakeUps = NamedDependency[WakeUps]
TheEncryption = NamedDependency[Encryption]
TheFeed = NamedDependency[ChangeFeed]
TheHeartbeats = NamedDependency[Heartbeats]
