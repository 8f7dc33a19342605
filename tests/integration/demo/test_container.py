"""The image is built and runs the demo, where there is a container engine with the base image."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from tests.demo import ROOT, START_SECONDS, free_ports
from tests.waiting import wait_for

BUILD_SECONDS = 600
TOKEN = "a-token-for-the-test"
[BASE] = re.findall(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)


def engine() -> str | None:
    """Return the command of a container engine that runs, or None."""
    for name in ("docker", "podman"):
        if shutil.which(name) and run(name, "info").returncode == 0:
            return name
    return None


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )


@pytest.fixture
def image() -> str:
    command = engine()
    if command is None:
        pytest.skip("no container engine runs here")
    known = run(command, "image", "inspect", BASE)
    if known.returncode and run(command, "pull", BASE).returncode:
        pytest.skip(f"the engine cannot get {BASE}")
    built = run(command, "build", "--quiet", ".")
    assert built.returncode == 0, built.stderr
    return built.stdout.strip()


@pytest.fixture
def demo_urls(image: str) -> Iterator[list[str]]:
    command, ports = engine() or "", free_ports(2)
    tokens = [f"--env={app}_ADMIN_TOKEN={TOKEN}" for app in ("SHOP", "SUBSCRIBER")]
    hosts = [f"--env={app}_HOST=0.0.0.0" for app in ("SHOP", "SUBSCRIBER")]
    published = [f"--publish=127.0.0.1:{port}:{8000 + i}" for i, port in enumerate(ports)]
    started = run(command, "run", "--detach", "--init", *tokens, *hosts, *published, image)
    assert started.returncode == 0, started.stderr
    yield [f"http://127.0.0.1:{port}" for port in ports]
    run(command, "rm", "--force", started.stdout.strip())


def test_the_image_runs_the_demo(demo_urls: list[str]) -> None:
    for url in demo_urls:
        wait_for(partial(is_healthy, url), f"{url} serves", START_SECONDS)


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
