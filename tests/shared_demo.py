"""One demo for all workers of pytest-xdist: the first starts it, and stops it after the last."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.demo import START_SECONDS, Demo, running_demo
from tests.waiting import wait_for

FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SharedDemo:
    """A running demo, as workers see it that have not started it."""

    shop_url: str
    subscriber_url: str
    log_file: str

    @classmethod
    def of(cls, demo: Demo) -> "SharedDemo":
        return cls(demo.shop_url, demo.subscriber_url, str(demo.log))

    @property
    def log(self) -> Path:
        return Path(self.log_file)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def shared_demo(folder: Path, **settings: str) -> Iterator[SharedDemo]:
    """Yield the demo of all workers that use this folder. ``settings``: environment variables."""
    told, in_use = folder / "demo.json", folder / "in_use"
    with in_use.open("w") as lock:
        # The kernel releases it however this process ends.
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not _is_first(folder / "started"):
            yield _wait_for(told)
            return
        try:
            with running_demo(**settings) as demo:
                _tell(told, json.dumps(asdict(SharedDemo.of(demo))))
                yield SharedDemo.of(demo)
                fcntl.flock(lock, fcntl.LOCK_UN)
                fcntl.flock(lock, fcntl.LOCK_EX)  # all others have ended
        except BaseException:
            _tell(told, FAILED)
            raise


def _is_first(file: Path) -> bool:
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _wait_for(told: Path) -> SharedDemo:
    wait_for(told.exists, "another worker starts the demo", START_SECONDS)
    content = told.read_text()
    assert content != FAILED, "the demo did not start; another worker says why"
    return SharedDemo(**json.loads(content))


def _tell(file: Path, content: str) -> None:
    whole = file.with_suffix(".new")
    whole.write_text(content)
    whole.rename(file)  # nobody reads half of it
