"""The curl command, run by a real shell and curl, sends the same request again."""

import shutil
import subprocess

import pytest

from shop.web.deliveries.curl import as_curl
from tests.receiver import running_receiver

HEADERS = {
    "host": "elsewhere.example",
    "content-length": "9999",
    "connection": "keep-alive",
    "accept": "*/*",
    "accept-encoding": "identity",
    "user-agent": "Hookshop/0.1.0",
    "content-type": "application/json",
    "webhook-signature": "v1,abc=",
    "x-hostile": "$(touch /tmp/x) `id` 'quoted' \"double\" \\ ! %s",
}
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")


@needs_curl
@pytest.mark.parametrize(
    "body",
    [
        b'{"event":{"value":50.75},"note":"it\'s $HOME `id` \\"}',
        "Grüße".encode(),
        b"@/etc/hostname",
        b"\x00\xff\r\n",
        b"",
    ],
)
def test_the_command_sends_the_same_bytes_and_headers(body: bytes) -> None:
    with running_receiver() as receiver:
        url = f"{receiver.url}/it's/../[1-3]{{a,b}}?q=$(id)&x=*"
        command = as_curl(url, HEADERS, body)
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=20)

    [request] = receiver.requests
    assert request.body == body
    assert request.path == "/hook/it's/../[1-3]{a,b}?q=$(id)&x=*"
    assert int(request.headers["content-length"]) == len(body)
    sent = {name: value for name, value in HEADERS.items() if name not in {"host", "connection"}}
    assert request.headers == {
        **sent,
        "host": request.headers["host"],
        "content-length": str(len(body)),
    }
    assert request.headers["host"].startswith("127.0.0.1:")


def test_a_plain_body_can_be_read_in_the_command() -> None:
    command = as_curl("http://127.0.0.1:9001/", {"webhook-id": "msg_1"}, b'{"a": 1}')

    assert command.splitlines() == [
        "curl --include --globoff --path-as-is --request POST http://127.0.0.1:9001/ \\",
        "  --header 'webhook-id: msg_1' \\",
        "  --data-binary '{\"a\": 1}'",
    ]
