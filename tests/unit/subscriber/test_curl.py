"""The curl command, run by real shells with a fake curl that records its arguments."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscriber_app.web.curl import as_curl

URL = "http://127.0.0.1:8001/v1/new-purchase"
STAND_IN = """#!/usr/bin/env python3
import json, os, sys
given = [os.fsencode(each).hex() for each in sys.argv[1:]]
body = sys.stdin.buffer.read().hex() if sys.argv[-1] == "@-" else None
print(json.dumps([given, body]))
"""
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    stand_in = folder / "curl"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    return folder


def run(command: str, folder: Path, shell: str = "sh") -> tuple[list[bytes], list[bytes]]:
    """Return the headers and the body, or none, that curl would send."""
    done = subprocess.run(
        [shell],
        input=command.encode(),
        capture_output=True,
        check=True,
        timeout=30,
        env={"PATH": f"{folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert done.stderr == b""
    given, piped = json.loads(done.stdout)
    arguments = [bytes.fromhex(each) for each in given]
    headers = [value for name, value in pairwise(arguments) if name == b"--header"]
    return headers, [bytes.fromhex(piped) if piped is not None else arguments[-1]]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "it\'s $HOME `id` $(id) !! \\\\ %s"}\n',
        b"",
        b"@/etc/passwd",
        b"-d x",
        "Zoë 🪝".encode(),
        b"\x00\xff\x1b[2J",
        b"a\r\nb",
        "\u202elive".encode(),
        b"x" * 200_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_the_command_sends_the_same_bytes(body: bytes, shell: str, folder: Path) -> None:
    assert run(as_curl(URL, [], body), folder, shell)[1] == [body]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore"))
)
def test_the_command_sends_any_body(body: bytes, folder: Path) -> None:
    assert run(as_curl(URL, [], body), folder)[1] == [body]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("it's; $(id)", b"x-a: it's; $(id)"),
        ("caf\xe9 %s \\n", b"x-a: caf\xe9 %s \\n"),
        ("a\tb", b"x-a: a\tb"),
        ("", b"x-a;"),
        ("@file", b"x-a: @file"),
    ],
)
def test_headers_are_sent_as_they_came(value: str, sent: bytes, folder: Path) -> None:
    assert sent in run(as_curl(URL, [["x-a", value]], b"{}"), folder)[0]


def test_an_invalid_header_name_is_left_out() -> None:
    assert "evil" not in as_curl(URL, [["@evil", "x"], ["e\nvil", "x"], ["", "evil"]], b"")


def test_curl_sets_its_own_headers_and_adds_no_others(
    folder: Path,
) -> None:
    came = [["host", "x"], ["content-length", "2"], ["user-agent", "Hookshop/1"]]

    headers, _body = run(as_curl(URL, came, b"{}"), folder)

    assert headers == [b"user-agent: Hookshop/1", b"accept:", b"content-type:"]
