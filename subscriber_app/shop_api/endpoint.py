"""Our endpoint and its secrets, parsed from the shop's JSON API.

Required fields are validated. All others may be missing, because the shop may be an older version,
and count as missing if they are malformed: the shop shows a new secret only once, so another field
must not be a reason to lose it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from subscriber_app.receiving.verification import SECRET_PREFIX, secret_key
from subscriber_app.shop_api.errors import ShopUnreachable

ENDPOINT_STATUSES = ("active", "paused", "disabled")
MIN_KEY_BYTES = 24  # Standard Webhooks, "Signature scheme"
MAX_ISSUER_LENGTH = 2000

# Characters that need no escaping: the shop's ids become part of the URLs that we request.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registration:
    """A new endpoint. ``secret``: ``whsec_…``, shown only once. ``secret_id``: its public name.

    ``issuer``: the shop's name for itself in tokens. ``registered_at``: by the shop's clock.
    """

    endpoint_id: str
    secret: str
    secret_id: str | None
    issuer: str | None
    registered_at: datetime | None


@dataclass(frozen=True, slots=True)
class RotatedSecret:
    """A new secret. ``previous_expires_at``: when the shop stops signing with the previous one."""

    secret: str
    secret_id: str | None
    previous_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShopEndpoint:
    """Our endpoint at the shop. ``status``: one of ``ENDPOINT_STATUSES``.

    ``secret_ends``: when each live secret expires, by its public name; None for the current one.
    The whole field is None if the shop does not report it.
    """

    status: str
    issuer: str | None = None
    secret_ends: dict[str, datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class ListedEndpoint:
    """An endpoint in the shop's list. ``breaker``: the state of its circuit breaker.

    ``disabled_reason``: why the shop disabled it, or "".
    """

    id: str
    webhook_url: str
    status: str
    created_at: datetime
    breaker: str
    disabled_reason: str


@dataclass(frozen=True, slots=True)
class RefusedRegistration:
    """A URL that the shop did not register. ``reason``: its name for why."""

    webhook_url: str
    reason: str
    refused_at: datetime


def read_refusals(document: dict[str, Any]) -> list[RefusedRegistration]:
    """Parse the refused registrations; leave out malformed ones. Raise ``ShopUnreachable``."""
    rows = document.get("data")
    if not isinstance(rows, list):
        raise ShopUnreachable("The shop's response has no list of refused registrations")
    found = []
    for each in rows:
        row = each if isinstance(each, dict) else {}
        url, reason, at = row.get("webhook_url"), row.get("reason"), _moment(row.get("refused_at"))
        if isinstance(url, str) and is_id(reason) and at:
            found.append(RefusedRegistration(url, str(reason), at))
    return found


def read_endpoints(document: dict[str, Any]) -> list[ListedEndpoint]:
    """Parse the list of endpoints; leave out malformed ones. Raise ``ShopUnreachable``."""
    rows = document.get("data")
    if not isinstance(rows, list):
        raise ShopUnreachable("The shop's response has no list of endpoints")
    return [found for each in rows if isinstance(each, dict) and (found := _listed(each))]


def _listed(row: dict[str, Any]) -> ListedEndpoint | None:
    url, created_at, breaker = row.get("webhook_url"), _moment(row.get("created_at")), None
    if isinstance(row.get("breaker"), dict):
        breaker = row["breaker"].get("state")
    is_known = row.get("status") in ENDPOINT_STATUSES and isinstance(url, str)
    if not is_known or not is_id(row.get("id")) or created_at is None:
        return None
    return ListedEndpoint(
        row["id"],
        str(url),
        str(row["status"]),
        created_at,
        str(breaker or "closed"),
        str(row.get("disabled_reason") or ""),
    )


def read_registration(document: dict[str, Any]) -> Registration:
    """Parse the response to a registration. Raise ``ShopUnreachable`` if it lacks id or secret."""
    if not is_id(document.get("id")) or not is_secret(document.get("secret")):
        raise ShopUnreachable("The shop's response has no valid id and secret")
    return Registration(
        document["id"],
        document["secret"],
        _id_or_none(document.get("secret_id")),
        _issuer(document.get("issuer")),
        _moment(document.get("created_at")),
    )


def read_rotation(document: dict[str, Any]) -> RotatedSecret:
    """Parse the response to a rotation. Raise ``ShopUnreachable`` if it lacks the secret."""
    if not is_secret(document.get("secret")):
        raise ShopUnreachable("The shop's response has no valid secret")
    return RotatedSecret(
        document["secret"],
        _id_or_none(document.get("secret_id")),
        _moment(document.get("expires_at")),
    )


def read_endpoint(document: dict[str, Any]) -> ShopEndpoint:
    """Parse our endpoint. Raise ``ShopUnreachable`` if it lacks a known status."""
    status = document.get("status")
    if status not in ENDPOINT_STATUSES:
        raise ShopUnreachable("The shop's response has no known status")
    return ShopEndpoint(
        str(status), _issuer(document.get("issuer")), _secret_ends(document.get("secrets"))
    )


def is_id(value: object) -> bool:
    """Return whether the value can be part of a URL without escaping."""
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def is_secret(value: object) -> bool:
    """Return whether the value is a usable secret: with a short key, anyone could sign."""
    if not isinstance(value, str) or not value.startswith(SECRET_PREFIX):
        return False
    try:
        return len(secret_key(value)) >= MIN_KEY_BYTES
    except ValueError:
        return False


def _id_or_none(value: object) -> str | None:
    return str(value) if is_id(value) else None


def _issuer(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ISSUER_LENGTH:
        return None
    return value if value.isprintable() else None


def _moment(value: object) -> datetime | None:
    """Parse a time in RFC 3339; return None for anything else, or without a time zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _secret_ends(value: object) -> dict[str, datetime | None] | None:
    """Parse all secrets or none: a partly parsed list would expire secrets that are live."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    ends: dict[str, datetime | None] = {}
    for each in value:
        if not isinstance(each, dict) or not is_id(each.get("id")):
            return None
        written = each.get("expires_at")
        end = _moment(written)
        if written is not None and end is None:
            return None
        ends[each["id"]] = end
    return ends or None
