import pytest

from shop.web.formatting import milliseconds, signed_span, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.03, "30 ms"),
        (0.1, "0.1 s"),
        (4.6249, "4.6 s"),
        (30, "30 s"),
        (59.96, "1 min"),
        (90, "1 min 30 s"),
        (300, "5 min"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (90061, "1 d 1 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_signed_duration_has_a_plus_or_a_real_minus_sign() -> None:
    assert signed_span(0.6) == "+0.6 s"
    assert signed_span(-0.6) == "−0.6 s"


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0"), (0.44, "0.4"), (9.96, "10"), (151.3, "151")]
)
def test_milliseconds_have_a_decimal_only_below_ten(number: float, text: str) -> None:
    assert milliseconds(number) == text
