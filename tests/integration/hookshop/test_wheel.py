"""The wheel is complete: it installs, runs from any folder, and can be uninstalled."""

import json
import subprocess
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

import hookshop
import shop
import subscriber_app
from tests.demo import ROOT, STOP_SECONDS, clean_environment
from tests.wheel import build, install, run, site_packages, uv

PACKAGES = ("hookshop", "shop", "subscriber_app")
# What `import hookshop.testing` must not need.
DEPENDENCIES = {"litestar", "sqlmodel", "sqlalchemy", "httpx", "click", "jinja2", "pydantic", "arq"}
# Without it, Python 3.12 warns; before 3.11.4 there is none.
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
IMPORT_TESTING = """
import json, pkgutil, sys
import hookshop.testing
for module in pkgutil.walk_packages(hookshop.testing.__path__, "hookshop.testing."):
    __import__(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and the dependencies of the environment of these tests."""
    return install(wheel, tmp_path_factory.mktemp("environment"))


def installed_files(environment: Path) -> set[Path]:
    folders = (site_packages(environment), environment / "bin")
    return {path for folder in folders for path in folder.rglob("*")}


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def files_of(folder: str) -> set[str]:
    """Return the files of a folder of the clone that belong into the wheel."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    left_out = {"__pycache__", "screenshots"}
    return {str(path.relative_to(ROOT)) for path in files if not left_out & set(path.parts)}


def test_the_wheel_has_every_module_template_and_static_file_and_nothing_else(wheel: Path) -> None:
    modules = {name for package in PACKAGES for name in files_of(package)}
    folders = ("templates", "static", "docs")
    assets = {f"hookshop/{name}" for folder in folders for name in files_of(folder)}

    contents = {name for name in names_in(wheel) if ".dist-info/" not in name}

    assert contents == modules | assets
    assert {f"{package}/py.typed" for package in PACKAGES} <= contents
    assert "hookshop/testing/hookshop.ts" in contents


def test_the_wheel_has_the_licenses_of_what_it_contains(wheel: Path) -> None:
    licenses = {name.partition("/licenses/")[2] for name in names_in(wheel)} - {""}

    vendored = {str(path.relative_to(ROOT)) for path in ROOT.glob("static/vendor/*.LICENSE")}
    assert vendored
    assert licenses == {"LICENSE", *vendored}


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, **SAFELY)

    again = build("wheel", tmp_path / source.name.removesuffix(".tar.gz"), tmp_path / "wheel")

    assert names_in(again) == names_in(wheel)


def test_all_packages_have_the_version_of_the_wheel(wheel: Path) -> None:
    version = wheel.name.split("-")[1]

    assert {hookshop.__version__, shop.__version__, subscriber_app.__version__} == {version}


def test_the_test_kit_needs_neither_applications_dependencies(environment: Path) -> None:
    imported = json.loads(run(environment / "bin" / "python", "-P", "-c", IMPORT_TESTING))

    assert "hookshop" in imported
    assert DEPENDENCIES.isdisjoint(imported)


def test_pytest_finds_the_plugin_by_itself_and_bears_that_it_is_named(
    environment: Path, tmp_path: Path
) -> None:
    pytest_of_the_wheel = (environment / "bin" / "python", "-P", "-m", "pytest", "--fixtures")

    for options in ((), ("-p", "hookshop.testing.plugin")):
        fixtures = run(*pytest_of_the_wheel, *options, folder=tmp_path)
        assert "hookshop_receiver" in fixtures


def test_the_installed_demo_serves_from_a_folder_with_the_same_names(
    environment: Path, tmp_path: Path
) -> None:
    for name in ("shop", "static", "templates", "hookshop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('a foreign {name}')")
    command = [str(environment / "bin" / "hookshop"), "demo", "--json"]
    home = tmp_path / "home"
    with subprocess.Popen(
        [*command, "--shop-port", "0", "--subscriber-port", "0"],
        cwd=tmp_path,
        env=clean_environment() | {"HOME": str(home), "XDG_DATA_HOME": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as demo:
        assert demo.stdout
        facts = json.loads(demo.stdout.readline())
        pages = [httpx.get(facts[name]) for name in ("shop_url", "subscriber_url")]
        style = httpx.get(f"{facts['shop_url']}/static/css/base.css")
        demo.terminate()
        assert demo.wait(timeout=STOP_SECONDS) == 0

    assert [page.status_code for page in (*pages, style)] == [200, 200, 200]
    assert Path(facts["var"]).is_relative_to(home)
    assert (Path(facts["var"]) / "shop.db").exists()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"home", "hookshop", "shop", "static", "templates"}


def test_uninstalling_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    before = installed_files(tmp_path)
    run(*uv(tmp_path, "install"), "--no-deps", wheel)
    run(tmp_path / "bin" / "python", "-c", "import hookshop.testing, shop, subscriber_app")
    top_level = {path.name for path in site_packages(tmp_path).iterdir() if path.is_dir()}

    run(*uv(tmp_path, "uninstall"), "hookshop")

    assert {name for name in top_level if not name.endswith(".dist-info")} == {*PACKAGES}
    assert installed_files(tmp_path) == before
