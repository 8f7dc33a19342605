"""The architecture: which folders may import which, checked for every module."""

import ast
import graphlib
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("hookshop", "shop", "subscriber_app")
    for path in (ROOT / package).rglob("*.py")
}

# Pure modules: they depend only on their arguments.
PURE = {
    "shop.vocabulary",
    "hookshop.testing.fault_script",
    "hookshop.testing.verification",
    "hookshop.webkit.glossary",
    "hookshop.webkit.state_labels",
    "hookshop.webkit.plain_text",
    "hookshop.webkit.times",
    "shop.orders.catalog",
    "shop.exam.case",
    "shop.exam.crafting",
    "shop.exam.curl",
    "shop.exam.judging",
    "shop.exam.opening",
    "shop.exam.reports",
    "shop.exam.scorecard",
    "shop.exam.selection",
    "shop.exam.wire",
    "shop.web.state_labels",
    "shop.web.flow.facts",
    "shop.web.flow.stages",
    "shop.web.flow.routes",
    "shop.web.flow.rails",
    "shop.web.flow.stations",
    "shop.web.flow.lanes",
    "shop.web.flow.picture",
    "shop.web.flow.problems",
    "shop.web.hold_labels",
    "shop.web.endpoint_names",
    "subscriber_app.checklist",
    "subscriber_app.explaining.comparison",
    "subscriber_app.explaining.diagnosis",
    "subscriber_app.explaining.explanation",
    "subscriber_app.receiving.json_limits",
    "subscriber_app.receiving.keyring",
    "subscriber_app.lab.rewriting",
    "subscriber_app.missions.failing_endpoints",
    "subscriber_app.receiving.events",
    "subscriber_app.faults.actions",
    "subscriber_app.faults.settings",
    "subscriber_app.lab.attacks",
    "subscriber_app.receiving.defences",
    "subscriber_app.lab.forged_credentials",
    "subscriber_app.receiving.decision",
    "subscriber_app.shop_api.errors",
    "subscriber_app.shop_api.spellings",
    "subscriber_app.shop_api.delivery_log",
    "subscriber_app.explaining.trace",
    "subscriber_app.missions.facts",
    "subscriber_app.missions.links",
    "subscriber_app.missions.mission",
    "subscriber_app.missions.obstacles",
    "subscriber_app.missions.places",
    "subscriber_app.receiving.tokens",
    "subscriber_app.receiving.verification",
    "subscriber_app.vocabulary",
    "subscriber_app.web.missions.text",
    "subscriber_app.web.state_labels",
}
PURE |= {module for module in MODULES if module.startswith("subscriber_app.missions.watch")}
PURE |= {module for module in MODULES if module.startswith("shop.webhooks.rules")}

# From top to bottom: a folder may import those after it, and pure modules of any folder.
LAYERS = {
    "shop": ("web", "exam", "sandboxes", "orders", "webhooks", "redis", "database"),
    "subscriber_app": (
        "web",
        "missions",
        "explaining",
        "lab",
        "receiving",
        "faults",
        "shop_api",
        "database",
    ),
}
INPUT_OUTPUT = {
    "sqlalchemy",
    "sqlmodel",
    "httpx",
    "redis",
    "arq",
    "litestar",
    "asyncio",
    "socket",
    "time",
    "random",
    "os",
}


@cache
def statements(module: str) -> list[ast.stmt]:
    return ast.parse(MODULES[module].read_text()).body


@cache
def imports_of(module: str) -> frozenset[str]:
    """Return every module that this one imports, anywhere in the file."""
    return frozenset(name for each in statements(module) for name in _imports(each))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def modules_importing(library: str) -> set[str]:
    return {
        module for module in MODULES if any(is_inside(name, library) for name in imports_of(module))
    }


def inside(package: str) -> set[str]:
    return {module for module in MODULES if is_inside(module, package)}


def test_no_application_is_imported_by_the_other_or_by_the_shared_kit() -> None:
    assert not modules_importing("shop") - inside("shop")
    assert not modules_importing("subscriber_app") - inside("subscriber_app")


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_rules_know_no_database_network_or_clock(module: str) -> None:
    named = imports_of(module)

    assert not {name for name in named if name.split(".")[0] in INPUT_OUTPUT}
    ours = {name for name in named if name in MODULES}
    assert ours <= PURE


def test_litestar_appears_only_in_app_web_and_webkit() -> None:
    web = inside("shop.web") | inside("subscriber_app.web") | inside("hookshop.webkit")
    allowed = {"shop.app", "subscriber_app.app"} | web

    assert not modules_importing("litestar") - allowed


def test_the_worker_does_not_load_the_web_framework() -> None:
    reached = reached_from("shop.worker", imports_of)

    assert "shop.webhooks.engine.clock_steps" in reached
    assert not reached & modules_importing("litestar")


@pytest.mark.parametrize("package", ["shop", "subscriber_app"])
def test_a_process_reads_its_settings_before_it_loads_its_application(package: str) -> None:
    reached = reached_from(f"{package}.__main__", loaded_by)

    assert f"{package}.config" in reached
    assert not reached & modules_importing("litestar")


@pytest.mark.parametrize("package", ["shop", "subscriber_app"])
def test_settings_are_read_without_a_library_for_databases(package: str) -> None:
    """So the demo, which reads the settings of both applications, begins sooner."""
    assert not reached_from(f"{package}.config", loaded_by) & modules_importing("sqlalchemy")


def reached_from(module: str, imports: Callable[[str], Iterable[str]]) -> set[str]:
    """Return this module of ours and all others that it imports, directly or not."""
    reached, found = set[str](), {module}
    while found:
        reached |= found
        found = set().union(*map(imports, found)) & set(MODULES) - reached
    return reached


def test_arq_appears_only_where_wake_ups_are_sent_and_received() -> None:
    assert modules_importing("arq") == {"shop.redis.wake_ups"}


def test_nothing_below_the_web_imports_it() -> None:
    allowed = inside("shop.web") | inside("subscriber_app.web") | {"shop.app", "subscriber_app.app"}

    assert not modules_importing("shop.web") - allowed
    assert not modules_importing("subscriber_app.web") - allowed


def test_nothing_below_the_web_imports_the_web_parts_of_webkit() -> None:
    web_parts = modules_importing("litestar") & inside("hookshop.webkit")
    entries = {"shop.app", "shop.__main__", "subscriber_app.app", "subscriber_app.__main__"}
    allowed = inside("shop.web") | inside("subscriber_app.web") | inside("hookshop.webkit")

    assert not set().union(*map(modules_importing, web_parts)) - allowed - entries


def test_only_the_entry_points_know_the_wiring() -> None:
    assert modules_importing("shop.app") <= {"shop.__main__"}
    assert modules_importing("subscriber_app.app") <= {"subscriber_app.__main__"}


def test_only_the_dispatcher_among_webhooks_knows_wake_ups() -> None:
    knowing = modules_importing("shop.redis.wake_ups") & inside("shop.webhooks")

    assert knowing == {"shop.webhooks.engine.dispatcher"}


@pytest.mark.parametrize(
    ("package", "folder"), [(name, each) for name, folders in LAYERS.items() for each in folders]
)
def test_folders_import_downward(package: str, folder: str) -> None:
    layers = LAYERS[package]
    above = [f"{package}.{each}" for each in layers[: layers.index(folder)]]

    upward = {
        f"{module} imports {name}"
        for module in inside(f"{package}.{folder}")
        for name in imports_of(module) & set(MODULES) - PURE
        if any(is_inside(name, each) for each in above)
    }
    assert not upward


def test_every_folder_of_an_application_is_a_layer() -> None:
    for package, layers in LAYERS.items():
        folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        assert folders == set(layers)


def test_the_command_line_library_appears_only_in_the_command() -> None:
    assert modules_importing("click") <= inside("hookshop.cli")


def test_the_test_kit_needs_only_the_standard_library_and_pytest() -> None:
    allowed = {*sys.stdlib_module_names, "pytest"}
    named = set().union(*map(imports_of, inside("hookshop.testing")))
    ours = {name for name in named if is_inside(name, "hookshop")}

    assert {name.partition(".")[0] for name in named - ours} <= allowed
    light = inside("hookshop.testing") | {"hookshop", "hookshop.locations"}
    assert {name for name in ours if name in MODULES} <= light


def test_every_module_can_be_imported_first() -> None:
    graph = {module: set(loaded_by(module)) for module in MODULES}

    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


def loaded_by(module: str) -> Iterator[str]:
    """Yield the modules of ours that importing this one loads, with the packages they are in.

    What a function imports is loaded when it is called.
    """
    for statement in statements(module):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for name in _imports(statement):
            # Of "from a import b", only what b is: the module a.b, or else a.
            if name in MODULES and not any(
                f"{name}.{part}" in MODULES for part in parts(statement)
            ):
                yield from (each for each in with_packages(name) if not is_inside(module, each))


def parts(statement: ast.stmt) -> list[str]:
    return (
        [alias.name for alias in statement.names] if isinstance(statement, ast.ImportFrom) else []
    )


def with_packages(name: str) -> list[str]:
    names = name.split(".")
    return [".".join(names[:end]) for end in range(1, len(names) + 1)]
