"""Settings of the shop's processes, read from environment variables only.

Used by each entry point (``python -m shop``, ``python -m shop.worker``); everything else is handed
a finished ``Settings`` object.
"""

import hashlib
import tempfile
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hookshop.webkit.logs import LogFormat
from shop.webhooks.rules.retries import NAMED_SCHEDULES, RetrySchedule
from shop.webhooks.url_policy import Network, UrlPolicy

# The kernel's sun_path holds 108 bytes on Linux and 104 on macOS, one of them the closing NUL.
MAX_SOCKET_PATH_BYTES = 103
SHORTEST_ADMIN_TOKEN = 16  # characters; whoever can reach the login may guess
SHORTEST_KEY = 32  # characters; nobody has to type it
_SECRET_FIELDS = {
    "admin_token",
    "database_url",
    "redis_url",
    "secrets_key",
    "session_key",
}  # may hold passwords


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message is one clear line for a person."""


def _absolute_url(text: str) -> str:
    TypeAdapter(HttpUrl).validate_python(text)
    if "?" in text or "#" in text:
        raise ValueError("must not have a query (?…) or a fragment (#…): paths are added to it")
    return text.strip().rstrip("/")


# The libraries behind these two are imported only where an address is set: the demo's own process
# runs as long as all the others, and needs neither.
def _database_url(text: str) -> str:
    from shop.database_url import normalize  # noqa: PLC0415 – as above

    return normalize(text)


def _redis_url(text: str) -> str:
    from shop.redis_address import check  # noqa: PLC0415 – as above

    return check(text)


def host_in_urls(host: str) -> str:
    """How to call on a host that a server listens on: ``0.0.0.0`` and ``::`` are no address."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 – recognised, not bound to
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _place(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parsed = HttpUrl(url)
    return (parsed.host or "").strip("[]").lower(), parsed.port or 0


def _header_value(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise ValueError(
            "a token is sent in a header: use letters, digits and signs of ASCII, "
            "and no blank at either end"
        )
    return token


def _fernet_key(key: SecretStr) -> SecretStr:
    try:
        Fernet(key.get_secret_value())
    except ValueError:
        # Not the library's words: they would quote what was given.
        raise ValueError("a key is 32 bytes in URL-safe base64, as in secrets.key") from None
    return key


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(block.strip()) for block in text.split(",") if block.strip())


class Settings(BaseSettings):
    """One field per environment variable; the names are listed in the README."""

    # An empty variable counts as unset, so that a Makefile or a unit file may pass all of them on.
    model_config = SettingsConfigDict(
        env_prefix="SHOP_", env_ignore_empty=True, validate_default=False, frozen=True
    )

    var: Annotated[Path, Field(validation_alias="HOOKSHOP_VAR")] = Path("var")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_url: Annotated[str, AfterValidator(_absolute_url)] | None = None
    database_url: Annotated[str, AfterValidator(_database_url)] | None = None
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = None
    # NoDecode: pydantic would read a list from the environment as JSON.
    retry_schedule: Annotated[RetrySchedule, NoDecode, BeforeValidator(RetrySchedule.parse)] = (
        RetrySchedule(NAMED_SCHEDULES["demo"])
    )
    request_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    endpoint_policy: Literal["local", "public"] = "local"
    admin_token: (
        Annotated[SecretStr, Field(min_length=SHORTEST_ADMIN_TOKEN), AfterValidator(_header_value)]
        | None
    ) = None
    disable_after_failures: Annotated[int, Field(ge=0)] = 10
    log_format: LogFormat = "text"
    session_key: Annotated[SecretStr, Field(min_length=SHORTEST_KEY)] | None = None
    secrets_key: Annotated[SecretStr, AfterValidator(_fernet_key)] | None = None
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    allowed_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _insist_on_utf_8(cls, value: object) -> object:
        # Python stands in a lone surrogate for each byte that could not be decoded.
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("must be UTF-8") from None
        return value

    @model_validator(mode="after")
    def _insist_on_token_when_open_to_others(self) -> Self:
        if not _is_loopback(self.host) and self.admin_token is None:
            raise ValueError(
                f"SHOP_HOST={self.host} lets other machines in, so SHOP_ADMIN_TOKEN must be set: "
                f"a secret of at least {SHORTEST_ADMIN_TOKEN} characters, asked for at the login"
            )
        return self

    @property
    def base_url(self) -> str:
        """Where browsers and receivers find the shop, without a trailing slash."""
        return self.public_url or f"http://{host_in_urls(self.host)}:{self.port}"

    @property
    def vault_key_file(self) -> Path:
        """The key that locks the endpoints' secrets in the database."""
        return self.var / "secrets.key"

    @property
    def retention(self) -> timedelta | None:
        """How long deliveries that succeeded are kept, and their messages; None: for ever."""
        return timedelta(days=self.retention_days) if self.retention_days else None

    @property
    def url_policy(self) -> UrlPolicy:
        """Which URLs may be registered as endpoints."""
        return UrlPolicy(
            self.endpoint_policy,
            self.allowed_networks,
            own_ports=(self.port,),
            own_places=((self.host.lower(), self.port), _place(self.base_url)),
        )

    @property
    def resolved_database_url(self) -> str:
        """SQLAlchemy URL of the shop's database."""
        file = quote(str(self.var.absolute() / "shop.db"))
        return self.database_url or f"sqlite+aiosqlite:///{file}"

    @property
    def resolved_redis_url(self) -> str:
        """``redis://…`` as set, or the private server's ``unix://…`` socket."""
        return self.redis_url or f"unix://{quote(str(private_redis_socket(self.var)))}"


def private_redis_socket(var: Path) -> Path:
    """Where the private Redis listens: inside ``var``, or beside it when that path is too long.

    Every process computes the same path from ``HOOKSHOP_VAR``, so none has to be told.
    """
    socket = var.absolute() / "redis.sock"
    if len(bytes(socket)) <= MAX_SOCKET_PATH_BYTES:
        return socket
    fingerprint = hashlib.sha256(bytes(socket)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hookshop-{fingerprint}" / "redis.sock"


def load_settings() -> Settings:
    """Read and check the environment.

    Raises ``ConfigurationError`` with one line naming each wrong variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from error


def _one_line(error: ValidationError) -> str:
    problems = []
    for problem in error.errors():
        if not problem["loc"]:  # of several variables together
            problems.append(problem["msg"].removeprefix("Value error, "))
            continue
        field = str(problem["loc"][0])
        variable = field if field.isupper() else f"SHOP_{field.upper()}"
        shown = "…" if field in _SECRET_FIELDS else _printable(str(problem["input"]))
        problems.append(f"{variable}={shown}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)


def _printable(text: str) -> str:
    """Return the text with an escape in place of what would break the line."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
