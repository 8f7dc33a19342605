"""The plan of a demo: the programs, their environment, and the addresses of the applications.

Each application reads and checks its own settings: ``python -m <package>.config`` prints its
address or an error. So the demo does not repeat their defaults and rules.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hookshop.locations import default_var, program_environment, python_command
from hookshop.worker_crash import crash_request


class StartError(Exception):
    """The demo cannot start. The message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Application:
    """A program that serves HTTP.

    ``prefix``: the prefix of its environment variables. ``url``: its public URL. ``local_url``: its
    URL on this machine.
    """

    name: str
    prefix: str
    host: str
    port: int
    url: str
    local_url: str


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running: ``python -m <module>``."""

    name: str
    module: str


PRIVATE_REDIS = Program("redis", "hookshop.demo.private_redis")
SHOP = Program("shop", "shop")
WORKER = Program("worker", "shop.worker")
SUBSCRIBER = Program("subscriber", "subscriber_app")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to run.

    ``environment``: all variables of the programs; they inherit no others. ``redis``: None if
    SHOP_REDIS_URL names a Redis that is already running. ``crash_request``: the file that asks to
    kill the worker; None if the demo is not private.
    """

    var: Path
    redis: Program | None
    programs: tuple[Program, ...]
    applications: tuple[Application, Application]
    environment: Mapping[str, str]
    logs_json: bool
    crash_request: Path | None

    @property
    def addresses(self) -> dict[str, str]:
        """Return the URLs to open, by name: the start page, and each application."""
        shop, subscriber = self.applications
        return {
            "Start here": f"{subscriber.url}/learn",
            "Shop": shop.url,
            "Subscriber": subscriber.url,
        }

    @property
    def announcement(self) -> dict[str, str]:
        """Return what a program that starts a demo needs to use it."""
        shop, subscriber = self.applications
        return {
            "shop_url": shop.url,
            "subscriber_url": subscriber.url,
            "var": self.environment["HOOKSHOP_VAR"],
        }


def make_plan(environ: Mapping[str, str]) -> Plan:
    """Return the plan for these environment variables.

    Raise ``StartError`` with one line that names each wrong setting of either application.
    """
    # An empty variable counts as unset, as it does for the applications.
    given = program_environment({name: value for name, value in environ.items() if value})
    shop, subscriber = _ask_applications(given)
    var = Path(given.get("HOOKSHOP_VAR") or default_var())
    return Plan(
        var,
        redis=None if "SHOP_REDIS_URL" in given else PRIVATE_REDIS,
        programs=(SHOP, WORKER, SUBSCRIBER),
        applications=(shop, subscriber),
        environment=dict(_defaults(given, shop, subscriber))
        | given
        | {"HOOKSHOP_VAR": str(var.absolute())},
        logs_json=logs_json(given),
        crash_request=crash_request(var) if _is_private(given, shop, subscriber) else None,
    )


def logs_json(environ: Mapping[str, str]) -> bool:
    """Return whether all lines are to be JSON."""
    return environ.get("SHOP_LOG_FORMAT") == "json"


def _defaults(
    given: Mapping[str, str], shop: Application, subscriber: Application
) -> Iterator[tuple[str, str]]:
    """Yield the settings that connect the programs. Variables in ``given`` override them."""
    yield "PYTHONUNBUFFERED", "1"  # show lines as soon as they are written
    yield "SHOP_SUBSCRIBER_URL", subscriber.url
    yield "SUBSCRIBER_SHOP_URL", shop.local_url
    if "SUBSCRIBER_SHOP_URL" not in given:
        yield "SUBSCRIBER_SHOP_PUBLIC_URL", shop.url
    yield "SUBSCRIBER_AUTO_REGISTER", "1"
    if "SHOP_ADMIN_TOKEN" in given:
        yield "SUBSCRIBER_SHOP_TOKEN", given["SHOP_ADMIN_TOKEN"]
    if _is_private(given, shop, subscriber):
        yield "SUBSCRIBER_CAN_CRASH_WORKER", "1"
    if "SHOP_LOG_FORMAT" in given:
        yield "SUBSCRIBER_LOG_FORMAT", given["SHOP_LOG_FORMAT"]


def _is_private(given: Mapping[str, str], shop: Application, subscriber: Application) -> bool:
    """Return whether only this machine's users come: no tokens, and no other addresses or shop.

    Without tokens, the applications refuse to listen to other machines.
    """
    others = {"SHOP_ADMIN_TOKEN", "SUBSCRIBER_ADMIN_TOKEN", "SUBSCRIBER_SHOP_URL"}
    is_local = all(each.url == each.local_url for each in (shop, subscriber))
    return is_local and not others & set(given)


def _ask_applications(environment: Mapping[str, str]) -> list[Application]:
    """Ask both at the same time: each takes half a second, mostly for imports."""
    asked = [
        ("shop", "SHOP", _start_asking("shop", environment)),
        ("subscriber", "SUBSCRIBER", _start_asking("subscriber_app", environment)),
    ]
    applications, refusals = [], []
    for name, prefix, process in asked:
        answer, errors = process.communicate()
        if process.returncode:
            refusals.append(errors.strip())
        else:
            applications.append(Application(name, prefix, **json.loads(answer)))
    if refusals:
        raise StartError("; ".join(refusals))
    return applications


def _start_asking(package: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 – the package's name is ours
        python_command(f"{package}.config"),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
