"""The receiver of all measurements: ``python -m benchmarks.sink PORT``. Answers, and does no more.

``GET /count`` says how many requests were answered otherwise.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
KEEP_ALIVE_SECONDS = 300  # nobody shall find a connection closed between two rounds
BACKLOG = 4096

_count = 0


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """The whole application."""
    global _count  # noqa: PLW0603 – one number is all that it knows
    if scope["type"] != "http":
        return  # uvicorn can do without a lifespan
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
