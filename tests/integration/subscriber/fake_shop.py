"""A fake shop: the part of its JSON API that a subscriber calls, on a real socket.

It implements the contract without the shop's code, and can be set to respond with anything.
"""

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.integration.subscriber.signer import NOW, SHOP_URL


@dataclass(slots=True)
class FakeShop:
    """``endpoints``: by id, as the shop has them. ``calls``: method and path of every request.

    ``answers``: by method, a status and a body to respond with instead of the normal ones.
    """

    port: int
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    registered_at: str = "2024-06-30T12:34:56Z"
    stats: dict[str, Any] = field(default_factory=lambda: sold(0))
    calls: list[tuple[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    issuer: str = SHOP_URL
    sandboxes: list[str] = field(default_factory=list)
    sandbox_token: str | None = None
    resets: list[tuple[str, list[str]]] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: datetime.fromtimestamp(NOW, UTC)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secrets(self) -> list[str]:
        """Return every live secret."""
        return [endpoint["secret"] for endpoint in self.endpoints.values()]

    def count(self, method: str) -> int:
        return sum(called == method for called, _path in self.calls)


def sold(
    cents: int, *, refunded: int = 0, earlier: int = 0, pending: int = 0, sending: int = 0
) -> dict[str, Any]:
    """Set the shop's totals. ``cents``: gross, since the requested time."""
    return {
        "orders": 1,
        "gross_cents": cents,
        "refunded_cents": refunded,
        "revenue_cents": cents - refunded,
        "earlier_cents": earlier,
        "deliveries": {"pending": pending, "sending": sending, "succeeded": 1},
    }


@contextmanager
def running_shop(port: int = 0) -> Iterator[FakeShop]:
    """Serve on this port of 127.0.0.1, or on a free one, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.shop = FakeShop(server.server_port)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.shop  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _new_secret_id() -> str:
    return f"sec_{secrets.token_hex(16)}"


class _Handler(BaseHTTPRequestHandler):
    @property
    def shop(self) -> FakeShop:
        shop: FakeShop = self.server.shop  # type: ignore[attr-defined]
        return shop

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._answered_otherwise():
            return
        if self.path.endswith("/v1/sandbox/reset"):
            self.shop.resets.append((self.path, body["keep"]))
            self._answer(200, {"kept": body["keep"]})
            return
        if self.path == "/v1/sandboxes":
            id_ = body.get("id", "t-0123456789")
            self.shop.sandboxes.append(id_)
            made = {"id": id_, "base_url": f"{self.shop.url}/s/{id_}"}
            self._answer(201, made | {"token": self.shop.sandbox_token})
            return
        if self.path.endswith("/rotate-secret"):
            endpoint = self.shop.endpoints[self._id().removesuffix("/rotate-secret")]
            self._rotate(endpoint, **body)
            return
        for id_, endpoint in self.shop.endpoints.items():
            if endpoint["webhook_url"] == body["webhook_url"]:
                self._answer(409, {"endpoint_id": id_, "detail": "registered already"})
                return
        id_, secret, secret_id = f"ep_{secrets.token_hex(16)}", _new_secret(), _new_secret_id()
        self.shop.endpoints[id_] = {
            **body,
            "id": id_,
            "status": "active",
            "secret": secret,
            "secrets": [{"id": secret_id, "expires_at": None}],
        }
        answer = {"id": id_, "secret": secret, "secret_id": secret_id, "issuer": self.shop.issuer}
        self._answer(201, answer | {"created_at": self.shop.registered_at})

    def _rotate(
        self, endpoint: dict[str, Any], grace_seconds: int, replace_oldest: bool = False
    ) -> None:
        now, live = self.shop.now(), self._live_secrets(endpoint)
        if len(live) == 5 and not replace_oldest:
            self._answer(409, {"detail": "five secrets are live"})
            return
        until = (now + timedelta(seconds=grace_seconds)).isoformat()
        live[0]["expires_at"] = until
        endpoint["secret"], secret_id = _new_secret(), _new_secret_id()
        endpoint["secrets"] = [{"id": secret_id, "expires_at": None}, *live[:4]]
        self._answer(
            200, {"secret": endpoint["secret"], "secret_id": secret_id, "expires_at": until}
        )

    def _live_secrets(self, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the live secrets, newest first."""
        now = self.shop.now().isoformat()
        ends = [(each, each["expires_at"]) for each in endpoint.get("secrets", [])]
        return [each for each, end in ends if end is None or end > now]

    def do_GET(self) -> None:
        if self._answered_otherwise():
            return
        if "/v1/stats" in self.path:
            self._answer(200, self.shop.stats)
        else:
            endpoint = self.shop.endpoints.get(self._id())
            if endpoint is None:
                self._answer(404, {"status": 404})
                return
            shown = {"status": endpoint["status"], "issuer": self.shop.issuer}
            self._answer(200, shown | {"secrets": self._live_secrets(endpoint)})

    def do_DELETE(self) -> None:
        if not self._answered_otherwise():
            sandbox_id = self.path.removeprefix("/v1/sandboxes/")
            if sandbox_id in self.shop.sandboxes:
                self.shop.sandboxes.remove(sandbox_id)
                self._answer(204)
                return
            known = self.shop.endpoints.pop(self._id(), None)
            self._answer(204) if known else self._answer(404, {"status": 404})

    def _id(self) -> str:
        return self.path.removeprefix("/v1/webhooks/")

    def _answered_otherwise(self) -> bool:
        self.shop.calls.append((self.command, self.path))
        self.shop.authorizations.append(self.headers["Authorization"])
        if self.command not in self.shop.answers:
            return False
        self._send(*self.shop.answers[self.command])
        return True

    def _answer(self, status: int, document: dict[str, Any] | None = None) -> None:
        self._send(status, json.dumps(document).encode() if document else b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base class's name
        """Log nothing; tests check ``calls``."""
