"""Starts all programs, announces that the applications serve, and stops everything in order."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from hookshop.demo.console import Console
from hookshop.demo.plan import WORKER, Application, Plan, Program
from hookshop.demo.program_runner import ProgramRunner

# For a closed terminal, programs that cannot start, and requests to kill the worker.
CHECK_INTERVAL_SECONDS = 0.25
HEALTH_POLL_INTERVAL_SECONDS = 0.1
HEALTH_TIMEOUT_SECONDS = 5.0
LATE_WARNING_SECONDS = 20.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

Task = asyncio.Task[None]


async def supervise(plan: Plan, console: Console) -> None:
    """Keep the plan's programs running until a signal arrives or the output is closed; stop them.

    Raise ``StartError`` if a program keeps exiting before the applications serve.
    """
    stop = _stop_requested()
    serving = asyncio.Event()

    def runner(program: Program) -> ProgramRunner:
        return ProgramRunner(program, plan.environment, console, serving)

    _is_crash_requested(plan.crash_request)  # by a demo before
    runners = {program: runner(program) for program in plan.programs}
    redis = [_keep(runner(plan.redis))] if plan.redis else []
    programs = [_keep(each) for each in runners.values()]
    announcing = asyncio.create_task(_announce(plan, console, serving))
    try:
        # A closed terminal signals only the leader of its session, which may be make.
        while not stop.is_set() and not console.is_gone():
            _raise_failure([*redis, *programs, announcing])
            if _is_crash_requested(plan.crash_request):
                console.say("killing the worker, as mission 15 has asked")
                runners[WORKER].kill()
            await _wait(stop, CHECK_INTERVAL_SECONDS)
    finally:
        console.say("stopping everything")
        await _cancel([announcing, *programs])
        await _cancel(redis)  # last: a worker that loses it while it stops would log errors
        console.say("everything has stopped")


def _keep(runner: ProgramRunner) -> Task:
    return asyncio.create_task(runner.keep_running())


def _is_crash_requested(request: Path | None) -> bool:
    """Return whether the subscriber has asked to kill the worker; remove its request."""
    if request is None or not request.exists():
        return False
    request.unlink(missing_ok=True)
    return True


def _stop_requested() -> asyncio.Event:
    """Return an event that Ctrl-C, SIGTERM or a closed terminal sets."""
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        # nohup has the process ignore SIGHUP; leave that as it is.
        if not (number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _raise_failure(tasks: Sequence[Task]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _cancel(tasks: Sequence[Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _announce(plan: Plan, console: Console, serving: asyncio.Event) -> None:
    await asyncio.gather(*(_wait_until_serving(each, console) for each in plan.applications))
    serving.set()
    console.announce(plan.announcement)
    console.banner(plan.addresses)


async def _wait_until_serving(application: Application, console: Console) -> None:
    """Wait until the application answers its health check, and log if that takes long."""
    clock = asyncio.get_running_loop().time
    late_at = clock() + LATE_WARNING_SECONDS
    while not await _is_healthy(application):
        if clock() >= late_at:
            url = f"{application.local_url}/healthz"
            console.say(f"still waiting for the {application.name} to answer {url}")
            late_at = clock() + LATE_WARNING_SECONDS
        await asyncio.sleep(HEALTH_POLL_INTERVAL_SECONDS)


async def _is_healthy(application: Application) -> bool:
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_SECONDS):
            return await _health_status(application) == b"200"
    except (OSError, TimeoutError, IndexError):
        return False


async def _health_status(application: Application) -> bytes:
    """Return the status of ``GET /healthz``. An HTTP library would double the demo's memory."""
    address = urlsplit(application.local_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).split()[1]
    finally:
        writer.close()
