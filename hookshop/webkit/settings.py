"""Reads settings from environment variables, and declares those of every web application.

An application adds its own fields in a subclass. The error for a wrong value is one line that names
the variable and never quotes a password.
"""

import json
import re
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ClassVar, Self, TypeVar
from urllib.parse import quote, urlsplit

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

from hookshop.locations import default_var
from hookshop.webkit.hosts import MAX_PORT, check_host_name, host_in_urls
from hookshop.webkit.logs import LogFormat
from hookshop.webkit.plain_text import escape_unprintable

MIN_ADMIN_TOKEN_LENGTH = 16  # characters; anyone who can reach the login page can guess
MIN_KEY_LENGTH = 32  # characters


class ConfigurationError(Exception):
    """A setting is missing or wrong. The message is one line for the user."""


def _absolute_url(text: str) -> str:
    TypeAdapter(HttpUrl).validate_python(text)
    if "?" in text or "#" in text:
        raise ValueError("must not have a query (?…) or a fragment (#…): paths are added to it")
    return text.strip().rstrip("/")


def _header_value(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise ValueError(
            "a token is sent in a header: use printable ASCII characters, "
            "without a space at either end"
        )
    return token


def _fernet_key(key: SecretStr) -> SecretStr:
    # Import it only here: the demo reads the settings before it starts anything.
    from cryptography.fernet import Fernet  # noqa: PLC0415 – as above

    try:
        Fernet(key.get_secret_value())
    except ValueError:
        # Do not use the library's message: it would quote the key.
        raise ValueError("a key is 32 bytes in URL-safe base64, as in secrets.key") from None
    return key


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _host_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise ValueError(
            "list host names without scheme, port and path, for example shop.internal,shop.example"
        )
    check_host_name(text)
    return text.encode("idna").decode().lower().rstrip(".")


# Letters of any language; a Host header has the name in ASCII, as the validator returns it.
_HOST_NAME = re.compile(r"[\w.-]+")

HostName = Annotated[str, AfterValidator(_host_name)]
Url = Annotated[str, AfterValidator(_absolute_url)]
EncryptionKey = Annotated[SecretStr, AfterValidator(_fernet_key)]
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]
BearerToken = Annotated[SecretStr, AfterValidator(_header_value)]
AdminToken = Annotated[
    SecretStr, Field(min_length=MIN_ADMIN_TOKEN_LENGTH), AfterValidator(_header_value)
]


class ServerSettings(BaseSettings):
    """The settings of every web application. Each field is an environment variable."""

    # An empty variable counts as unset, so that a Makefile or a unit file can pass all of them.
    model_config = SettingsConfigDict(env_ignore_empty=True, validate_default=False, frozen=True)

    APP: ClassVar[str]  # the name in file names, cookies and sentences, such as "shop"
    SECRETS_KEY_FILE: ClassVar[str]  # the name of a file in ``var``
    # Fields whose values are never shown. A database URL may contain a password.
    HIDDEN_FIELDS: ClassVar[frozenset[str]] = frozenset(
        {"admin_token", "database_url", "secrets_key", "session_key"}
    )

    var: Annotated[Path, Field(validation_alias="HOOKSHOP_VAR")] = default_var()
    host: str = "127.0.0.1"
    port: Port
    public_url: Url | None = None
    # NoDecode: pydantic would read a list from the environment as JSON.
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode, BeforeValidator(_split)] = ()
    database_url: str | None = None
    admin_token: AdminToken | None = None
    log_format: LogFormat = "text"
    session_key: Annotated[SecretStr, Field(min_length=MIN_KEY_LENGTH)] | None = None
    secrets_key: EncryptionKey | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _require_utf_8(cls, value: object) -> object:
        # Python replaces each byte that it cannot decode by a lone surrogate.
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
                f"{self.variable('host')}={self.host} accepts requests from other machines, so "
                f"{self.variable('admin_token')} must be set: a secret of at least "
                f"{MIN_ADMIN_TOKEN_LENGTH} characters, required to log in"
            )
        return self

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable of a field, such as ``SHOP_PORT``."""
        return f"{cls.model_config['env_prefix']}{field.upper()}"

    @property
    def local_url(self) -> str:
        """The application's URL on this machine, without a trailing slash."""
        return f"http://{host_in_urls(self.host)}:{self.port}"

    @property
    def base_url(self) -> str:
        """The application's URL for browsers and other programs, without a trailing slash."""
        return self.public_url or self.local_url

    @property
    def own_hosts(self) -> frozenset[str]:
        """The hosts, in lower case, by which browsers and programs may call the application."""
        own = (self.host.lower(), urlsplit(self.base_url).hostname or "")
        return frozenset((*self.allowed_hosts, *own))

    @property
    def secrets_key_file(self) -> Path:
        """The file with the key that encrypts signing secrets, unless ``secrets_key`` is set."""
        return self.var / self.SECRETS_KEY_FILE

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL of the application's database."""
        file = quote(str(self.var.absolute() / f"{self.APP}.db"))
        return self.database_url or f"sqlite+aiosqlite:///{file}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


SettingsT = TypeVar("SettingsT", bound=ServerSettings)


def read_environment(settings_class: type[SettingsT]) -> SettingsT:
    """Return the checked settings from the environment.

    Raise ``ConfigurationError`` with one line that names each wrong variable.
    """
    try:
        return settings_class()
    except ValidationError as error:
        raise ConfigurationError(_one_line(error, settings_class)) from error


def print_addresses(settings_class: type[ServerSettings]) -> None:
    """Print as JSON the address at which the application will serve.

    If a setting is wrong, exit with 2 after the line that names it.
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
        if not problem["loc"]:  # a combination of several variables
            problems.append(reason)
            continue
        field = str(problem["loc"][0])
        variable = field if field.isupper() else settings_class.variable(field)
        is_hidden = field in settings_class.HIDDEN_FIELDS
        shown = "…" if is_hidden else escape_unprintable(str(problem["input"]))
        problems.append(f"{variable}={shown}: {reason}")
    return "; ".join(problems)
