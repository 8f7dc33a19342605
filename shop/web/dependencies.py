"""What handlers may ask for by name; ``app`` provides it."""

from litestar.di import NamedDependency

from shop.announcements import ChangeFeed
from shop.config import Settings
from shop.database import Database
from shop.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.webhooks.vault import Vault

TheSettings = NamedDependency[Settings]
TheDatabase = NamedDependency[Database]
TheWakeUps = NamedDependency[WakeUps]
TheVault = NamedDependency[Vault]
TheFeed = NamedDependency[ChangeFeed]
TheHeartbeats = NamedDependency[Heartbeats]
