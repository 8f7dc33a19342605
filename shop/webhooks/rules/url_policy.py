"""Decides which URLs may be registered. Pure: checks only the text and resolves no names.

A sender that posts to any URL lets attackers reach its internal network (server-side request
forgery). So all URLs are refused except public addresses and, with the policy ``local``, programs
on this machine.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import unquote

from shop.vocabulary import RefusalReason
from shop.webhooks.rules.urls import UrlRefused, WebhookUrl, parse_url

MIN_LOOPBACK_PORT = 1024  # lower ports are for system services such as SSH, DNS and mail

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# An explicit list: ``is_global`` is true for multicast, NAT64 and cloud-internal addresses.
# Source: IANA special-purpose address registries.
_CLOSED_IPV4 = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("168.63.129.16/32"),  # a cloud's host agent, in public address space
    IPv4Network("169.254.0.0/16"),  # link-local, cloud metadata
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, broadcast
)
# For IPv6, only global unicast is allowed, without its special blocks.
_OPEN_IPV6 = IPv6Network("2000::/3")
_CLOSED_IPV6 = (
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address in disguise
    IPv6Network("3fff::/20"),  # documentation
)
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_OWN_ADDRESS = "this is the shop's own address; a webhook must go to someone else"
_DNS_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)
_INTERNAL_SUFFIXES = (".internal", ".local", ".localhost", ".localdomain", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class PublicPath:
    """Where a proxy serves the shop beside other programs. ``host``: in lower case.

    ``path``: without a slash at its end, such as ``/shop``.
    """

    host: str
    port: int
    path: str

    def leads_to(self, url: WebhookUrl) -> bool:
        """Return whether a request to this URL may reach the shop through the proxy."""
        own, host = self.path.casefold(), url.host.removesuffix(".")
        is_same_host = host == self.host or (_is_this_machine(host) and _is_this_machine(self.host))
        return (
            is_same_host
            and url.port == self.port
            and any(f"{path}/".casefold().startswith(f"{own}/") for path in _readings(url.target))
        )


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """The policy of ``SHOP_ENDPOINT_POLICY`` and ``SHOP_ALLOWED_NETWORKS``.

    ``own_ports``: the shop's ports on this machine, which webhooks must not call.
    ``own_addresses``: host, in lower case, and port of all other addresses of the shop.
    ``public_path``: set if the public URL has a path.
    """

    name: Literal["local", "public"] = "local"
    allowed_networks: tuple[Network, ...] = ()
    own_ports: tuple[int, ...] = ()
    own_addresses: tuple[tuple[str, int], ...] = ()
    public_path: PublicPath | None = None

    def check(self, url: str) -> None:
        """Raise ``UrlRefused`` unless webhooks may be sent to this URL."""
        parts = parse_url(url)
        if parts.scheme == "http" and self.name == "public":
            raise UrlRefused(
                "only https is allowed",
                RefusalReason.NOT_HTTPS,
                setting="SHOP_ENDPOINT_POLICY=local",
            )
        name = parts.host.removesuffix(".")
        self._refuse_own(name, parts.port)
        if self.public_path and self.public_path.leads_to(parts):
            raise UrlRefused(_OWN_ADDRESS, RefusalReason.OWN_ADDRESS)
        address = _literal_address(parts.host)
        if address:
            self.check_address(address, parts.port)
        elif name == "localhost":
            self.check_address(IPv4Address("127.0.0.1"), parts.port)
        else:
            _check_name(name)

    def check_address(self, address: Address, port: int) -> None:
        """Raise ``UrlRefused`` unless a connection to this address and port is allowed."""
        self._refuse_own(str(address), port)
        if _inside(address, _LOOPBACK):
            self._check_loopback(address, port)
        elif not is_public(address) and not _inside(address, self.allowed_networks):
            setting = f"SHOP_ALLOWED_NETWORKS={ip_network(address)}"
            raise UrlRefused(
                f"{address} is not a public address", RefusalReason.NOT_PUBLIC, setting=setting
            )

    def _refuse_own(self, host: str, port: int) -> None:
        if (host, port) in self.own_addresses:
            raise UrlRefused(_OWN_ADDRESS, RefusalReason.OWN_ADDRESS)

    def _check_loopback(self, address: Address, port: int) -> None:
        if port in self.own_ports:
            raise UrlRefused(_OWN_ADDRESS, RefusalReason.OWN_ADDRESS)
        if _inside(address, self.allowed_networks):
            return
        if self.name == "public":
            setting = "SHOP_ENDPOINT_POLICY=local"
            raise UrlRefused(
                f"{address} is this machine itself", RefusalReason.THIS_MACHINE, setting=setting
            )
        if port < MIN_LOOPBACK_PORT:
            raise UrlRefused(
                f"on this machine only ports from {MIN_LOOPBACK_PORT} are allowed, not {port}",
                RefusalReason.THIS_MACHINE,
            )


def is_public(address: Address) -> bool:
    """Return whether this address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not _inside(address, _CLOSED_IPV4)
    return address in _OPEN_IPV6 and not _inside(address, _CLOSED_IPV6)


def _inside(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _is_this_machine(host: str) -> bool:
    try:
        return _inside(ip_address(host), _LOOPBACK)
    except ValueError:
        return host == "localhost"


def _readings(target: str) -> Iterator[str]:
    """Yield the path as proxies may read it: decoded any number of times, with dots resolved."""
    path, previous = target.partition("?")[0], None
    while path != previous:
        # Exactly two slashes at the beginning would stay.
        yield re.sub("//+", "/", path)
        yield posixpath.normpath(f"/{path.lstrip('/')}")
        path, previous = unquote(path), path


def _literal_address(host: str) -> Address | None:
    """Return the IP address that the host is, or None if the host is a name.

    Raise ``UrlRefused`` for an unusual form of an address.
    """
    last_label = host.removesuffix(".").rpartition(".")[2]
    if ":" not in host and not _LOOKS_NUMERIC.fullmatch(last_label):
        return None
    try:
        return ip_address(host)
    except ValueError:
        # Many resolvers accept 0x7f.1, 2130706433 or 017700000001 as addresses.
        raise UrlRefused(
            f"{host} is not an IP address in its plain form", RefusalReason.UNUSUAL_ADDRESS
        ) from None


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 – RFC 1035, section 2.3.4
        raise UrlRefused(f"{host} is not a valid host name")
    if len(labels) == 1 or host.endswith(_INTERNAL_SUFFIXES):
        raise UrlRefused(f"{host} is a name of an internal network", RefusalReason.INTERNAL_NAME)
