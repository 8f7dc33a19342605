"""The code in the docs runs: verifiers on webhooks that the shop signed, and all curl commands."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shop.webhooks.rules.signing import LiveSecret, SignedContent, generate_secret, signing_headers
from tests.contract.conftest import World, read
from tests.documents import DOCUMENTS, ROOT, code_block, code_blocks, page
from tests.serving import free_port, port_of

pytestmark = pytest.mark.one_database("is about the docs")

VERIFYING = page("verifying")
NODE_FOLDER = ROOT / "tests" / "node"
BODY = '{"event":{"value":50.75,"note":"Zoë 🪝"}}\n'.encode()
URL, ISSUER, SECRET_ID = "http://127.0.0.1:9000/hook", "http://127.0.0.1:8000", "sec_1"

Headers = dict[str, str]
Verify = Callable[[Headers, bytes, str], bool]


def in_python(headers: Headers, body: bytes, secret: str, *, using: str) -> bool:
    namespace: dict[str, Any] = {}
    exec(code_block(VERIFYING, "python", using), namespace)
    if using == "import jwt":
        verified = namespace["is_genuine_token"](headers, body, {SECRET_ID: secret}, URL, ISSUER)
    else:
        verified = namespace["is_genuine"](headers, body, secret)
    assert isinstance(verified, bool)
    return verified


def in_node(headers: Headers, body: bytes, secret: str, *, using: str) -> bool:
    request = f"{json.dumps(headers)}, Buffer.from('{body.hex()}', 'hex')"
    call = f"isGenuine({request}, '{secret}')"
    if using == '"jose"':
        secrets = json.dumps({SECRET_ID: secret})
        call = f"await isGenuineToken({request}, {secrets}, '{URL}', '{ISSUER}')"
    program = code_block(VERIFYING, "js", using) + f"\nconsole.log({call});"
    command = ["node", "--input-type=module", "--eval", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=NODE_FOLDER)
    return {"true\n": True, "false\n": False}[done.stdout]


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


SNIPPETS = [
    ("python", "from standardwebhooks"),
    ("node", '"standardwebhooks"'),
    ("python", "import jwt"),
    ("node", '"jose"'),
    ("python", "hmac.digest"),
    ("node", "createHmac"),
    ("shell", "openssl"),
]
PROGRAMS = [snippet for snippet in SNIPPETS if snippet[0] != "shell"]


@pytest.fixture(params=SNIPPETS, ids=" ".join)
def verify(request: pytest.FixtureRequest, tmp_path: Path) -> Verify:
    language, using = request.param
    tool = {"node": "node", "shell": "openssl"}.get(language)
    if tool and not shutil.which(tool):
        pytest.skip(f"{tool} is not installed here")
    if language == "node":
        library = using.strip('"')
        if library != using and not (NODE_FOLDER / "node_modules" / library).exists():
            pytest.skip(f"{library} is not installed here: make ready-to-test")
        return lambda headers, body, secret: in_node(headers, body, secret, using=using)
    if language == "python":
        return lambda headers, body, secret: in_python(headers, body, secret, using=using)
    return lambda headers, body, secret: in_shell(headers, body, secret, tmp_path)


def signed(secret: str, timestamp: int) -> Headers:
    content = SignedContent("msg_1", timestamp, BODY)
    headers = signing_headers(content, [LiveSecret(SECRET_ID, secret)], issuer=ISSUER, audience=URL)
    headers["webhook-signature"] = "v2,other " + headers["webhook-signature"]
    return {name.lower(): value for name, value in headers.items()}


def test_a_genuine_webhook_is_accepted(verify: Verify) -> None:
    secret = generate_secret()

    assert verify(signed(secret, int(time.time())), BODY, secret)


def test_a_changed_body_is_rejected(verify: Verify) -> None:
    secret = generate_secret()

    assert not verify(signed(secret, int(time.time())), BODY.replace(b"50.75", b"50.76"), secret)


def test_another_secret_is_rejected(verify: Verify) -> None:
    assert not verify(signed(generate_secret(), int(time.time())), BODY, generate_secret())


@pytest.mark.parametrize("verify", PROGRAMS, indirect=True, ids=" ".join)
def test_an_old_webhook_is_rejected(verify: Verify) -> None:
    secret = generate_secret()

    assert not verify(signed(secret, int(time.time()) - 400), BODY, secret)


@pytest.mark.parametrize("verify", PROGRAMS, indirect=True, ids=" ".join)
def test_malformed_credentials_are_rejected_without_an_error(verify: Verify) -> None:
    now, late = str(int(time.time())), str(2**40)

    for headers in (
        {},
        {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": "v1,é"},
        {"webhook-id": "msg_1", "webhook-timestamp": late, "authorization": "Bearer a.b.c"},
    ):
        assert not verify(headers, BODY, generate_secret())


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed here")
async def test_the_whole_receiver_does_the_work_of_a_webhook_once(
    world: World, tmp_path: Path
) -> None:
    with free_port() as socket:
        port = port_of(socket)
    url = f"http://127.0.0.1:{port}/hook"
    endpoint = (await world.shop.post("/v1/webhooks/register", json={"webhook_url": url})).json()

    async with receiver_in_node(tmp_path, port, endpoint["secret"]) as receiver:
        order = await world.buy(mug=2)
        await world.deliver_due()
        [delivery] = await deliveries_to(world, endpoint)
        await world.shop.post(f"/v1/deliveries/{delivery['id']}/attempts")
        await world.deliver_due()
        forged = await world.shop.post(url, json={}, headers={"webhook-id": "msg_1"})

    [delivery] = await deliveries_to(world, endpoint)
    assert (delivery["state"], delivery["attempt_count"]) == ("succeeded", 2)
    assert forged.status_code == 401
    total = order["total_cents"] / 100
    assert (await receiver.communicate())[0].decode() == f"purchase.created {total:g}\n"


@asynccontextmanager
async def receiver_in_node(folder: Path, port: int, secret: str) -> AsyncIterator[Process]:
    """Run the whole receiver of the docs until the block ends."""
    (folder / "verify.mjs").write_text(code_block(VERIFYING, "js", "createHmac"))
    (folder / "receiver.mjs").write_text(code_block(VERIFYING, "js", "createServer"))
    environment = os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    receiver = await asyncio.create_subprocess_exec(
        "node", "receiver.mjs", cwd=folder, env=environment, stdout=PIPE
    )
    assert receiver.stdout
    try:
        assert await receiver.stdout.readline() == f"listening on port {port}\n".encode()
        yield receiver
    finally:
        receiver.terminate()


async def deliveries_to(world: World, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    found = await read(world.shop, f"/v1/deliveries?endpoint_id={endpoint['id']}")
    deliveries: list[dict[str, Any]] = found["data"]
    return deliveries


COMMANDS = {
    command
    for document in DOCUMENTS
    for command in code_blocks(document.read_text(), "sh")
    if "curl " in command and "…" not in command
}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed here")
async def test_every_curl_command_of_the_docs_works(world: World) -> None:
    assert COMMANDS
    for command in sorted(COMMANDS):
        expected = {401} if "msg_forged" in command else {200, 201, 202, 204}
        assert await statuses(world, command) <= expected, command


async def statuses(world: World, command: str) -> set[int]:
    """Run the command against these applications; return the statuses that curl got."""
    for default, used in (("8000", world.shop), ("8001", world.subscriber)):
        command = command.replace(f"http://127.0.0.1:{default}", str(used.base_url).rstrip("/"))
    command = command.replace("curl -s", "curl -s -o /dev/null -w '%{http_code} '")
    run = await asyncio.create_subprocess_exec("sh", "-ec", command, stdout=PIPE)
    printing = asyncio.create_task(run.communicate())
    while not printing.done():
        await world.deliver_due()  # some commands wait for that
        await asyncio.sleep(0.01)
    printed, _ = await printing
    assert run.returncode == 0, command
    return {int(status) for status in printed.split()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_each_json_document_in_the_docs_is_json(document: Path) -> None:
    for block in code_blocks(document.read_text(), "json"):
        json.loads(block)
