import pytest

from hookshop.webkit.sandbox_paths import Base, based_at, link, split_sandbox, url_here


@pytest.mark.parametrize(
    ("path", "sandbox", "rest"),
    [
        ("/orders", "main", "/orders"),
        ("/s/lesson-7/orders", "lesson-7", "/orders"),
        ("/s/lesson-7/", "lesson-7", "/"),
        ("/s/lesson-7", "lesson-7", "/"),
        ("/s/lesson-7/v1/orders/ord_1", "lesson-7", "/v1/orders/ord_1"),
    ],
)
def test_a_path_names_its_sandbox(path: str, sandbox: str, rest: str) -> None:
    assert split_sandbox(path) == (sandbox, rest)


@pytest.mark.parametrize(
    "path",
    [
        "/s/ab/orders",  # too short
        "/s/UPPER/orders",
        "/s/main/orders",  # has an address already
        "/s/lesson-7/static/css/base.css",
        "/s/lesson-7/healthz",
        "/s/lesson-7/metrics",
        "/s/lesson-7/v1/sandboxes",
        "/s/lesson-7/v1/sandboxes/lesson-8",
        "/s/lesson-7/s/lesson-8/orders",
        "/s/lesson-7orders\n/",
        "/s//orders",
    ],
)
def test_what_no_sandbox_serves_keeps_its_prefix(path: str) -> None:
    assert split_sandbox(path) == ("main", path)


@pytest.mark.parametrize(
    ("base", "address", "expected"),
    [
        (Base(), "/orders", "/orders"),
        (Base("/hookshop"), "/orders?state=x", "/hookshop/orders?state=x"),
        (Base("/hookshop", "lesson-7"), "/", "/hookshop/s/lesson-7/"),
        (Base("", "lesson-7"), "/static/css/base.css", "/static/css/base.css"),
        (Base("", "lesson-7"), "/static", "/static"),
        (Base("/hookshop", "lesson-7"), "/static/css/base.css", "/hookshop/static/css/base.css"),
        (Base("", "lesson-7"), "#faults", "#faults"),
        (Base("", "lesson-7"), "https://shop.example/orders", "https://shop.example/orders"),
        (Base("", "lesson-7"), "//shop.example/orders", "//shop.example/orders"),
    ],
)
def test_a_link_begins_where_the_application_does(base: Base, address: str, expected: str) -> None:
    with based_at(base):
        assert link(address) == expected


def test_the_url_of_a_sandbox_is_below_that_of_the_application() -> None:
    with based_at(Base("/hookshop", "lesson-7")):
        assert url_here("https://example.org/hookshop") == "https://example.org/hookshop/s/lesson-7"
