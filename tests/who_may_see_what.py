"""Who may see what: one table of all routes of both applications, and a walk that holds it.

docs/access.md has the same table, without the single routes. A new route fails the walk until it is
added here.
"""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
from litestar import Litestar

from tests.fuzzing import Route, routes_of
from tests.pages import Visitor as Browser
from tests.pages import read_page
from tests.programs import async_client

TOKEN = "correct horse battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WRONG_BEARER = {"Authorization": "Bearer wrong horse battery"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORBIDDEN = 403


class Who(StrEnum):
    """Visitors. The values are the columns of the table in docs/access.md."""

    STRANGER = "not logged in"
    CUSTOMER = "customer who has ordered"
    PERSON = "logged in"
    PROGRAM = "program with the token"
    GUESSER = "program with a wrong token"
    ANYBODY = "anybody, if no token is set"


# They see more than others in responses of the API that are open to all.
ADMINS_OF_API = (Who.PROGRAM, Who.ANYBODY)


class Outcome(StrEnum):
    """What a visitor gets. The values are the cells of the table in docs/access.md."""

    YES = "yes"
    LOGIN = "login page"
    UNAUTHORIZED = "`401`"
    UNKNOWN = "`404`"
    OWN = "own order"
    JUDGED = "by signature"


YES, LOGIN, UNAUTHORIZED, OWN = (
    Outcome.YES,
    Outcome.LOGIN,
    Outcome.UNAUTHORIZED,
    Outcome.OWN,
)
# In the order of ``Who``.
OPEN = (YES,) * 6
ORDER = (Outcome.UNKNOWN, OWN, YES, OWN, Outcome.UNKNOWN, YES)
ORDER_IN_API = (Outcome.UNKNOWN, OWN, OWN, YES, Outcome.UNKNOWN, YES)
PERSON = (LOGIN, LOGIN, YES, LOGIN, LOGIN, YES)
STREAM = (UNAUTHORIZED, UNAUTHORIZED, YES, UNAUTHORIZED, UNAUTHORIZED, YES)
API = (UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED, YES, UNAUTHORIZED, YES)
WEBHOOKS = (Outcome.JUDGED,) * 6


@dataclass(frozen=True, slots=True)
class Kind:
    """Routes with the same rules. ``name``: the first cell of the row in docs/access.md."""

    name: str
    outcomes: tuple[Outcome, ...]
    shop: tuple[str, ...] = ()
    subscriber: tuple[str, ...] = ()

    def outcome(self, who: Who) -> Outcome:
        return self.outcomes[list(Who).index(who)]


OF_BOTH = (
    "GET /healthz",
    "GET /login",
    "GET /enter",
    "POST /login",
    "POST /appearance",
    "GET /static/{file_path:path}",
)
SCHEMA = ("GET /schema", "GET /schema/openapi.json", "GET /docs/api")

TABLE = (
    Kind("both: health check, static files, login, appearance", OPEN, OF_BOTH, OF_BOTH),
    Kind(
        "subscriber: the start page, `/learn`, with its docs, handouts and downloads",
        OPEN,
        subscriber=(
            "GET /learn",
            "GET /learn/docs",
            "GET /learn/docs/{page:str}",
            "GET /learn/handouts/{name:str}",
            "GET /learn/receivers/{file:str}",
            "GET /learn/teaching",
            "GET /learn/teaching/{guide:str}",
        ),
    ),
    Kind(
        "shop: storefront, cart, checkout; `GET /v1/products`, `POST /v1/orders`",
        OPEN,
        (
            "GET /",
            "GET /cart",
            "POST /cart/items",
            "POST /cart/items/{product_id:str}",
            "POST /orders",
            "GET /v1/products",
            "POST /v1/orders",
        ),
    ),
    Kind(
        "shop: `POST /v1/exams/{id}/effects`, for receivers that are examined",
        OPEN,
        ("POST /v1/exams/{exam_id:str}/effects",),
    ),
    Kind(
        "shop: the page of an order, and its stream",
        ORDER,
        ("GET /orders/{order_id:str}", "GET /orders/{order_id:str}/live"),
    ),
    Kind("shop: `GET /v1/orders/{id}`", ORDER_IN_API, ("GET /v1/orders/{order_id:str}",)),
    Kind(
        "both: all other pages and forms, `/schema`",
        PERSON,
        (
            "GET /orders",
            "POST /orders/{order_id:str}/ship",
            "GET /orders/{order_id:str}/refund",
            "POST /orders/{order_id:str}/refund",
            "GET /overview",
            "GET /deliveries",
            "GET /deliveries/retry",
            "POST /deliveries/retry",
            "GET /deliveries/{delivery_id:str}",
            "POST /deliveries/{delivery_id:str}/attempts",
            "POST /deliveries/{delivery_id:str}/cancel",
            "GET /exam",
            "POST /exam",
            "GET /exam/{exam_id:str}",
            "GET /exam/{exam_id:str}/files/{name:str}",
            "POST /exam/{exam_id:str}/stop",
            "GET /endpoints",
            "POST /endpoints",
            "GET /endpoints/{endpoint_id:str}",
            "POST /endpoints/{endpoint_id:str}/status",
            "GET /endpoints/{endpoint_id:str}/edit",
            "POST /endpoints/{endpoint_id:str}/edit",
            "POST /endpoints/{endpoint_id:str}/ping",
            "GET /endpoints/{endpoint_id:str}/delete",
            "POST /endpoints/{endpoint_id:str}/delete",
            "GET /endpoints/{endpoint_id:str}/recover",
            "POST /endpoints/{endpoint_id:str}/recover",
            "GET /endpoints/{endpoint_id:str}/rotate-secret",
            "POST /endpoints/{endpoint_id:str}/rotate-secret",
            "GET /flow",
            "POST /flow/orders",
            "POST /steady-orders",
            "POST /skip",
            "POST /deliveries/{delivery_id:str}/skip",
            "POST /endpoints/{endpoint_id:str}/skip",
            "GET /sandboxes",
            "POST /sandboxes",
            "GET /sandboxes/{sandbox_id:str}/drop",
            "POST /sandboxes/{sandbox_id:str}/drop",
            "GET /reset",
            "POST /reset",
            "POST /logout",
            *SCHEMA,
        ),
        (
            "GET /",
            "GET /receipts/{receipt_id:str}",
            "GET /receipts/{receipt_id:str}/har",
            "POST /receipts/{receipt_id:str}/attacks/{attack:str}",
            "GET /receipts/{receipt_id:str}/editor",
            "POST /receipts/{receipt_id:str}/editor",
            "GET /receipts/delete",
            "POST /receipts/delete",
            "GET /attacks/{attack_id:str}",
            "GET /purchases",
            "GET /story",
            "GET /polling",
            "POST /polling",
            "GET /missions",
            "GET /missions/{number:str}",
            "POST /missions/{number:str}/start",
            "POST /missions/{number:str}/skip",
            "POST /missions/{number:str}/hint",
            "POST /missions/{number:str}/answers",
            "POST /missions/{number:str}/repair",
            "POST /missions/{number:str}/actions",
            "POST /missions/{number:str}/check",
            "GET /missions/receiver",
            "POST /missions/receiver",
            "POST /missions/receiver/secret",
            "POST /missions/receiver/probe",
            "POST /missions/receiver/delete",
            "POST /missions/put-away",
            "GET /missions/reset",
            "POST /missions/reset",
            "GET /defences",
            "POST /defences",
            "GET /faults",
            "POST /faults",
            "GET /subscription",
            "POST /subscription",
            "GET /subscription/delete",
            "POST /subscription/delete",
            "POST /subscription/rotation",
            "POST /subscription/secret",
            "POST /subscription/skip",
            "GET /sandboxes",
            "POST /sandboxes",
            "GET /sandboxes/{sandbox_id:str}/drop",
            "POST /sandboxes/{sandbox_id:str}/drop",
            "GET /reset",
            "POST /reset",
            "POST /logout",
            *SCHEMA,
        ),
    ),
    Kind(
        "both: the streams of these pages",
        STREAM,
        (
            "GET /overview/live",
            "GET /orders/live",
            "GET /deliveries/live",
            "GET /deliveries/{delivery_id:str}/live",
            "GET /endpoints/live",
            "GET /endpoints/{endpoint_id:str}/live",
            "GET /flow/live",
            "GET /exam/live",
            "GET /exam/{exam_id:str}/live",
        ),
        (
            "GET /receipts/live",
            "GET /purchases/live",
            "GET /story/live",
            "GET /polling/live",
            "GET /missions/{number:str}/live",
            "GET /subscription/live",
        ),
    ),
    Kind(
        "both: all other calls of `/v1`, and `/metrics`",
        API,
        (
            "GET /metrics",
            "GET /v1/webhooks",
            "GET /v1/refused-registrations",
            "POST /v1/webhooks/register",
            "GET /v1/webhooks/{endpoint_id:str}",
            "PATCH /v1/webhooks/{endpoint_id:str}",
            "DELETE /v1/webhooks/{endpoint_id:str}",
            "POST /v1/webhooks/{endpoint_id:str}/ping",
            "POST /v1/webhooks/{endpoint_id:str}/rotate-secret",
            "POST /v1/webhooks/{endpoint_id:str}/recover",
            "GET /v1/orders",
            "POST /v1/orders/{order_id:str}/ship",
            "POST /v1/orders/{order_id:str}/refund",
            "GET /v1/exams",
            "POST /v1/exams",
            "GET /v1/exams/{exam_id:str}",
            "POST /v1/exams/{exam_id:str}/stop",
            "GET /v1/deliveries",
            "GET /v1/quiescence",
            "GET /v1/clock",
            "POST /v1/clock/advance",
            "GET /v1/deliveries/{delivery_id:str}",
            "POST /v1/deliveries/{delivery_id:str}/attempts",
            "POST /v1/deliveries/{delivery_id:str}/cancel",
            "GET /v1/stats",
            "GET /v1/sandboxes",
            "POST /v1/sandboxes",
            "GET /v1/sandboxes/{sandbox_id:str}",
            "PATCH /v1/sandboxes/{sandbox_id:str}",
            "DELETE /v1/sandboxes/{sandbox_id:str}",
            "POST /v1/sandbox/reset",
        ),
        (
            "GET /metrics",
            "GET /v1/receipts",
            "DELETE /v1/receipts",
            "GET /v1/receipts/{receipt_id:str}",
            "GET /v1/stats",
            "GET /v1/faults",
            "PUT /v1/faults",
            "GET /v1/defences",
            "PUT /v1/defences",
            "PATCH /v1/defences",
            "GET /v1/subscription",
            "PUT /v1/subscription",
            "DELETE /v1/subscription",
            "POST /v1/subscription/rotation",
            "GET /v1/missions",
            "GET /v1/missions/{number:str}",
            "POST /v1/missions/{number:str}/start",
            "POST /v1/missions/{number:str}/restart",
            "POST /v1/missions/{number:str}/skip",
            "POST /v1/missions/{number:str}/check",
            "GET /v1/missions/receiver",
            "PUT /v1/missions/receiver",
            "DELETE /v1/missions/receiver",
            "POST /v1/missions/reset",
            "GET /v1/clock",
            "POST /v1/clock/advance",
            "GET /v1/sandboxes",
            "POST /v1/sandboxes",
            "GET /v1/sandboxes/{sandbox_id:str}",
            "PATCH /v1/sandboxes/{sandbox_id:str}",
            "DELETE /v1/sandboxes/{sandbox_id:str}",
            "POST /v1/sandbox/reset",
        ),
    ),
    Kind(
        "subscriber: `POST /v1/new-purchase`",
        WEBHOOKS,
        subscriber=("POST /v1/new-purchase",),
    ),
)


def table_for_docs() -> str:
    """Return the table as Markdown."""
    rows = [["pages and calls", *Who], ["---"] * (len(Who) + 1)]
    rows += [[kind.name, *kind.outcomes] for kind in TABLE]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@dataclass(frozen=True, slots=True)
class Scene:
    """Data for a walk.

    ``ids``: for the parameters of paths. ``private``: what an open page must never show. ``forms``,
    ``bodies``, ``queries``: what to send, by path; other requests are sent empty.
    """

    ids: Mapping[str, str]
    private: tuple[str, ...]
    forms: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bodies: Mapping[str, object] = field(default_factory=dict)
    queries: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. ``shown``: its headers and its body, of a stream the first message."""

    status: int
    location: str
    shown: str


def kinds_of(app: Litestar, routes: str) -> dict[Route, Kind]:
    """Return the kind of each route, in the order of the walk: first what changes nothing.

    ``routes``: the field of ``Kind``. Fail if a route has no kind or two of them, or does not
    exist.
    """
    listed = [(text, kind) for kind in TABLE for text in getattr(kind, routes)]
    known = dict(listed)
    assert len(known) == len(listed), "a route stands in two rows"
    existing = {f"{route.method} {route.path}": route for route in routes_of(app, METHODS)}
    assert set(existing) == set(known), "add new routes to the table, and remove old ones"
    # Otherwise the person would be a stranger, and nothing would be left to see.
    last = ("POST /logout", "POST /v1/sandbox/reset")
    in_order = sorted(known, key=lambda text: (text in last, not text.startswith("GET "), text))
    return {existing[text]: known[text] for text in in_order}


class Walker:
    """One visitor on the way through all routes."""

    def __init__(self, who: Who, client: httpx.AsyncClient, scene: Scene) -> None:
        self._who = who
        self._client = client
        self._scene = scene
        self._form_token = ""

    async def begin(self) -> None:
        """Log in or open a page for the form token, as far as this visitor does such."""
        if self._who in {Who.PROGRAM, Who.GUESSER}:
            self._client.headers.update(BEARER if self._who == Who.PROGRAM else WRONG_BEARER)
            return
        if self._who == Who.PERSON:
            page = await Browser(self._client).submit("/login", "/login", admin_token=TOKEN)
            assert page.status == 303
        shown = read_page(await self._client.get("/login", follow_redirects=True))
        self._form_token = shown.values["_csrf_token"][0]

    async def visit(self, route: Route, kind: Kind) -> str:
        """Request the route, check the outcome, and return what was shown."""
        answer = await self._answer(route)
        expected = kind.outcome(self._who)
        where = f"{self._who}: {route.method} {route.path}: {answer.status} {answer.location}"
        assert answer.status not in {500, 503}, where  # 502: there is no shop
        if _is_form(route) and not self._form_token:
            assert answer.status == FORBIDDEN, where
        else:
            assert _outcome(answer, route) == _seen_as(expected), where
        if expected is not YES or (kind.outcomes == OPEN and self._who not in ADMINS_OF_API):
            told = [text for text in self._scene.private if text not in self._address(route)]
            found = [text for text in told if text in answer.shown]
            assert not found, f"{where} shows {found}"
        return answer.shown

    async def _answer(self, route: Route) -> Answer:
        content: dict[str, object] = {"params": self._scene.queries.get(route.path)}
        if _is_form(route):
            token = {"_csrf_token": self._form_token} if self._form_token else {}
            content["data"] = {**token, **self._scene.forms.get(route.path, {})}
        elif route.path in self._scene.bodies:
            content["json"] = self._scene.bodies[route.path]
        request = self._client.build_request(route.method, self._address(route), **content)  # type: ignore[arg-type]
        async with _sent(self._client, request) as answer:
            shown = f"{answer.headers}\n{await body_of(answer)}"
            return Answer(answer.status_code, answer.headers.get("location", ""), shown)

    def _address(self, route: Route) -> str:
        """Fill in the ids. A request that would change something gets ids that do not exist."""

        def value(found: re.Match[str]) -> str:
            is_known = route.method == "GET" and self._knows(found[1])
            return self._scene.ids[found[1]] if is_known else "unknown"

        return re.sub(r"{(\w+):\w+}", value, route.path)

    def _knows(self, name: str) -> bool:
        return name != "order_id" or self._who not in {Who.STRANGER, Who.GUESSER}


@asynccontextmanager
async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    answer = await client.send(request, stream=True, follow_redirects=False)
    try:
        yield answer
    finally:
        await answer.aclose()


async def body_of(answer: httpx.Response) -> str:
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        await answer.aread()
        return answer.text
    lines: list[str] = []
    async for line in answer.aiter_lines():
        lines.append(line)
        if not line and any(each.startswith("data:") for each in lines):
            break
    return "\n".join(lines)


def _is_form(route: Route) -> bool:
    return route.method == "POST" and not route.path.startswith("/v1/")


def _outcome(answer: Answer, route: Route) -> Outcome:
    if answer.location.startswith("/login"):
        return LOGIN
    if route.path == "/v1/new-purchase":
        return Outcome.JUDGED if '"reason"' in answer.shown else YES
    if answer.status == 401:
        return UNAUTHORIZED
    if answer.status == 404 and "order_id" in route.path and route.method == "GET":
        return Outcome.UNKNOWN
    assert answer.status != FORBIDDEN
    # No shop runs during the walk of the subscriber, whose clock is the shop's.
    is_clock = answer.status == 502 and route.path == "/v1/clock"
    is_shown = answer.status in {200, 303} or is_clock or "{path" in route.path
    assert is_shown or route.method != "GET", (route, answer.status)
    return YES


def _seen_as(outcome: Outcome) -> Outcome:
    """A visitor who may see an own order gets an answer; what is left out of it is private."""
    return YES if outcome is OWN else outcome


async def walk(
    app: Litestar, routes: str, url: str, scene: Scene, visitors: Iterable[Who]
) -> dict[tuple[Who, Route], str]:
    """Visit every route as each visitor, check what comes, and return what was shown."""
    shown: dict[tuple[Who, Route], str] = {}
    async with AsyncExitStack() as clients:
        walkers = {}
        for who in visitors:
            client = async_client(url)
            walkers[who] = Walker(who, await clients.enter_async_context(client), scene)
            await walkers[who].begin()
        for route, kind in kinds_of(app, routes).items():
            for who, walker in walkers.items():
                shown[who, route] = await walker.visit(route, kind)
    return shown
