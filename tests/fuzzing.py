"""Fuzzes an application: hostile values for every parameter of every route.

No route or parameter is listed here. The routes come from the application, declared parameters
from the handlers' signatures, and those that a handler reads from the query or a form are recorded
while it responds. So new parameters are covered automatically.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, get_type_hints
from unittest.mock import patch
from urllib.parse import quote_from_bytes, unquote

import httpx
from hypothesis import strategies as st
from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.datastructures import FormMultiDict, MultiDict
from litestar.params import HeaderParameter, QueryParameter
from litestar.routes import HTTPRoute

# A 500 is our failure. A 503 says that the database is unavailable, but it is available.
NEVER = (500, 503)

HOSTILE: tuple[str | bytes, ...] = (
    "",
    " ",
    "\x00",
    "x" * 300,
    "x" * 5000,
    "%_" * 30_000,
    b"\xff\xfe",
    "\ud800",  # half a character
    "\u202e\u2028\r\n",
    "' OR 1=1 --",
    "../" * 9,
    "-1",
    "9" * 25,
    "1e999",
    "9999-12-31T23:59:59",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00",
    "0999-12-31T23:59:59Z",
    "dlv_" + "f" * 32,
    "rcp_" + "f" * 32,
    "msg_" + "0" * 32,
    "…ffffffff",
)
_ZONES = st.sampled_from(["", "Z", "+00:00"]) | st.timedeltas(
    timedelta(hours=-23), timedelta(hours=23)
).map(lambda offset: datetime(2000, 1, 1, tzinfo=timezone(offset)).isoformat()[19:])
DATES = st.tuples(st.datetimes().map(datetime.isoformat), _ZONES).map("".join)
VALUES = (
    st.sampled_from(HOSTILE)
    | DATES
    | st.text(max_size=40)
    | st.binary(max_size=20)
    | st.integers().map(str)
)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. ``path``: such as ``/orders/{order_id:str}/live``."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def path_parameters(self) -> list[str]:
        """Return the names of the path parameters."""
        return re.findall(r"{(\w+):", self.path)

    def filled(self, values: Mapping[str, str | bytes]) -> str:
        """Return the path with these values, percent-encoded."""
        return re.sub(r"{(\w+):\w+}", lambda found: encoded(values[found[1]]), self.path)


def routes_of(app: Litestar, methods: Sequence[str]) -> list[Route]:
    """Return every route of the application with one of these methods."""
    return sorted(
        (
            Route(method, route.path)
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for method in set(methods) & set(route.methods)
        ),
        key=str,
    )


@dataclass(slots=True)
class Learned:
    """Names of query parameters, form fields and headers that a handler declares or reads.

    ``body``: the fields of its declared JSON, with their types.
    """

    query: set[str] = field(default_factory=set)
    form: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    body: dict[str, Any] = field(default_factory=dict)


def declared(app: Litestar, route: Route) -> Learned:
    """Return the parameters that the handler of a route declares in its signature."""
    learned = Learned()
    for own in app.routes:
        if isinstance(own, HTTPRoute) and own.path == route.path:
            for handler in own.route_handlers:
                if route.method in handler.http_methods:
                    _add_declared(learned, handler.parsed_fn_signature.parameters)
    return learned


def _add_declared(learned: Learned, parameters: Mapping[str, Any]) -> None:
    for name, parameter in parameters.items():
        definition = parameter.kwarg_definition
        if isinstance(definition, QueryParameter):
            learned.query.add(definition.name or name)
        elif isinstance(definition, HeaderParameter):
            learned.headers.add(definition.name or name)
        elif name == "data" and isinstance(parameter.annotation, type):
            learned.body.update(get_type_hints(parameter.annotation))


@contextmanager
def learning(learned: Learned) -> Iterator[None]:
    """Record in ``learned`` the names that handlers read from requests."""
    own_query, own_form = ASGIConnection.query_params, Request.form

    def query_params(connection: ASGIConnection[Any, Any, Any, Any]) -> MultiDict[Any]:
        return _Noting(own_query.__get__(connection), learned.query)

    async def form(request: Request[Any, Any, Any]) -> FormMultiDict:
        return _NotingForm(await own_form(request), learned.form)

    with (
        patch.object(ASGIConnection, "query_params", property(query_params)),
        patch.object(Request, "form", form),
    ):
        yield


class _Notes:
    """A mapping that records the names that are looked up."""

    names: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)  # type: ignore[misc]

    def getall(self, key: str, *default: Any) -> Any:
        self.names.add(key)
        return super().getall(key, *default)  # type: ignore[misc]

    def __getitem__(self, key: str) -> Any:
        self.names.add(key)
        return super().__getitem__(key)  # type: ignore[misc]

    def __contains__(self, key: object) -> bool:
        self.names.add(str(key))
        return super().__contains__(key)  # type: ignore[misc,no-any-return]


class _Noting(_Notes, MultiDict[Any]):
    def __init__(self, own: MultiDict[Any], names: set[str]) -> None:
        super().__init__(own.multi_items())
        self.names = names


class _NotingForm(_Notes, FormMultiDict):
    def __init__(self, own: FormMultiDict, names: set[str]) -> None:
        super().__init__(own.multi_items())
        self.names = names


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``query`` and ``form``: URL-encoded. ``body``: JSON."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str | bytes]] = ()
    body: bytes = b""

    def __str__(self) -> str:
        shown = f"{self.method} {self.path}?{self.query} {self.headers} {self.body!r}"
        return shown if len(shown) < 2000 else f"{shown[:2000]}…"


async def ask(app: Litestar, asked: Asked) -> int:
    """Return the status of the response, after the first part of its body."""
    begun, status = asyncio.Event(), 0
    inbox: list[dict[str, Any]] = [{"type": "http.request", "body": asked.body, "more_body": False}]

    async def receive() -> Any:
        if not inbox:
            await begun.wait()
            return {"type": "http.disconnect"}  # one part of a stream is enough
        return inbox.pop()

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message.get("body") or not message.get("more_body"):
            begun.set()

    await app(_scope(app, asked), receive, send)
    return status


def _scope(app: Litestar, asked: Asked) -> Any:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(asked.path),  # as uvicorn does
        "raw_path": asked.path.encode(),
        "root_path": "",
        "query_string": asked.query.encode(),
        "headers": [
            (b"host", b"127.0.0.1"),
            *((name.lower().encode(), _raw(value)) for name, value in asked.headers),
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
        "litestar_app": app,
    }


def encoded(value: str | bytes) -> str:
    """Return the text with every reserved byte percent-encoded."""
    return quote_from_bytes(_raw(value), safe="")


def as_query(values: Mapping[str, str | bytes]) -> str:
    """Return names and values, URL-encoded."""
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in values.items())


def as_json(values: Mapping[str, Any]) -> bytes:
    """Return a JSON object; bytes that are not UTF-8 become other characters."""
    return json.dumps(
        {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in values.items()
        }
    ).encode()


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", errors="surrogatepass")


Runs = Callable[[Any], Any]


@contextmanager
def living(app: Litestar) -> Iterator[Runs]:
    """Start the application, and yield a function that runs a coroutine in its event loop."""

    async def live(is_up: asyncio.Event, is_over: asyncio.Event) -> None:
        async with app.lifespan():
            is_up.set()
            await is_over.wait()

    with asyncio.Runner() as runner:
        loop, is_up, is_over = runner.get_loop(), asyncio.Event(), asyncio.Event()
        living = loop.create_task(live(is_up, is_over))
        runner.run(is_up.wait())
        try:
            yield runner.run
        finally:
            is_over.set()
            loop.run_until_complete(living)


async def csrf_of(app: Litestar, path: str) -> tuple[str, str]:
    """Return the CSRF cookie and token from the page at this path."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get(path)
    [(name, token)] = [(name, it) for name, it in answer.cookies.items() if "csrf" in name]
    return f"{name}={token}", token


@dataclass(slots=True)
class Fuzzer:
    """Fuzzes one running application.

    ``run``: runs a coroutine in the application's event loop. ``known``: valid values by parameter
    name, such as the id of an existing order; a parameter without one is left out. ``csrf``: the
    cookie's name and value, and the token of forms.
    """

    app: Litestar
    run: Runs
    known: Mapping[str, Any]
    csrf: tuple[str, str]

    def learn(self, route: Route) -> Learned:
        """Return what the route's handler declares and reads, with valid values."""
        learned = declared(self.app, route)
        with learning(learned):
            for _ in range(2):  # what it reads may depend on the values
                self.status(route, learned)
        learned.form.discard("_csrf_token")
        return learned

    def one_by_one(self, route: Route, learned: Learned) -> Iterator[Asked]:
        """Yield requests with one hostile value each, for every parameter."""
        for hostile in HOSTILE:
            for name in route.path_parameters:
                if hostile != "":  # would match another route
                    yield self.asked(route, learned, path={name: hostile})
            for name in sorted(learned.query):
                yield self.asked(route, learned, query={name: hostile})
            for name in sorted(learned.form):
                yield self.asked(route, learned, form={name: hostile})
            for name in sorted(learned.body):
                yield self.asked(route, learned, body={name: hostile})

    def any_request(self, route: Route, learned: Learned) -> st.SearchStrategy[Asked]:
        """Return a strategy for requests with several hostile values."""
        return st.builds(
            lambda path, query, form, body: self.asked(
                route, learned, path=path, query=query, form=form, body=body
            ),
            path=_some(route.path_parameters, VALUES.filter(bool)),
            query=_some(learned.query, VALUES),
            form=_some(learned.form, VALUES),
            body=_some(learned.body, VALUES | st.integers() | st.none() | st.lists(st.text())),
        )

    def asked(
        self,
        route: Route,
        learned: Learned,
        *,
        path: Mapping[str, str | bytes] | None = None,
        query: Mapping[str, str | bytes] | None = None,
        form: Mapping[str, str | bytes] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Asked:
        """Return a request with the known valid values, overridden by these."""
        good = self.known
        filled = {name: good.get(name, "x") for name in route.path_parameters} | dict(path or {})
        headers, content = self._content(route, learned, form or {}, body or {})
        return Asked(route.method, route.filled(filled), as_query(query or {}), headers, content)

    def _content(
        self,
        route: Route,
        learned: Learned,
        form: Mapping[str, str | bytes],
        body: Mapping[str, Any],
    ) -> tuple[list[tuple[str, str | bytes]], bytes]:
        if route.method == "GET":
            return [], b""
        if route.path.startswith("/v1/"):
            good = {name: self.known[name] for name in learned.body if name in self.known}
            return [("content-type", "application/json")], as_json({**good, **body})
        cookie, token = self.csrf
        good = {name: _typed(self.known[name]) for name in learned.form if name in self.known}
        fields = {"_csrf_token": token, **good, **form}
        headers: list[tuple[str, str | bytes]] = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", cookie),
        ]
        return headers, as_query(fields).encode()

    def status(self, route: Route, learned: Learned) -> int:
        """Return the status of the request with only valid values."""
        return self.ask(self.asked(route, learned))

    def ask(self, asked: Asked) -> int:
        """Send the request and return the status of the response."""
        status: int = self.run(ask(self.app, asked))
        return status


def _typed(value: Any) -> str:
    """Return the value as a form field contains it."""
    return str(value[0]) if isinstance(value, list) else str(value)


def _some(names: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for some of the names, each with a value."""
    if not names:
        return st.just({})
    return st.dictionaries(st.sampled_from(sorted(names)), values, max_size=len(names))
