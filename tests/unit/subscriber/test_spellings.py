"""Which URLs are other spellings of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.shop_api.spellings import is_other_spelling

OURS = "http://localhost:8001/v1/new-purchase"


@pytest.mark.parametrize(
    "url",
    [
        "HTTP://LOCALHOST:8001/v1/new-purchase",
        "http://localhost.:08001/v1/new-purchase",
        "http://localhost:8001/v1/new-purchase#top",
        "http://localhost:8001/v1/new-purchase?",
        "http://localhost:8001/v1/new-purchase/",
        "http://localhost:8001/v1/./new%2Dpurchase",
        "http://127.0.0.1:8001/v1/new-purchase",
        "http://[::1]:8001/v1/new-purchase",
    ],
)
def test_another_spelling_is_recognized(url: str) -> None:
    assert is_other_spelling(url, OURS)


@pytest.mark.parametrize(
    "url",
    [
        OURS,
        "http://localhost:8002/v1/new-purchase",
        "https://localhost:8001/v1/new-purchase",
        "http://elsewhere.example:8001/v1/new-purchase",
        "http://localhost:8001/v1/new-purchase?a",
        "http://localhost:8001/V1/new-purchase",
        "http://localhost:x/",
        "http://[",
        "",
    ],
)
def test_our_exact_url_and_other_urls_are_no_spellings(url: str) -> None:
    assert not is_other_spelling(url, OURS)


@given(st.text())
def test_any_text_can_be_compared(url: str) -> None:
    is_other_spelling(url, OURS)
    is_other_spelling(f"http://{url}", OURS)
