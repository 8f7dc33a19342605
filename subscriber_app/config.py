"""Settings of the subscriber, read from environment variables only."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from hookshop.webkit.settings import (
    BearerToken,
    Port,
    ServerSettings,
    Url,
    print_addresses,
    read_environment,
)
from hookshop.worker_crash import crash_request

RECEIVER_PATH = "/v1/new-purchase"


# Import SQLAlchemy only if a URL is set: the demo reads the settings before it starts anything.
def _database_url(text: str) -> str:
    from subscriber_app.database.database_url import normalize  # noqa: PLC0415 – as above

    return normalize(text)


class Settings(ServerSettings):
    """One field for each environment variable; docs/settings.md lists them."""

    model_config = SettingsConfigDict(env_prefix="SUBSCRIBER_")

    APP: ClassVar = "subscriber"
    SECRETS_KEY_FILE: ClassVar = "subscriber-secrets.key"
    HIDDEN_FIELDS: ClassVar = ServerSettings.HIDDEN_FIELDS | {"shop_token"}

    port: Port = 8001
    database_url: Annotated[str, AfterValidator(_database_url)] | None = None
    shop_url: Url = "http://127.0.0.1:8000"
    shop_public_url: Url | None = None
    shop_token: BearerToken | None = None
    auto_register: bool = False
    can_crash_worker: bool = False
    max_sandboxes: Annotated[int, Field(ge=0, le=1_000_000)] = 2000

    @property
    def webhook_url(self) -> str:
        """Return the URL to register with the shop, which tokens must name as their audience."""
        return self.base_url + RECEIVER_PATH

    @property
    def crash_request(self) -> Path | None:
        """The file that asks the demo to kill its worker; None if that is not offered."""
        is_private = self.admin_token is None and self.shop_token is None
        return crash_request(self.var) if self.can_crash_worker and is_private else None

    def for_browsers(self, shop_url: str) -> str:
        """Return the URL at which browsers find what the subscriber calls at ``shop_url``."""
        is_ours = f"{shop_url}/".startswith(f"{self.shop_url}/")
        if self.shop_public_url is None or not is_ours:
            return shop_url
        return self.shop_public_url + shop_url.removeprefix(self.shop_url)


def load_settings() -> Settings:
    """Return the settings from the environment. Raise ``ConfigurationError``."""
    return read_environment(Settings)


if __name__ == "__main__":
    print_addresses(Settings)
