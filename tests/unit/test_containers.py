"""The files for containers and hosted editors are checked as far as possible without an engine.

``tests/integration/demo/test_container.py`` builds and starts the image where there is one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from shop.config import Settings as ShopSettings
from subscriber_app.config import Settings as SubscriberSettings
from tests.documents import ROOT
from tests.unit.test_documentation import SETTINGS

DOCKERFILE = (ROOT / "Dockerfile").read_text()
START = ROOT / ".devcontainer" / "start.sh"
PROGRAMS = ("hookshop.demo.run", "shop.__main__", "shop.worker", "subscriber_app.__main__")
IMPORT = "import importlib, sys; [importlib.import_module(program) for program in sys.argv[1:]]"


def copied() -> list[str]:
    return re.findall(r"^COPY (\S+) ", DOCKERFILE, flags=re.MULTILINE)


def test_the_image_gets_what_it_copies() -> None:
    sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)

    assert sent == copied()


def test_the_image_contains_all_that_the_programs_import(tmp_path: Path) -> None:
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            shutil.copy(ROOT / name, tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *PROGRAMS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_same_two_ports_lead_everywhere() -> None:
    ports = [
        ShopSettings.model_fields["port"].default,
        SubscriberSettings.model_fields["port"].default,
    ]
    editor = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())

    assert f"EXPOSE {ports[0]} {ports[1]}\n" in DOCKERFILE
    assert editor["forwardPorts"] == ports
    assert editor["postAttachCommand"] == str(START.relative_to(ROOT))
    assert demo()["ports"] == [f"127.0.0.1:{port}:{port}" for port in ports]


def test_a_codespace_knows_its_own_names(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text("#!/bin/sh\nenv")
    make.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    own = {"CODESPACE_NAME": "sunny-hook", "PATH": path}

    told = subprocess.check_output([START], env=own, text=True)
    elsewhere = subprocess.check_output([START], env={"PATH": path}, text=True)

    assert "SHOP_ALLOWED_HOSTS=sunny-hook-8000.app.github.dev\n" in told
    assert "SUBSCRIBER_ALLOWED_HOSTS=sunny-hook-8001.app.github.dev\n" in told
    assert "SHOP_SUBSCRIBER_URL=https://sunny-hook-8001.app.github.dev\n" in told
    assert set(re.findall(r"^(?:SHOP|SUBSCRIBER)_\w+", told, flags=re.MULTILINE)) <= SETTINGS
    assert "SHOP_" not in elsewhere


def test_compose_opens_the_demo_to_this_machine_only_and_with_tokens() -> None:
    environment = demo()["environment"]

    assert set(environment) <= SETTINGS
    assert all(port.startswith("127.0.0.1:") for port in demo()["ports"])
    for application in ("SHOP", "SUBSCRIBER"):
        default = re.search(r":-(.*)}", environment[f"{application}_ADMIN_TOKEN"])
        assert default
        assert len(default[1]) >= 16


def demo() -> dict[str, Any]:
    [service] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    found: dict[str, Any] = service
    return found
