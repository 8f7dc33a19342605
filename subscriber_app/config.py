"""Settings of the subscriber, read from environment variables only.

Used by the entry point; everything else is handed a finished ``Settings`` object.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from hookshop.webkit.logs import LogFormat
from subscriber_app.database_url import normalize

RECEIVER_PATH = "/v1/new-purchase"
SHORTEST_ADMIN_TOKEN = 16  # characters; whoever can reach the login may guess
SHORTEST_KEY = 32  # characters; nobody has to type it
_SECRET_FIELDS = {"admin_token", "shop_token", "database_url", "session_key"}  # may hold passwords


class ConfigurationError(Exception):
    """A setting is wrong; the message is one clear line for a person."""


def _absolute_url(text: str) -> str:
    TypeAdapter(HttpUrl).validate_python(text)
    if "?" in text or "#" in text:
        raise ValueError("must not have a query (?…) or a fragment (#…): paths are added to it")
    return text.strip().rstrip("/")


def _header_value(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise ValueError(
            "a token is sent in a header: use letters, digits and signs of ASCII, "
            "and no blank at either end"
        )
    return token


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


Url = Annotated[str, AfterValidator(_absolute_url)]


class Settings(BaseSettings):
    """One field per environment variable; the names are listed in the README."""

    # An empty variable counts as unset, so that a Makefile or a unit file may pass all of them on.
    model_config = SettingsConfigDict(env_prefix="SUBSCRIBER_", env_ignore_empty=True, frozen=True)

    var: Annotated[Path, Field(validation_alias="HOOKSHOP_VAR")] = Path("var")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8001
    public_url: Url | None = None
    database_url: Annotated[str, AfterValidator(normalize)] | None = None
    shop_url: Url = "http://127.0.0.1:8000"
    shop_token: Annotated[SecretStr, AfterValidator(_header_value)] | None = None
    auto_register: bool = False
    log_format: LogFormat = "text"
    session_key: Annotated[SecretStr, Field(min_length=SHORTEST_KEY)] | None = None
    admin_token: (
        Annotated[SecretStr, Field(min_length=SHORTEST_ADMIN_TOKEN), AfterValidator(_header_value)]
        | None
    ) = None

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
                f"SUBSCRIBER_HOST={self.host} lets other machines in, so SUBSCRIBER_ADMIN_TOKEN "
                f"must be set: a secret of at least {SHORTEST_ADMIN_TOKEN} characters, asked for "
                "at the login"
            )
        return self

    @property
    def base_url(self) -> str:
        """Where browsers and the shop find the subscriber, without a trailing slash."""
        return self.public_url or self.local_url

    @property
    def local_url(self) -> str:
        """Where this process reaches itself, whatever the world calls it."""
        return f"http://{host_in_urls(self.host)}:{self.port}"

    @property
    def webhook_url(self) -> str:
        """The address to register with the shop; tokens must name it as their audience."""
        return self.base_url + RECEIVER_PATH

    @property
    def resolved_database_url(self) -> str:
        """SQLAlchemy URL of the subscriber's database."""
        file = quote(str(self.var.absolute() / "subscriber.db"))
        return self.database_url or f"sqlite+aiosqlite:///{file}"


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
        variable = field if field.isupper() else f"SUBSCRIBER_{field.upper()}"
        shown = "…" if field in _SECRET_FIELDS else _printable(str(problem["input"]))
        problems.append(f"{variable}={shown}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)


def _printable(text: str) -> str:
    """Return the text with an escape in place of what would break the line."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
