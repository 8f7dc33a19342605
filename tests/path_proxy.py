"""A proxy that serves several applications under one host and port, each under a path.

It takes the path off, as nginx and Caddy do. Everything else is 404, so that an address without its
path does not go unnoticed.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

HOST = "127.0.0.1"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
END_OF_HEAD = b"\r\n\r\n"
CHUNK_BYTES = 65_536


@dataclass(slots=True)
class PathProxy:
    """A running proxy. ``ports``: the port of each application, by path, such as ``/shop``.

    ``url``: where it listens. ``astray``: the request lines that no application got.
    """

    url: str
    ports: Mapping[str, int]
    astray: list[str] = field(default_factory=list)

    async def answer(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Answer one request, and close the connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await client.readuntil(END_OF_HEAD)
            passed_on = self._route(head)
            if passed_on is None:
                self.astray.append(head.partition(b"\r\n")[0].decode("latin-1"))
                to_client.write(NOT_FOUND)
                await to_client.drain()
            else:
                await _pass_on(*passed_on, client, to_client)
        to_client.close()

    def _route(self, head: bytes) -> tuple[int, bytes] | None:
        """Return the port of the application and the head for it."""
        first, *lines = head.removesuffix(END_OF_HEAD).split(b"\r\n")
        method, target, version = first.split(b" ")
        for path, port in self.ports.items():
            if target.startswith(f"{path}/".encode()):
                kept = [line for line in lines if not line.lower().startswith(b"connection:")]
                first = b" ".join([method, target.removeprefix(path.encode()), version])
                return port, b"\r\n".join([first, *kept, b"Connection: close", b"", b""])
        return None


async def _pass_on(
    port: int, head: bytes, client: asyncio.StreamReader, to_client: asyncio.StreamWriter
) -> None:
    server, to_server = await asyncio.open_connection(HOST, port)
    to_server.write(head)
    # The first to end ends both: a reader that leaves a live page, or the application.
    copies = {
        asyncio.create_task(_copy(source, target))
        for source, target in ((client, to_server), (server, to_client))
    }
    _, unfinished = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    for copy in unfinished:
        copy.cancel()
    to_server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()


@contextmanager
def running_path_proxy(port: int, ports: Mapping[str, int]) -> Iterator[PathProxy]:
    """Listen on ``port``, in a thread with its own event loop, until the block ends."""
    proxy = PathProxy(f"http://{HOST}:{port}", ports)
    stop: Future[Callable[[], object]] = Future()
    thread = threading.Thread(target=asyncio.run, args=(_serve(proxy, port, stop),))
    thread.start()
    try:
        end = stop.result()
        try:
            yield proxy
        finally:
            end()
    finally:
        thread.join()


async def _serve(proxy: PathProxy, port: int, stop: Future[Callable[[], object]]) -> None:
    """Serve until the function that ``stop`` then has is called."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    try:
        server = await asyncio.start_server(proxy.answer, HOST, port)
    except OSError as error:
        stop.set_exception(error)
        return
    stop.set_result(partial(loop.call_soon_threadsafe, stopped.set))
    await stopped.wait()
    server.close()  # asyncio.run cancels what is still open
