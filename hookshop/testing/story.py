"""The story of a test: everything that its sandboxes know, as JSON."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hookshop import __version__
from hookshop.testing.http_client import ApiClient, HookshopError, Json
from hookshop.testing.pair import Hookshop
from hookshop.testing.receiver import Receiver, describe

MAX_DETAILS = 50  # deliveries and receipts with all their parts
MAX_NAME_LENGTH = 150  # characters of a file's name


def tell_story(hookshop: Hookshop, receiver: Receiver | None = None) -> Json:
    """Return what happened in the sandboxes of a test. What cannot be read is a sentence."""
    shop, subscriber = hookshop.shop.api, hookshop.subscriber.api
    return {
        "hookshop": __version__,
        "shop": {
            "url": shop.url,
            "endpoints": _try(lambda: shop.get("/v1/webhooks")["data"]),
            "deliveries": _try(lambda: _with_details(shop, "/v1/deliveries")),
            "quiescence": _try(lambda: shop.get("/v1/quiescence")),
            "stats": _try(lambda: shop.get("/v1/stats")),
        },
        "subscriber": {
            "url": subscriber.url,
            "subscription": _try(lambda: subscriber.get("/v1/subscription")),
            "fault": _try(lambda: subscriber.get("/v1/faults")),
            "defenses": _try(lambda: subscriber.get("/v1/defences")),
            "receipts": _try(lambda: _with_details(subscriber, "/v1/receipts")),
            "stats": _try(lambda: subscriber.get("/v1/stats")),
        },
        "receiver": [describe(each) for each in receiver.webhooks] if receiver else None,
    }


def trace_pages(hookshop: Hookshop) -> list[str]:
    """Return the addresses of the pages about each message, newest first."""
    messages = dict.fromkeys(each.message_id for each in hookshop.shop.deliveries())
    return [hookshop.subscriber.trace_page(message_id) for message_id in messages]


def save_story(folder: Path, test: str, story: Json) -> Path:
    """Write the story to a file named after the test, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", test).strip("-")[-MAX_NAME_LENGTH:]
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"test": test, **story}, indent=2, ensure_ascii=False) + "\n")
    return file


def _with_details(api: ApiClient, path: str) -> list[Json]:
    listed = api.get(path, {"limit": MAX_DETAILS})["data"]
    return [api.get(f"{path}/{each['id']}") for each in listed]


def _try(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except HookshopError as error:
        return str(error)
