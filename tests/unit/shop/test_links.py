import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.web.deliveries.links import describedby_link

ASKED = "http://127.0.0.1:8001/v1/new-purchase"
RECORD = "http://127.0.0.1:8001/receipts/rcp_1"


@pytest.mark.parametrize(
    "header",
    [
        f'<{RECORD}>; rel="describedby"',
        f"<{RECORD}>;rel=describedby",
        f'<{RECORD}> ; REL = "DescribedBy"',
        f'<{RECORD}>; rel="next describedby"',
        f'<{RECORD}>; title="a, b; <c> \\" d"; rel="describedby"',
        f'<http://127.0.0.1:8001/next>; rel="next", <{RECORD}>; rel="describedby"',
        f'<http://elsewhere.example/>; rel="describedby", <{RECORD}>; rel="describedby"',
        '</receipts/rcp_1>; rel="describedby"',
        '<../receipts/rcp_1>; rel="describedby"',
    ],
)
def test_a_link_to_the_same_origin_is_followed(header: str) -> None:
    assert describedby_link(header, ASKED) == RECORD


@pytest.mark.parametrize(
    "target",
    [
        "http://elsewhere.example/receipts/rcp_1",
        "http://127.0.0.1:8002/receipts/rcp_1",
        "http://127.0.0.1/receipts/rcp_1",
        "https://127.0.0.1:8001/receipts/rcp_1",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "\\\\elsewhere.example/",
        "http://127.0.0.1:8001@elsewhere.example/",
        "http://ada:secret@127.0.0.1:8001/",
        "http://127.0.0.1:8001\\@elsewhere.example/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://[::1/",
        "javascript:alert(1)",
        "data:text/html,hello",
        "java\tscript:alert(1)",
        "http://127.0.0.1:8001/\u202e",
        "http://127.0.0.1:8001/a b",
    ],
)
def test_a_link_to_anywhere_else_is_not(target: str) -> None:
    assert describedby_link(f'<{target}>; rel="describedby"', ASKED) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "describedby",
        f"<{RECORD}>",
        f"<{RECORD}; rel=describedby",
        f'{RECORD}; rel="describedby"',
        f'<{RECORD}>; rel="next"',
        f'<{RECORD}>; rel="next"; rel="describedby"',
        f'<{RECORD}>; rel="describedby"; anchor="#other"',
        f'<{RECORD}>; title="rel=describedby"',
        f'<{RECORD}>; rel="describedbyx"',
        "<" * 100_000,
        f"<{RECORD}>" + ";" * 100_000,
        f'<{RECORD}>; rel="' + "\\" * 100_000,
    ],
)
def test_what_says_something_else_or_nothing_at_all_is_no_link(header: str) -> None:
    assert describedby_link(header, ASKED) is None


def test_a_default_port_is_the_same_as_none() -> None:
    header = '<https://hooks.example:443/r/1>; rel="describedby"'

    assert describedby_link(header, "https://hooks.example/hook") == "https://hooks.example:443/r/1"


@given(st.text(st.sampled_from('<>;,="\\ /:@relanchdscibyht127.0')))
def test_whatever_stands_there_leads_nowhere_else(header: str) -> None:
    found = describedby_link(header, ASKED)

    assert found is None or found.startswith("http://127.0.0.1:8001/")
