"""Settings from environment variables: those of every web application, and how they are read.

An application adds its own fields in a subclass. A wrong value becomes one line that names the
variable and never quotes a password.
"""

import json
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ClassVar, Self, TypeVar
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

from hookshop.webkit.hosts import MAX_PORT
from hookshop.webkit.logs import LogFormat

MIN_ADMIN_TOKEN_LENGTH = 16  # characters; anyone who can reach the login may guess
MIN_KEY_LENGTH = 32  # characters; nobody has to type it


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message is one clear line for a person."""


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


Url = Annotated[str, AfterValidator(_absolute_url)]
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]
BearerToken = Annotated[SecretStr, AfterValidator(_header_value)]
AdminToken = Annotated[
    SecretStr, Field(min_length=MIN_ADMIN_TOKEN_LENGTH), AfterValidator(_header_value)
]


class ServerSettings(BaseSettings):
    """The settings of every web application; one field per environment variable."""

    # An empty variable counts as unset, so that a Makefile or a unit file may pass all of them on.
    model_config = SettingsConfigDict(env_ignore_empty=True, validate_default=False, frozen=True)

    APP: ClassVar[str]  # the application's name in file names, cookies and sentences: "shop"
    # Fields whose values are never shown; URLs are among them because they may hold passwords.
    HIDDEN_FIELDS: ClassVar[frozenset[str]] = frozenset(
        {"admin_token", "database_url", "session_key"}
    )

    var: Annotated[Path, Field(validation_alias="HOOKSHOP_VAR")] = Path("var")
    host: str = "127.0.0.1"
    port: Port
    public_url: Url | None = None
    database_url: str | None = None
    admin_token: AdminToken | None = None
    log_format: LogFormat = "text"
    session_key: Annotated[SecretStr, Field(min_length=MIN_KEY_LENGTH)] | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _require_utf_8(cls, value: object) -> object:
        # Python puts a lone surrogate in place of each byte that it could not decode.
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("must be UTF-8") from None
        return value

    @model_validator(mode="after")
    def _require_token_when_open_to_others(self) -> Self:
        if not _is_loopback(self.host) and self.admin_token is None:
            raise ValueError(
                f"{self.variable('host')}={self.host} lets other machines in, so "
                f"{self.variable('admin_token')} must be set: a secret of at least "
                f"{MIN_ADMIN_TOKEN_LENGTH} characters, asked for at the login"
            )
        return self

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of a field's environment variable, such as ``SHOP_PORT``."""
        return f"{cls.model_config['env_prefix']}{field.upper()}"

    @property
    def local_url(self) -> str:
        """Where this machine reaches the application, without a trailing slash."""
        return f"http://{host_in_urls(self.host)}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where browsers and other programs find the application, without a trailing slash."""
        return self.public_url or self.local_url

    @property
    def resolved_database_url(self) -> str:
        """SQLAlchemy URL of the application's database."""
        file = quote(str(self.var.absolute() / f"{self.APP}.db"))
        return self.database_url or f"sqlite+aiosqlite:///{file}"


def host_in_urls(host: str) -> str:
    """Return the host by which a server that listens on ``host`` can be called.

    ``0.0.0.0`` and ``::`` are no addresses to call; IPv6 addresses get brackets.
    """
    if host in {"0.0.0.0", "::"}:  # noqa: S104 – recognized, not bound to
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


SettingsT = TypeVar("SettingsT", bound=ServerSettings)


def read_environment(settings_class: type[SettingsT]) -> SettingsT:
    """Return the checked settings of the environment.

    Raise ``ConfigurationError`` with one line that names each wrong variable.
    """
    try:
        return settings_class()
    except ValidationError as error:
        raise ConfigurationError(_one_line(error, settings_class)) from error


def print_addresses(settings_class: type[ServerSettings]) -> None:
    """Print, as JSON, where an application with the settings of the environment will serve.

    With a wrong setting, exit with 2 after the line that names it.
    """
    try:
        settings = read_environment(settings_class)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    addresses = {
        "host": settings.host,
        "port": settings.port,
        "url": settings.base_url,
        "local_url": settings.local_url,
    }
    sys.stdout.write(f"{json.dumps(addresses)}\n")


def _one_line(error: ValidationError, settings_class: type[ServerSettings]) -> str:
    problems = []
    for problem in error.errors():
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:  # several variables that do not fit together
            problems.append(reason)
            continue
        field = str(problem["loc"][0])
        variable = field if field.isupper() else settings_class.variable(field)
        is_hidden = field in settings_class.HIDDEN_FIELDS
        shown = "…" if is_hidden else _printable(str(problem["input"]))
        problems.append(f"{variable}={shown}: {reason}")
    return "; ".join(problems)


def _printable(text: str) -> str:
    """Return the text with an escape in place of each character that would break the line."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
