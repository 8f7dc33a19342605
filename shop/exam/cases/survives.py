"""Survives: odd, broken and hostile requests leave the receiver working."""

import asyncio
from dataclasses import replace

from shop.exam.bench import Bench
from shop.exam.case import Case, Group, Level, Mission, Observation
from shop.exam.cases.playing import without_effect
from shop.exam.crafting import compact
from shop.exam.judging import accepted, ignored, not_crashed, refused, still_accepts, too_large
from shop.exam.wire import Exchange, WebhookRequest

READING = "docs/receivers.md#2-read-the-raw-body-with-limits"
PARSING = "docs/receivers.md#4-parse-after-the-verification"
RESPONDING = "docs/receivers.md#7-respond"
HUGE_BODY_BYTES = 5 * 1024 * 1024
TRICKLE_SECONDS = 0.2  # between two bytes
TRICKLE_HEAD_START_SECONDS = 1.0
CRASH = (
    "A receiver that crashes on a request answers 5xx, so the sender sends it again and again. One "
    "attacker, or one odd event, then stops all others."
)
NEXT_ONE = "the next genuine request"


def _unknown_type(bench: Bench) -> WebhookRequest:
    return bench.request(compact(bench.document(event_type="purchase.archived")))


def _signed_junk(bench: Bench) -> WebhookRequest:
    return bench.request(b'\xff\xfe{"event": [[[[' + bytes(range(32)))


def _signed_empty(bench: Bench) -> WebhookRequest:
    return bench.request(b"")


def _wrong_content_type(bench: Bench) -> WebhookRequest:
    request = bench.request(b"event=purchase.created&value=50.75")
    return request.with_header("Content-Type", "application/x-www-form-urlencoded")


async def _huge(bench: Bench) -> Observation:
    document = bench.document()
    document["note"] = "x" * HUGE_BODY_BYTES
    large = await bench.send(bench.request(compact(document)), "5 MB")
    return Observation((large, await _next_one(bench)))


async def _trickle(bench: Bench) -> Observation:
    trickled = bench.request()
    async with bench.sender.trickling(bench.url, trickled, pause_seconds=TRICKLE_SECONDS):
        await asyncio.sleep(TRICKLE_HEAD_START_SECONDS)
        return Observation((await _next_one(bench),))


async def _half(bench: Bench) -> Observation:
    request = bench.request()
    half = await bench.sender.send_in_part(bench.url, request, len(request.body) // 2)
    return Observation((replace(half, name="half a request"), await _next_one(bench)))


async def _get(bench: Bench) -> Observation:
    return Observation((await bench.send(_without_body("GET")),))


async def _head(bench: Bench) -> Observation:
    return Observation((await bench.send(_without_body("HEAD")),))


def _without_body(method: str) -> WebhookRequest:
    return WebhookRequest((("Accept", "*/*"),), b"", method=method)


async def _still_works(bench: Bench) -> Observation:
    _sent, exchange = await bench.buy()
    return Observation((exchange,), await bench.effects([exchange], expected=1))


async def _next_one(bench: Bench) -> Exchange:
    return await bench.send(bench.request(), NEXT_ONE)


CASES = (
    Case(
        name="unknown-type",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="A genuine event has a type that does not exist yet.",
        expects="a 2xx, and no effect",
        why="The sender adds types. A receiver that rejects them causes retries, and is disabled "
        "in the end.",
        docs=RESPONDING,
        play=without_effect(_unknown_type),
        judge=ignored,
    ),
    Case(
        name="signed-junk",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="The signed body is neither UTF-8 nor JSON.",
        expects="a 4xx",
        why=CRASH,
        docs=PARSING,
        play=without_effect(_signed_junk),
        judge=refused,
    ),
    Case(
        name="signed-empty",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="The signed body is empty.",
        expects="a 4xx",
        why=CRASH,
        docs=PARSING,
        play=without_effect(_signed_empty),
        judge=refused,
    ),
    Case(
        name="wrong-content-type",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="The signed body is a form, and the content type says so.",
        expects="a 4xx",
        why=CRASH,
        docs=RESPONDING,
        play=without_effect(_wrong_content_type),
        judge=refused,
    ),
    Case(
        name="body-5-mb",
        group=Group.SURVIVES,
        mission=Mission.ONE_SLOW,
        level=Level.SHOULD,
        sends="A genuine event has 5 MB. Then another one comes.",
        expects="a 4xx or a closed connection; then a 2xx",
        why="Without a limit, a few requests take all memory. The sender's events are small.",
        docs=READING,
        play=_huge,
        judge=too_large,
    ),
    Case(
        name="trickle",
        group=Group.SURVIVES,
        mission=Mission.ONE_SLOW,
        is_slow=True,
        sends="A body comes byte by byte. Meanwhile, a genuine request arrives.",
        expects="a 2xx for the genuine request",
        why="A receiver that serves one request at a time can be blocked by a single slow client.",
        docs=READING,
        play=_trickle,
        judge=still_accepts,
    ),
    Case(
        name="half-request",
        group=Group.SURVIVES,
        mission=Mission.ONE_SLOW,
        sends="The connection closes after half of the body. Then a genuine request arrives.",
        expects="a 2xx for the genuine request",
        why="Connections break. That must cost this request only.",
        docs=READING,
        play=_half,
        judge=still_accepts,
    ),
    Case(
        name="get",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="A GET of the URL.",
        expects="no 5xx",
        why="Browsers and scanners open every URL. Errors for them hide your own.",
        docs=RESPONDING,
        play=_get,
        judge=not_crashed,
    ),
    Case(
        name="head",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="A HEAD of the URL.",
        expects="no 5xx",
        why="Monitors ask with HEAD. Errors for them hide your own.",
        docs=RESPONDING,
        play=_head,
        judge=not_crashed,
    ),
    Case(
        name="still-works",
        group=Group.SURVIVES,
        mission=Mission.POISON,
        sends="After all that, an ordinary delivery of the shop.",
        expects="a 2xx, and one effect",
        why="An attacker must not be able to stop the receiver.",
        docs=RESPONDING,
        play=_still_works,
        judge=accepted,
    ),
)
