import pytest

from hookshop.webkit.durations import duration, signed_duration


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (8.14, "8.1 ms"),
        (9.96, "10 ms"),
        (13.3, "13 ms"),
        (2031, "2,031 ms"),
        (10_000, "10,000 ms"),
        (10_004, "10.0 s"),
        (55_619, "55.6 s"),
        (119_940, "119.9 s"),
        (119_960, "2 min"),
        (30 * 60_000, "30 min"),
        (3 * 3_600_000, "3 h"),
    ],
)
def test_a_duration_is_as_exact_as_a_reader_needs(milliseconds: float, text: str) -> None:
    assert duration(milliseconds) == text


def test_a_signed_duration_has_a_plus_or_a_real_minus_sign() -> None:
    assert signed_duration(55_619) == "+55.6 s"
    assert signed_duration(-15) == "−15 ms"
