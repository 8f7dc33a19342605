"""Gives the workers of pytest-xdist one demo: the controller starts it when a worker asks."""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener

from hookshop.testing.server import HookshopServer, ServerError

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 90.0  # longer than the start of a demo may take


class ServerDesk:
    """In the controller: answers each worker with the demo, or with why there is none."""

    def __init__(self, get_server: Callable[[], HookshopServer]) -> None:
        self._get_server = get_server
        self._key = secrets.token_bytes(16)
        self._listener = Listener((LOOPBACK, 0), authkey=self._key)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> tuple[int, str]:
        """Return what ``ask_desk`` needs: the port, and the key as hexadecimal digits."""
        return int(self._listener.address[1]), self._key.hex()

    def close(self) -> None:
        """Answer no more."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                worker = self._listener.accept()
            except AuthenticationError:
                continue  # a stranger on this machine
            except OSError:
                return  # closed
            with worker, suppress(OSError):
                self._answer(worker)

    def _answer(self, worker: "Connection[object, object]") -> None:
        try:
            worker.send(self._get_server().to_json())
        except ServerError as error:
            worker.send((str(error),))


def ask_desk(address: tuple[int, str]) -> HookshopServer:
    """In a worker: return the demo. Raise ``ServerError`` if there is none."""
    port, key = address
    try:
        with Client((LOOPBACK, port), authkey=bytes.fromhex(key)) as desk:
            answer = (
                desk.recv() if desk.poll(ANSWER_SECONDS) else ["The demo did not start in time."]
            )
    except (OSError, EOFError) as error:
        raise ServerError("The tests have ended.") from error
    if isinstance(answer, str):
        return HookshopServer.from_json(answer)
    raise ServerError(answer[0])
