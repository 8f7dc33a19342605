"""A public address is examined only after its owner has agreed: it must show the run's token."""

import asyncio
import time
from collections.abc import Callable
from ipaddress import ip_address

from shop.exam.run import NotReached
from shop.exam.sender import Sender
from shop.webhooks.rules.url_policy import is_public
from shop.webhooks.rules.urls import parse_url

PATH = "/.well-known/hookshop-exam"
MAX_WAIT_SECONDS = 60
POLL_SECONDS = 1.0


async def require_ownership(
    sender: Sender, url: str, *, token: str, say: Callable[[str], None]
) -> None:
    """Return if the address is private, or once it shows the token. Raise ``NotReached``.

    ``say``: tells people what to do. Only GET requests of one path are sent before that.
    """
    parts = parse_url(url)
    if not any(is_public(ip_address(each)) for each in await sender.addresses(parts)):
        return
    shown_at = f"{parts.scheme}://{parts.host_header}{PATH}"
    say(f"{url} is a public address. Let {shown_at} answer with this token: {token}")
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = await sender.get(shown_at)
        if answer.status == 200 and token.encode() in answer.body:  # noqa: PLR2004 – HTTP OK
            return
        await asyncio.sleep(POLL_SECONDS)
    raise NotReached(
        f"{shown_at} did not show the token within {MAX_WAIT_SECONDS} s; nothing was sent to {url}"
    )
