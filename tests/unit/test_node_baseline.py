"""The baseline in Node signs as the shop does, so that it does the same work."""

import base64
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import jwt
import pytest
from standardwebhooks import Webhook

from benchmarks.baselines import NODE_FOLDER
from shop.webhooks.rules.signing import generate_secret
from tests.documents import ROOT

SIGN = """
import { signingHeaders } from "./signing.mjs";
const { content, secret, audience } = JSON.parse(process.argv[1]);
console.log(JSON.stringify(signingHeaders(content, secret, audience)));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_a_webhook_signed_in_node_has_a_valid_signature_and_token() -> None:
    secret, url, body = generate_secret(), "http://127.0.0.1:9/hook", '{"name":"Zoë"}'
    content = {"messageId": "msg_1", "timestamp": int(time.time()), "body": body}
    task = {"content": content, "secret": {"id": "sec_1", "secret": secret}, "audience": url}

    done = subprocess.run(
        ["node", "--input-type=module", "--eval", SIGN, json.dumps(task)],
        cwd=NODE_FOLDER,
        capture_output=True,
        check=True,
    )

    headers = json.loads(done.stdout)
    assert Webhook(secret).verify(body, headers) == {"name": "Zoë"}
    token = headers["Authorization"].removeprefix("Bearer ")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    claims = jwt.decode(token, key, algorithms=["HS256"], audience=url)
    assert claims["jti"] == "msg_1"
    assert claims["payload_hash"] == hashlib.sha256(body.encode()).hexdigest()


@pytest.mark.parametrize(
    "folder",
    [NODE_FOLDER, ROOT / "tests" / "node", ROOT / "examples" / "typescript"],
    ids=["bench", "docs", "example"],
)
def test_the_lock_file_for_node_names_no_registry(folder: Path) -> None:
    lock = (folder / "package-lock.json").read_text()

    assert "integrity" in lock
    assert "http" not in lock.replace('"url": "https://', "")
