"""The command line of the exam: its options, and what it prints. docs/exam.md describes it."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from hookshop.webkit.settings import ConfigurationError
from shop import __version__
from shop.config import load_settings
from shop.exam.case import Scheme
from shop.exam.cases import ALL_CASES
from shop.exam.evidence import EffectCalls, Evidence, Probe, ProbeCommand
from shop.exam.own_shop import running_shop
from shop.exam.ownership import require_ownership
from shop.exam.pacing import Pacer
from shop.exam.receiver_process import ReceiverProcess
from shop.exam.registration import REGISTER, Registration
from shop.exam.reports import as_badge, as_json, as_junit
from shop.exam.run import Exam, Parts, Plan, Watcher
from shop.exam.scorecard import ExitCode, Scorecard
from shop.exam.selection import Selection, UnknownName
from shop.exam.sender import Sender
from shop.exam.server import serving
from shop.exam.shop_port import Endpoint, ExamShop, ShopFailed
from shop.exam.terminal import Progress, case_list, scorecard_text
from shop.webhooks.rules.signing import check_secret, generate_secret
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused, parse_url

MAX_SEED = 1_000_000
EPILOG = """\
exit codes: 0 no must failed; 1 a must failed, or with --strict a should; 2 wrong usage;
3 the receiver could not be reached, or something of the exam failed; 4 side effects were
not judged, and --require-effects was given
"""


class WrongUsage(Exception):  # noqa: N818 – the name says what is wrong
    """The options do not make sense. The message is for people."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exam and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        sys.stdout.write(case_list(ALL_CASES))
        return ExitCode.PASSED
    try:
        plan, secret = _plan(options), _secret(options)
        policy = _policy()
        _check_folders(options)
    except (WrongUsage, UnknownName, UrlRefused, ConfigurationError) as error:
        parser.error(str(error))
    card = asyncio.run(_Session(options, plan, secret, policy).run())
    _write_files(card, options)
    in_color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write(scorecard_text(card, in_color=in_color, has_log=bool(options.shop)))
    return card.exit_code(require_effects=options.require_effects)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hookshop exam",
        description="Send genuine and hostile webhooks to a receiver, and judge its responses.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("url", nargs="?", help="the URL of the receiver")
    add("--list", action="store_true", help="print all cases and end")
    _add_secret_options(parser)
    _add_evidence_options(parser)
    _add_selection_options(parser)
    add("--run", metavar="COMMAND", help="start the receiver with this command, without a shell")
    add("--shop", metavar="URL", help="use this running shop; default: start one. Its token: "
        "SHOP_ADMIN_TOKEN")  # fmt: skip
    add("--listen", metavar="HOST:PORT", default="127.0.0.1:0",
        type=_host_and_port,
        help="where the exam itself listens for effect calls and registrations")  # fmt: skip
    add("--json", metavar="FILE", type=Path, help="write the result as JSON")
    add("--junit", metavar="FILE", type=Path, help="write the result as JUnit XML")
    add("--badge", metavar="FILE", type=Path, help="write the result as an SVG")
    return parser


def _add_secret_options(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--secret-env", metavar="NAME", help="the variable with its secret; with "
                       "--run and no such variable, the exam makes one")  # fmt: skip
    whose.add_argument("--secret-file", metavar="FILE", type=Path, help="the file with its secret")
    whose.add_argument("--register", action="store_true", help="the receiver registers itself at "
                       "the address that the exam prints")  # fmt: skip
    parser.add_argument("--scheme", choices=list(Scheme), default=Scheme.STANDARD, type=Scheme,
                        help="which credential the receiver checks; default: standard")  # fmt: skip


def _add_evidence_options(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--probe", metavar="URL", help="GET URL?message_id=… tells its effects")
    how.add_argument("--probe-cmd", metavar="COMMAND", help="the same as a command, without a "
                     "shell; message_id=… is its last argument")  # fmt: skip
    parser.add_argument("--probe-token-env", metavar="NAME", help="the variable with the bearer "
                        "token of the probe")  # fmt: skip
    parser.add_argument("--require-effects", action="store_true", help="exit with 4 if side "
                        "effects were not judged")  # fmt: skip


def _add_selection_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--only",
        metavar="NAME",
        nargs="+",
        default=[],
        help="play only these cases, groups or missions (mission-4)",
    )
    add("--skip", metavar="NAME", nargs="+", default=[], help="leave out these cases or groups")
    add("--quick", action="store_true", help="leave out what takes over a second")
    add("--strict", action="store_true", help="a failed should fails the exam, too")
    add("--seed", type=int, default=None, help="repeats the random choices of an earlier run")


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError("expected HOST:PORT, for example 127.0.0.1:9100")
    return host.strip("[]"), int(port)


def _plan(options: argparse.Namespace) -> Plan:
    if not options.url:
        raise WrongUsage("the URL of the receiver is missing")
    parse_url(options.url)
    selection = Selection(options.scheme, (*options.only,), (*options.skip,), options.quick)
    seed = secrets.randbelow(MAX_SEED) if options.seed is None else options.seed
    plan = Plan(options.url, selection, seed, options.strict)
    if not plan.cases:
        raise WrongUsage("no case is left to play: look at --only, --skip, --quick and --scheme")
    return plan


def _secret(options: argparse.Namespace) -> str | None:
    """Return the receiver's secret; None if the receiver registers itself. Raise ``WrongUsage``."""
    if options.register:
        return None
    if options.secret_file:
        try:
            secret = options.secret_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUsage(f"the file of --secret-file cannot be read: {error}") from None
    elif options.secret_env:
        secret = os.environ.get(options.secret_env, "")
        if not secret and options.run:
            secret = generate_secret()
        if not secret:
            raise WrongUsage(f"the variable {options.secret_env} is empty or not set")
    else:
        raise WrongUsage("say whose secret: --secret-env, --secret-file or --register")
    try:
        check_secret(secret)
    except ValueError as error:
        raise WrongUsage(str(error)) from None
    return str(secret)


def _policy() -> UrlPolicy:
    """Return the policy of the shop's settings in the environment."""
    settings = load_settings()
    return UrlPolicy(settings.endpoint_policy, settings.allowed_networks)


def _check_folders(options: argparse.Namespace) -> None:
    """Raise ``WrongUsage`` now rather than after the run if a result cannot be written."""
    for path in filter(None, (options.json, options.junit, options.badge)):
        if not path.parent.is_dir():
            raise WrongUsage(f"there is no folder {path.parent}")


def _write_files(card: Scorecard, options: argparse.Namespace) -> None:
    reports = ((options.json, as_json), (options.junit, as_junit), (options.badge, as_badge))
    for path, report in reports:
        if path:
            path.write_text(report(card), encoding="utf-8")


class _Session:
    """One run of the command: starts what it needs, and stops it."""

    def __init__(
        self, options: argparse.Namespace, plan: Plan, secret: str | None, policy: UrlPolicy
    ) -> None:
        self._options = options
        self._plan = plan
        self._secret = secret
        self._policy = policy
        self._progress = Progress(sys.stderr, len(plan.cases))

    async def run(self) -> Scorecard:
        """Return the scorecard: a partial one after Ctrl-C, or if a part does not start."""
        _cancel_on_signals()
        card = self._empty_card()
        try:
            async with self._exam() as exam:
                try:
                    await exam.run()
                finally:
                    card = exam.scorecard
        except asyncio.CancelledError:
            card = card if card.results else self._empty_card("the exam was stopped")
        except (ShopFailed, OSError) as error:
            card = self._empty_card(str(error))
        self._progress.clear()
        return card

    @asynccontextmanager
    async def _exam(self) -> AsyncIterator[Exam]:
        options, pacer, calls = self._options, Pacer(), EffectCalls()
        async with AsyncExitStack() as stack:
            self._say("Starting …")
            shop_url = options.shop or await stack.enter_async_context(running_shop())
            token = os.environ.get("SHOP_ADMIN_TOKEN", "") if options.shop else ""
            shop = await stack.enter_async_context(ExamShop(shop_url, token=token))
            host, port = options.listen
            registration = Registration(shop)
            own_url = await stack.enter_async_context(
                serving(registration, calls, host=host, port=port)
            )
            sender = Sender(self._guarding(shop_url, own_url), pacer=pacer)
            parts = Parts(
                sender=sender,
                pacer=pacer,
                shop=shop,
                register=partial(self._register, registration=registration, own_url=own_url),
                check_ownership=partial(
                    require_ownership,
                    sender,
                    options.url,
                    token=f"hookshop-exam-{secrets.token_urlsafe(16)}",
                    say=self._announce,
                ),
                registers_itself=self._secret is None,
                evidence=self._evidence(sender),
                effect_calls=calls,
                receiver=self._receiver(sender, own_url),
                offer_secret=self._offer_secret if _is_interactive() else None,
            )
            if parts.receiver:
                stack.push_async_callback(parts.receiver.stop)
            watcher = Watcher(self._progress.started, self._progress.judged)
            yield Exam(self._plan, parts, watcher)

    def _guarding(self, *own_urls: str) -> UrlPolicy:
        """Return the policy, with the addresses of shop and exam as its own."""
        places = [(urlsplit(url).hostname or "", urlsplit(url).port or 80) for url in own_urls]
        loopback = tuple(port for host, port in places if host in ("127.0.0.1", "::1", "localhost"))
        return UrlPolicy(
            self._policy.name,
            self._policy.allowed_networks,
            own_ports=loopback,
            own_addresses=tuple(places),
        )

    async def _register(
        self, shop: ExamShop, *, registration: Registration, own_url: str
    ) -> Endpoint:
        if self._secret is not None:
            return await shop.register(self._plan.url, self._secret)
        self._announce(f"Register the receiver: POST {own_url}/v1/{REGISTER}")
        return await registration.endpoint()

    def _evidence(self, sender: Sender) -> Evidence | None:
        options = self._options
        if options.probe:
            bearer = os.environ.get(options.probe_token_env or "", "")
            return Probe(sender, options.probe, bearer=bearer)
        return ProbeCommand(options.probe_cmd) if options.probe_cmd else None

    def _receiver(self, sender: Sender, own_url: str) -> ReceiverProcess | None:
        options = self._options
        if not options.run:
            return None
        environment = {**os.environ, "HOOKSHOP_EXAM_URL": own_url}
        variable = options.secret_env or ""
        if variable and self._secret:
            environment[variable] = self._secret
        return ReceiverProcess(
            options.run,
            url=options.url,
            sender=sender,
            environment=environment,
            secret_variable=variable,
        )

    async def _offer_secret(self, secret: str) -> None:
        self._announce(
            f"Give the receiver this secret in place of the old one within 60 s: {secret}"
        )

    def _announce(self, text: str) -> None:
        """Tell people what they must do now, also where there is no terminal."""
        self._progress.clear()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def _say(self, text: str) -> None:
        if sys.stderr.isatty():
            self._announce(text)

    def _empty_card(self, problem: str = "") -> Scorecard:
        plan = self._plan
        return Scorecard(
            plan.url,
            plan.selection.scheme,
            "status only",
            plan.seed,
            __version__,
            problem=problem,
            was_reached=False,
        )


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _cancel_on_signals() -> None:
    """Let Ctrl-C and SIGTERM cancel the run, which then cleans up."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 – it runs in a task
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def cancel() -> None:
        task.cancel()
        for number in numbers:
            loop.add_signal_handler(number, lambda: None)  # a second one must not cut cleaning up

    for number in numbers:
        loop.add_signal_handler(number, cancel)
