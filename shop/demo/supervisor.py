"""Starts the programs with circus, restarts those that end, and stops them on a signal.

``run`` calls ``supervise`` once. circus is driven from here, one step after the other, and not
by its own timer: a signal that came while its timer was at work would be refused.
"""

import asyncio
import shlex
import shutil
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from circus import get_arbiter
from tornado.ioloop import IOLoop

from shop.demo.console import Console, LabelledLines
from shop.demo.preflight import StartError
from shop.demo.programs import Plan, Program
from shop.demo.restarts import Restarts
from shop.demo.serving import wait_until_serving

CHECK_SECONDS = 0.25  # how long a process that ended may go unnoticed
GRACE_SECONDS = 5  # from SIGTERM to SIGKILL
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
PROJECT = Path(__file__).resolve().parents[2]


async def supervise(plan: Plan, console: Console) -> None:
    """Keep the plan's programs running until a signal comes or nobody watches; then stop them.

    Raises ``StartError`` when a program ends again and again before the applications serve.
    """
    restarts = [Restarts(program.name, console) for program in plan.programs]
    arbiter = _arbiter(plan, console, restarts)
    stop = _stop_signal(arbiter)
    serving = asyncio.create_task(_announce(plan, console))
    try:
        await _finish(arbiter.start())
        # A closed terminal signals only the leader of its session, and that may be make.
        while not stop.is_set() and not console.is_gone():
            await _finish(arbiter.manage_watchers())
            if not serving.done():
                _give_up_on_hopeless(restarts)
            await _wait(stop, CHECK_SECONDS)
    finally:
        serving.cancel()
        console.say("stopping everything")
        await _stop(arbiter)
        console.say("everything has stopped")


def _arbiter(plan: Plan, console: Console, restarts: list[Restarts]) -> Any:
    watchers = [
        _watcher(program, plan, console, each)
        for program, each in zip(plan.programs, restarts, strict=True)
    ]
    return get_arbiter(
        watchers,
        # circus wants to be spoken to; inside this process nobody does, and nothing is left over.
        controller="inproc://demo-controller",
        pubsub_endpoint="inproc://demo-events",
        check_delay=-1,  # no timer, see above
        loop=IOLoop.current(),
    )


def _watcher(program: Program, plan: Plan, console: Console, restarts: Restarts) -> dict[str, Any]:
    return {
        "name": program.name,
        "cmd": shlex.join([*_tied_to_this_process(), sys.executable, "-m", program.module]),
        "working_dir": str(PROJECT),
        "env": dict(plan.environment),
        "stdout_stream": {"stream": LabelledLines(console, program.name)},
        "stderr_stream": {"stream": LabelledLines(console, program.name)},
        "graceful_timeout": GRACE_SECONDS,
        "hooks": {
            "after_spawn": (restarts.spawned, True),
            "after_reap": (restarts.ended, True),
        },
    }


def _tied_to_this_process() -> list[str]:
    """Return a prefix that has the kernel stop a program when the demo is killed.

    Empty where there is no setpriv (util-linux), as on macOS: no other way of ending needs it.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _stop_signal(arbiter: Any) -> asyncio.Event:
    """An event that is set when the demo shall stop: Ctrl-C, SIGTERM, a closed terminal."""
    # circus would restart everything on the signal of a closed terminal, even under nohup.
    arbiter.ctrl.sys_hdl.stop()
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        if not (number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _announce(plan: Plan, console: Console) -> None:
    await wait_until_serving(plan.applications, console)
    console.banner({each.name.capitalize(): each.public_url for each in plan.applications})


def _give_up_on_hopeless(restarts: list[Restarts]) -> None:
    for each in restarts:
        if each.hopeless:
            raise StartError(f"{each.name} does not start; its lines above say why")


async def _finish(command: Awaitable[None]) -> None:
    await command
    await asyncio.sleep(0)  # only one turn of the loop later does circus accept another command


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


async def _stop(arbiter: Any) -> None:
    # Redis goes last: a worker that loses it while finishing would complain.
    await _finish(arbiter.stop_watchers(lambda reverse: _all_but_redis(arbiter, reverse)))
    await _finish(arbiter.stop_watchers())
    arbiter.stop_controller_and_close_sockets()


def _all_but_redis(arbiter: Any, reverse: bool) -> list[Any]:
    return [each for each in arbiter.iter_watchers(reverse=reverse) if each.name != "redis"]
