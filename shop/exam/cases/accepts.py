"""Accepts what is genuine: unusual requests that are signed and true."""

import json
from collections.abc import Callable
from dataclasses import replace

from shop.exam.bench import Bench
from shop.exam.case import SIGNED, Case, Group, Level, Mission, Observation
from shop.exam.cases.playing import genuine
from shop.exam.crafting import ATTACKERS_SECRET, compact
from shop.exam.judging import accepted
from shop.exam.wire import Framing, WebhookRequest
from shop.webhooks.rules.signing import signature

EXPECTS = "a 2xx, and one effect"
RAW_BYTES = (
    "The signature covers the bytes of the body. A receiver that parses them, serializes the JSON "
    "again and verifies that loses genuine events for no visible reason."
)
ONE_OF_THE_LIST = (
    "webhook-signature is a list. While a secret is rotated, several are in it. A receiver that "
    "looks at one of them loses events during each rotation."
)
AS_HTTP_IS = "Proxies and other senders write the same request in other ways that HTTP allows."
READING = "docs/receivers.md#2-read-the-raw-body-with-limits"
RESPONDING = "docs/receivers.md#7-respond"
LARGE_BODY_BYTES = 20 * 1024
AGE_SECONDS = 290


async def _as_sent(bench: Bench) -> Observation:
    if bench.first is None:
        _sent, exchange = await bench.buy()
        return Observation((exchange,), await bench.effects([exchange], expected=1))
    return bench.first


def _pretty_printed(bench: Bench) -> WebhookRequest:
    return bench.request(json.dumps(bench.document(), indent=2).encode() + b"\n")


def _keys_reordered(bench: Bench) -> WebhookRequest:
    document = bench.document()
    event = dict(reversed(document["event"].items()))
    return bench.request(compact({"date": document["date"], "event": event}))


def _non_ascii(bench: Bench) -> WebhookRequest:
    document = bench.document()
    document["note"] = "é ESCAPED \u2028 鉤 🪝"
    # The same letter in both spellings that JSON has: as itself and as an escape.
    return bench.request(compact(document).replace(b"ESCAPED", rb"\u00e9"))


def _number_spelling(bench: Bench) -> WebhookRequest:
    document = bench.document()
    document["event"]["value"] = 50.0
    document["list_price"] = 50
    return bench.request(compact(document))


def _large(bench: Bench) -> WebhookRequest:
    document = bench.document()
    document["note"] = "x" * LARGE_BODY_BYTES
    return bench.request(compact(document))


def _signature_list(
    arrange: Callable[[str, list[str]], list[str]],
) -> Callable[[Bench], WebhookRequest]:
    """Return a function that makes a request with other signatures around the right one."""

    def make(bench: Bench) -> WebhookRequest:
        message = bench.message()
        right = signature(message.content, bench.endpoint.secret)
        wrong = [
            signature(message.with_body(each).content, ATTACKERS_SECRET) for each in (b"1", b"2")
        ]
        request = bench.signer.genuine(message)
        return request.with_header("webhook-signature", " ".join(arrange(right, wrong)))

    return make


def _header_case(bench: Bench) -> WebhookRequest:
    request = bench.request()
    # Upper and lower case in turn: WeBhOoK-Id.
    headers = tuple(
        ("".join(c.upper() if i % 2 == 0 else c.lower() for i, c in enumerate(name)), value)
        for name, value in request.headers
    )
    return replace(request, headers=headers)


def _old_timestamp(bench: Bench) -> WebhookRequest:
    message = bench.message()
    return bench.signer.genuine(message.at(message.timestamp - AGE_SECONDS))


def _chunked(bench: Bench) -> WebhookRequest:
    return replace(bench.request(), framing=Framing.CHUNKED)


def _charset(bench: Bench) -> WebhookRequest:
    return bench.request().with_header("Content-Type", "application/json; charset=utf-8")


CASES = (
    Case(
        name="as-sent",
        group=Group.ACCEPTS,
        mission=Mission.FIRST_DELIVERY,
        sends="An order is placed in the shop: an ordinary delivery.",
        expects=EXPECTS,
        why="A receiver that rejects this receives nothing at all.",
        play=_as_sent,
        judge=accepted,
    ),
    Case(
        name="pretty-printed",
        group=Group.ACCEPTS,
        mission=Mission.RAW_BODY,
        sends="The JSON has line breaks and indentation.",
        expects=EXPECTS,
        why=RAW_BYTES,
        play=genuine(_pretty_printed),
        judge=accepted,
    ),
    Case(
        name="keys-reordered",
        group=Group.ACCEPTS,
        mission=Mission.RAW_BODY,
        sends="The keys of the JSON are in another order.",
        expects=EXPECTS,
        why=RAW_BYTES,
        play=genuine(_keys_reordered),
        judge=accepted,
    ),
    Case(
        name="non-ascii",
        group=Group.ACCEPTS,
        mission=Mission.RAW_BODY,
        sends="The JSON has é beside \\u00e9, U+2028, a Chinese letter and an emoji.",
        expects=EXPECTS,
        why=RAW_BYTES,
        play=genuine(_non_ascii),
        judge=accepted,
    ),
    Case(
        name="number-spelling",
        group=Group.ACCEPTS,
        mission=Mission.RAW_BODY,
        sends="The JSON has 50.0 beside 50.",
        expects=EXPECTS,
        why=RAW_BYTES,
        play=genuine(_number_spelling),
        judge=accepted,
    ),
    Case(
        name="body-20-kb",
        group=Group.ACCEPTS,
        mission=Mission.FIRST_DELIVERY,
        level=Level.SHOULD,
        sends="The body has 20 KB.",
        expects=EXPECTS,
        why="Events grow over the years. A limit of a few kilobytes loses the largest orders.",
        docs=READING,
        play=genuine(_large),
        judge=accepted,
    ),
    Case(
        name="signature-last",
        group=Group.ACCEPTS,
        mission=Mission.TRUST_NOBODY,
        schemes=SIGNED,
        sends="The right signature is the last of three.",
        expects=EXPECTS,
        why=ONE_OF_THE_LIST,
        play=genuine(_signature_list(lambda right, wrong: [*wrong, right])),
        judge=accepted,
    ),
    Case(
        name="signature-first",
        group=Group.ACCEPTS,
        mission=Mission.TRUST_NOBODY,
        schemes=SIGNED,
        sends="The right signature is the first of three.",
        expects=EXPECTS,
        why=ONE_OF_THE_LIST,
        play=genuine(_signature_list(lambda right, wrong: [right, *wrong])),
        judge=accepted,
    ),
    Case(
        name="signature-between-unknown",
        group=Group.ACCEPTS,
        mission=Mission.TRUST_NOBODY,
        schemes=SIGNED,
        sends="The right signature is between signatures of unknown versions.",
        expects=EXPECTS,
        why="A sender that introduces a version v2 sends both for years. Receivers skip what they "
        "do not know.",
        play=genuine(_signature_list(lambda right, _wrong: ["v1a,AAAA", right, "v2,AAAA"])),
        judge=accepted,
    ),
    Case(
        name="header-case",
        group=Group.ACCEPTS,
        mission=Mission.FIRST_DELIVERY,
        sends="The names of the headers are in mixed case.",
        expects=EXPECTS,
        why="Names of headers have no case in HTTP. Proxies change it, and HTTP/2 has lower case.",
        play=genuine(_header_case),
        judge=accepted,
    ),
    Case(
        name="timestamp-290s-old",
        group=Group.ACCEPTS,
        mission=Mission.REPLAY,
        sends="The request is 290 s old.",
        expects=EXPECTS,
        why="Clocks differ and networks are slow. Within 300 s, a request is in time.",
        play=genuine(_old_timestamp),
        judge=accepted,
    ),
    Case(
        name="chunked",
        group=Group.ACCEPTS,
        mission=Mission.FIRST_DELIVERY,
        level=Level.SHOULD,
        sends="The body comes in chunks, without a Content-Length.",
        expects=EXPECTS,
        why=AS_HTTP_IS,
        docs=READING,
        play=genuine(_chunked),
        judge=accepted,
    ),
    Case(
        name="charset",
        group=Group.ACCEPTS,
        mission=Mission.FIRST_DELIVERY,
        level=Level.SHOULD,
        sends="The content type is application/json; charset=utf-8.",
        expects=EXPECTS,
        why=AS_HTTP_IS,
        docs=RESPONDING,
        play=genuine(_charset),
        judge=accepted,
    ),
)
