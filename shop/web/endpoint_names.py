"""How pages name an endpoint: by its description, or else by host and path. Pure."""

from typing import Protocol
from urllib.parse import urlsplit


class Named(Protocol):
    """What an endpoint is named by."""

    @property
    def webhook_url(self) -> str:
        """The URL as registered."""

    @property
    def description(self) -> str:
        """Text for people; may be empty."""


def host_and_path(url: str) -> str:
    """Return host, port and path of a URL: the parts in which endpoints differ."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def endpoint_name(endpoint: Named) -> str:
    """Return the description or, without one, host and path."""
    return endpoint.description or host_and_path(endpoint.webhook_url)


def endpoint_subtitle(endpoint: Named) -> str:
    """Return host and path if they are not the name already, else an empty string."""
    return host_and_path(endpoint.webhook_url) if endpoint.description else ""
