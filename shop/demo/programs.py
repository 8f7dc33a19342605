"""What the demo runs: four commands, their environment, and where they answer.

Built once by ``run`` and read by everything else here. The applications are set up by
environment variables only, so this is all that the demo knows about them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from hookshop.webkit.hosts import MAX_PORT
from hookshop.webkit.settings import ConfigurationError, host_in_urls
from shop.config import Settings


@dataclass(frozen=True, slots=True)
class Application:
    """A program that serves HTTP. ``port_variable`` names the setting that moves it."""

    name: str
    host: str
    port: int
    port_variable: str
    public_url: str

    @property
    def local_url(self) -> str:
        """Where the demo itself reaches it, whatever the world calls it."""
        return f"http://{host_in_urls(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running: ``python -m <module>``."""

    name: str
    module: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to run. ``environment`` is complete: nothing else is passed to the programs."""

    programs: tuple[Program, ...]
    applications: tuple[Application, ...]
    environment: Mapping[str, str]

    @classmethod
    def read(cls, settings: Settings, environ: Mapping[str, str]) -> Self:
        """Work out the plan. Raises ``ConfigurationError`` when the subscriber's port is wrong."""
        # An empty variable counts as unset, as it does for the applications.
        given = {name: value for name, value in environ.items() if value}
        shop = Application(
            "shop", settings.host, settings.port, "SHOP_PORT", public_url=settings.base_url
        )
        environment = given | {
            "HOOKSHOP_VAR": str(settings.var.absolute()),
            "PYTHONUNBUFFERED": "1",  # lines appear when they are written
            "SUBSCRIBER_SHOP_URL": given.get("SUBSCRIBER_SHOP_URL", shop.local_url),
            "SUBSCRIBER_SHOP_TOKEN": given.get("SUBSCRIBER_SHOP_TOKEN", _admin_token(settings)),
            "SUBSCRIBER_AUTO_REGISTER": given.get("SUBSCRIBER_AUTO_REGISTER", "1"),
        }
        redis = () if settings.redis_url else (Program("redis", "shop.embedded_redis"),)
        applications = (
            Program("shop", "shop"),
            Program("worker", "shop.worker"),
            Program("subscriber", "subscriber_app"),
        )
        return cls((*redis, *applications), (shop, _subscriber(given)), environment)


def _admin_token(settings: Settings) -> str:
    """What the subscriber needs to register with this shop; empty, and so unset, without one."""
    return settings.admin_token.get_secret_value() if settings.admin_token else ""


def _subscriber(given: Mapping[str, str]) -> Application:
    host = given.get("SUBSCRIBER_HOST", "127.0.0.1")
    port = given.get("SUBSCRIBER_PORT", "8001")
    if not port.isdecimal() or not 1 <= int(port) <= MAX_PORT:
        raise ConfigurationError(f"SUBSCRIBER_PORT={port}: a port is a number from 1 to {MAX_PORT}")
    public_url = given.get("SUBSCRIBER_PUBLIC_URL", f"http://{host_in_urls(host)}:{port}").rstrip(
        "/"
    )
    return Application("subscriber", host, int(port), "SUBSCRIBER_PORT", public_url)
