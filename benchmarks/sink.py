"""The bare receiver: ``python -m benchmarks.sink PORT``. It responds and does nothing else.

``GET /count`` returns the number of POST requests.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
KEEP_ALIVE_SECONDS = 300  # longer than a round, so that no client finds its connection closed
BACKLOG = 4096

_count = 0


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Count POST requests, and respond with 200."""
    global _count  # noqa: PLW0603 – the only state of this process
    if scope["type"] != "http":
        return  # no lifespan
    while (await receive()).get("more_body"):
        pass
    answer = b"{}"
    if scope["path"] == "/count":
        answer = str(_count).encode()
    elif scope["method"] == "POST":
        _count += 1
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
    )
