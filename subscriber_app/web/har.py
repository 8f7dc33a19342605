"""Exports a receipt as an HTTP Archive, which browsers' tools and proxies can open.

HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/
"""

import base64
from http import HTTPStatus
from typing import Any

from hookshop.webkit.times import rfc3339_ms
from subscriber_app import __version__
from subscriber_app.database.models import Receipt


def as_har(receipt: Receipt, url: str) -> dict[str, Any]:
    """Return the document. ``url``: our receiver's URL."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "Hookshop Subscriber", "version": __version__},
            "entries": [
                {
                    "startedDateTime": rfc3339_ms(receipt.received_at),
                    "time": receipt.duration_ms,
                    "request": _request(receipt, url),
                    "response": _response(receipt),
                    "cache": {},
                    "timings": {"send": 0, "wait": receipt.duration_ms, "receive": 0},
                    "comment": f"Receipt {receipt.id}: {_verdict(receipt)}",
                }
            ],
        }
    }


def _verdict(receipt: Receipt) -> str:
    reason = f", {receipt.reason.value}" if receipt.reason else ""
    return f"{receipt.verdict.value}{reason}"


def _request(receipt: Receipt, url: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in receipt.headers],
        "queryString": [],
        "postData": _post_data(receipt),
        "headersSize": -1,
        "bodySize": len(receipt.body),
    }


def _post_data(receipt: Receipt) -> dict[str, Any]:
    content_type = next((value for name, value in receipt.headers if name == "content-type"), "")
    data: dict[str, Any] = {"mimeType": content_type, "params": []}
    try:
        return data | {"text": receipt.body.decode("utf-8")}
    except UnicodeDecodeError:
        # HAR 1.2 has an encoding for responses only; custom fields begin with an underscore.
        text = base64.b64encode(receipt.body).decode()
        return data | {"text": text, "_encoding": "base64", "comment": "text is base64"}


def _response(receipt: Receipt) -> dict[str, Any]:
    return {
        "status": receipt.status or 0,  # no response, as browsers export it
        "statusText": _phrase(receipt.status) if receipt.status else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": "", "comment": "the answer's body is not kept"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
