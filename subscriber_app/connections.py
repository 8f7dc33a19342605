"""The HTTP connections that all sandboxes share, to the shop and to this process itself.

Each caller has a client of its own on top, with its own base URL, headers and cookies.
"""

from typing import Any

import httpx

from hookshop.webkit import idle_connections

# Every call has a timeout. A limit would let one sandbox, whose calls hang, delay the others.
_LIMITS = httpx.Limits(
    max_connections=None,
    max_keepalive_connections=20,
    keepalive_expiry=idle_connections.CLIENT_SECONDS,
)


class SharedConnections(httpx.AsyncBaseTransport):
    """A transport for any number of clients. Only ``close`` closes its connections.

    The next request then opens new ones, possibly in another event loop.
    """

    def __init__(self) -> None:
        self._pools: dict[str, httpx.AsyncHTTPTransport] = {}  # by the scheme of the URL

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return await self._pool(request.url.scheme).handle_async_request(request)

    async def aclose(self) -> None:
        """Do nothing: a client that is closed leaves the connections to the others."""

    async def close(self) -> None:
        """Close all connections."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    def client(self, base_url: str, *, timeout_seconds: float, **options: Any) -> httpx.AsyncClient:
        """Return a client for one server. It need not be closed."""
        return httpx.AsyncClient(
            transport=self,
            base_url=base_url,
            timeout=timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            **options,
        )

    def _pool(self, scheme: str) -> httpx.AsyncHTTPTransport:
        if scheme not in self._pools:
            # Reading the certificate authorities takes 30 ms, and plain HTTP does not need them.
            verify = scheme != "http"
            self._pools[scheme] = httpx.AsyncHTTPTransport(
                verify=verify, trust_env=False, limits=_LIMITS
            )
        return self._pools[scheme]
