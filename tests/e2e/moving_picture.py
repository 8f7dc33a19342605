"""Takes the moving pictures of the README and docs/: the page Flow, and retries without waiting."""

import base64
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.programs import buy, client, inject_fault, set_fault, wait_until

WIDTH, HEIGHT = 960, 600
LENGTH_SECONDS = 15.0
LAST_FRAME_SECONDS = 2.0  # before the picture starts again
LOOK_MS = 20
QUALITY = 60
MAX_BYTES = 2_000_000


class Scene(NamedTuple):
    """What happens ``at`` seconds after the start."""

    at: float
    act: Callable[[], object]


class Frame(NamedTuple):
    """A screenshot (JPEG) and the time when it was taken, in seconds."""

    at: float
    image: bytes


def record(page: Page, demo: Demo, file: Path) -> None:
    """Write the moving picture. ``page``: without reduced motion, and with a clock that runs."""
    with client(demo.subscriber_url) as subscriber:
        page.goto(f"{demo.shop_url}/flow")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        scenes = [
            Scene(0.5, lambda: _press(page, "Buy 1")),
            Scene(3.5, lambda: set_fault(subscriber, 503)),
            Scene(3.5, lambda: _press(page, "Buy 20")),
            Scene(9.0, lambda: set_fault(subscriber, None)),
        ]
        write(_play(page, scenes), file)


def record_skipping(page: Page, demo: Demo, file: Path) -> None:
    """Write how a delivery fails three times, and how its waits are skipped.

    ``demo``: with retries that nobody wants to wait for.
    """
    with client(demo.shop_url) as shop, client(demo.subscriber_url) as subscriber:
        inject_fault(subscriber, "script", script="503 503 503")
        delivery_id = buy(shop)
        wait_until(shop, delivery_id, "pending", attempts=1)
        page.goto(f"{demo.shop_url}/deliveries/{delivery_id}")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        scenes = [Scene(at, lambda: _press(page, "Skip the wait")) for at in (2.0, 5.0, 8.0)]
        write(_play(page, scenes, length_seconds=11.0), file)


def _press(page: Page, name: str) -> None:
    # Without the pointer, which would stay above the button in all frames.
    page.get_by_role("button", name=name, exact=True).dispatch_event("click")


def _play(
    page: Page, scenes: list[Scene], *, length_seconds: float = LENGTH_SECONDS
) -> list[Frame]:
    """Play the scenes; return a screenshot of each change that the browser draws."""
    drawn: list[dict[str, Any]] = []
    frames: list[Frame] = []
    session = page.context.new_cdp_session(page)
    # PLW0108: Playwright cannot wrap the method of a list itself.
    session.on("Page.screencastFrame", lambda event: drawn.append(event))  # noqa: PLW0108 – as above
    size = {"maxWidth": WIDTH, "maxHeight": HEIGHT}
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 95, **size})
    started = time.monotonic()
    while (now := time.monotonic() - started) < length_seconds:
        while scenes and scenes[0].at <= now:
            scenes.pop(0).act()
        page.wait_for_timeout(LOOK_MS)  # lets events in
        while drawn:
            frames.append(_frame(event := drawn.pop(0)))
            session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})
    session.send("Page.stopScreencast")
    return sorted(frames)  # the browser may send two of them in the wrong order


def _frame(event: dict[str, Any]) -> Frame:
    return Frame(event["metadata"]["timestamp"], base64.b64decode(event["data"]))


def write(frames: list[Frame], file: Path) -> None:
    """Write an animated WebP that shows each frame until the time of the next one."""
    ends = [*(frame.at for frame in frames[1:]), frames[-1].at + LAST_FRAME_SECONDS]
    durations = [round((end - frame.at) * 1000) for frame, end in zip(frames, ends, strict=True)]
    first, *others = [Image.open(io.BytesIO(frame.image)).convert("RGB") for frame in frames]
    first.save(
        file,
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        quality=QUALITY,
        minimize_size=True,
    )
    assert file.stat().st_size <= MAX_BYTES, f"{file.name} has {file.stat().st_size:,} bytes"
