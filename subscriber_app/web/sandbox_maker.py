"""Makes sandboxes, for the API and for the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.errors import Problem
from hookshop.webkit.sandbox_rules import (
    DEFAULT_LIFETIME_SECONDS,
    ID_RULE,
    is_sandbox_id,
    new_sandbox_id,
    new_token,
    sandbox_prefix,
    token_hash,
)
from subscriber_app.config import RECEIVER_PATH, Settings
from subscriber_app.database.models import Sandbox
from subscriber_app.sandboxes import Sandboxes, SandboxTaken, TooManySandboxes
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.shop_api.shop_urls import OtherShop, sandbox_of_shop_url


@dataclass(frozen=True, slots=True)
class WantedSandbox:
    """What to make. ``id``: None for one that nobody can guess.

    ``shop_token``: of the shop's sandbox; None for the shop's token in the settings.
    """

    shop_url: str
    id: str | None = None
    shop_token: str | None = None
    subscribe: bool = True
    expires_in_seconds: int = DEFAULT_LIFETIME_SECONDS


@dataclass(frozen=True, slots=True)
class MadeSandbox:
    """A new sandbox. ``token``: opens it, and is shown only now; None if everything is open.

    ``endpoint_id``: None if it was not to be subscribed.
    """

    sandbox: Sandbox
    token: str | None
    endpoint_id: str | None


class SandboxMaker:
    """Makes sandboxes. ``now``: returns the current time in UTC."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        settings: Settings,
        encryption: Encryption,
        now: Callable[[], datetime],
    ) -> None:
        self._sandboxes = sandboxes
        self._settings = settings
        self._encryption = encryption
        self._now = now

    def base_url(self, sandbox: Sandbox) -> str:
        """Return the URL of a sandbox for browsers and other programs."""
        return self._settings.base_url + sandbox_prefix(sandbox.id)

    def receiver_url(self, sandbox: Sandbox) -> str:
        """Return the URL to which the shop sends the sandbox's webhooks."""
        return self.base_url(sandbox) + RECEIVER_PATH

    async def make(self, wanted: WantedSandbox) -> MadeSandbox:
        """Make a sandbox and subscribe it.

        Raise ``Problem``: 409 (the id is taken, or there are too many), 422 (not our shop, or not
        an id or a token), or 502 (the shop did not register the sandbox; none was made).
        """
        sandbox_id = self._check_id(wanted.id)
        shop_url = await self._shop_url(wanted.shop_url)
        token = new_token() if self._settings.admin_token else None
        now = self._now()
        sandbox = Sandbox(
            id=sandbox_id,
            shop_url=shop_url,
            encrypted_shop_token=self._encrypted(wanted.shop_token),
            token_hash=token_hash(token) if token else None,
            created_at=now,
            expires_at=now + timedelta(seconds=wanted.expires_in_seconds),
        )
        try:
            sandbox = await self._sandboxes.add(sandbox)
        except SandboxTaken:
            raise _taken(sandbox_id) from None
        except TooManySandboxes:
            raise Problem(
                409,
                f"there are {self._settings.max_sandboxes} sandboxes already, which is the limit "
                "SUBSCRIBER_MAX_SANDBOXES: drop some",
            ) from None
        endpoint_id = await self._subscribe(sandbox_id) if wanted.subscribe else None
        return MadeSandbox(sandbox, token, endpoint_id)

    def _check_id(self, sandbox_id: str | None) -> str:
        if sandbox_id is None:
            return new_sandbox_id()
        if sandbox_id == "main":
            raise _taken(sandbox_id)
        if not is_sandbox_id(sandbox_id):
            raise Problem(422, f"{sandbox_id!r} is not a sandbox id: {ID_RULE}")
        return sandbox_id

    async def _shop_url(self, given: str) -> str:
        """Return the URL at which we call the shop's sandbox: always that of the settings.

        The shop's public URL is a setting, or what the shop names as the issuer of its tokens.
        """
        known = [each for each in (self._settings.shop_url, self._settings.shop_public_url) if each]
        try:
            shop_sandbox = sandbox_of_shop_url(given, *known)
        except OtherShop:
            shop_sandbox = await self._by_issuer(given, known)
        return self._settings.shop_url + (sandbox_prefix(shop_sandbox) if shop_sandbox else "")

    async def _by_issuer(self, given: str, known: Sequence[str]) -> str | None:
        subscription = await self._sandboxes.main.subscriptions.current()
        if subscription and subscription.issuer and subscription.issuer not in known:
            known = [*known, subscription.issuer]
        try:
            return sandbox_of_shop_url(given, *known)
        except OtherShop as error:
            accepted = " or ".join(known)
            raise Problem(
                422, f"shop_url: {error}; use {accepted}, alone or followed by /s/ and a sandbox"
            ) from None

    def _encrypted(self, shop_token: str | None) -> str | None:
        if not shop_token:
            return None
        if not (shop_token.isascii() and shop_token.isprintable()):
            raise Problem(422, "shop_token is sent in a header: use printable ASCII characters")
        return self._encryption.encrypt(shop_token)

    async def _subscribe(self, sandbox_id: str) -> str:
        """Subscribe, and return the endpoint's id. If the shop refuses, drop the sandbox."""
        try:
            async with self._sandboxes.using(sandbox_id) as parts:
                return await parts.subscriptions.subscribe()
        except ShopError as error:
            await self._sandboxes.drop(sandbox_id)
            raise Problem(502, f"the sandbox was not made: {error}") from None


def _taken(sandbox_id: str) -> Problem:
    return Problem(409, f"the id {sandbox_id!r} is taken; use another one, or leave it out")
