"""Settings of the shop's processes, read from environment variables only."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl
from pydantic_settings import NoDecode, SettingsConfigDict

from hookshop.redis_socket import private_redis_socket
from hookshop.webkit.settings import Port, ServerSettings, Url, print_addresses, read_environment
from shop.webhooks.rules.retries import NAMED_SCHEDULES, RetrySchedule
from shop.webhooks.rules.url_policy import Network, PublicPath, UrlPolicy


# Import the libraries for these two only if an address is set: the demo reads the settings before
# it starts anything, and these imports are slow.
def _database_url(text: str) -> str:
    from shop.database.database_url import normalize  # noqa: PLC0415 – as above

    return normalize(text)


def _redis_url(text: str) -> str:
    from shop.redis.address import check  # noqa: PLC0415 – as above

    return check(text)


def _host_and_port(url: str) -> tuple[str, int]:
    """Return host (in lower case, without brackets) and port of a URL."""
    parsed = HttpUrl(url)
    return (parsed.host or "").strip("[]").lower(), parsed.port or 0


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(block.strip()) for block in text.split(",") if block.strip())


class Settings(ServerSettings):
    """The shop's settings. docs/settings.md describes each variable."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    APP: ClassVar = "shop"
    SECRETS_KEY_FILE: ClassVar = "secrets.key"
    HIDDEN_FIELDS: ClassVar = ServerSettings.HIDDEN_FIELDS | {"redis_url"}

    port: Port = 8000
    database_url: Annotated[str, AfterValidator(_database_url)] | None = None
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = None
    # NoDecode: pydantic would read a list from the environment as JSON.
    retry_schedule: Annotated[RetrySchedule, NoDecode, BeforeValidator(RetrySchedule.parse)] = (
        RetrySchedule(NAMED_SCHEDULES["demo"])
    )
    request_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    endpoint_policy: Literal["local", "public"] = "local"
    disable_after_failures: Annotated[int, Field(ge=0)] = 10
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    max_sandboxes: Annotated[int, Field(ge=0, le=1_000_000)] = 2000
    subscriber_url: Url | None = None
    allowed_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()

    @property
    def retention(self) -> timedelta | None:
        """How long succeeded deliveries and their messages are kept; None: without limit."""
        return timedelta(days=self.retention_days) if self.retention_days else None

    @property
    def url_policy(self) -> UrlPolicy:
        """The policy that decides which URLs may be registered."""
        listening, public = (self.host.lower(), self.port), _host_and_port(self.base_url)
        path = urlsplit(self.base_url).path
        return UrlPolicy(
            self.endpoint_policy,
            self.allowed_networks,
            own_ports=(self.port,),
            own_addresses=(listening,) if path else (listening, public),
            public_path=PublicPath(*public, path) if path else None,
        )

    @property
    def resolved_redis_url(self) -> str:
        """The URL of Redis: the setting, or else the socket of the private server."""
        return self.redis_url or f"unix://{quote(str(private_redis_socket(self.var)))}"


def load_settings() -> Settings:
    """Return the settings from the environment. Raise ``ConfigurationError`` if one is wrong."""
    return read_environment(Settings)


if __name__ == "__main__":
    print_addresses(Settings)
