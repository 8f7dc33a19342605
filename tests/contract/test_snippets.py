"""The snippets of the docs that verify a webhook, run on webhooks that the shop signed."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shop.webhooks.rules.signing import SignedContent, generate_secret, signature
from tests.documents import code_block, page

pytestmark = pytest.mark.one_database("is about the docs")

VERIFYING = page("verifying")
BODY = '{"event":{"value":50.75,"note":"Zoë 🪝"}}\n'.encode()

Headers = dict[str, str]
Verify = Callable[[Headers, bytes, str], bool]


def in_python(headers: Headers, body: bytes, secret: str) -> bool:
    namespace: dict[str, Verify] = {}
    exec(code_block(VERIFYING, "python", "is_genuine"), namespace)
    return namespace["is_genuine"](headers, body, secret)


def in_node(headers: Headers, body: bytes, secret: str) -> bool:
    call = f"isGenuine({json.dumps(headers)}, Buffer.from('{body.hex()}', 'hex'), '{secret}')"
    program = code_block(VERIFYING, "js", "isGenuine") + f"\nconsole.log({call});"
    command = ["node", "--input-type=module", "--eval", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout == "true\n"


def in_shell(headers: Headers, body: bytes, secret: str, folder: Path) -> bool:
    (folder / "body.json").write_bytes(body)
    environment = os.environ | {
        "SECRET": secret,
        "WEBHOOK_ID": headers["webhook-id"],
        "WEBHOOK_TIMESTAMP": headers["webhook-timestamp"],
    }
    script = code_block(VERIFYING, "sh", "openssl")
    done = subprocess.run(
        ["sh", "-ec", script], cwd=folder, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip() in headers["webhook-signature"].split(" ")


@pytest.fixture(params=["python", "node", "shell"])
def verify(request: pytest.FixtureRequest, tmp_path: Path) -> Verify:
    if request.param == "python":
        return in_python
    tool = {"node": "node", "shell": "openssl"}[request.param]
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed here")
    if request.param == "node":
        return in_node
    return lambda headers, body, secret: in_shell(headers, body, secret, tmp_path)


def signed(secret: str, timestamp: int) -> Headers:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v2,other "
        + signature(SignedContent("msg_1", timestamp, BODY), secret),
    }


def test_a_genuine_webhook_is_accepted(verify: Verify) -> None:
    secret = generate_secret()

    assert verify(signed(secret, int(time.time())), BODY, secret)


def test_a_changed_body_is_rejected(verify: Verify) -> None:
    secret = generate_secret()

    assert not verify(signed(secret, int(time.time())), BODY.replace(b"50.75", b"50.76"), secret)


def test_another_secret_is_rejected(verify: Verify) -> None:
    assert not verify(signed(generate_secret(), int(time.time())), BODY, generate_secret())


@pytest.mark.parametrize("verify", ["python", "node"], indirect=True)
def test_an_old_webhook_is_rejected(verify: Verify) -> None:
    secret = generate_secret()

    assert not verify(signed(secret, int(time.time()) - 400), BODY, secret)
