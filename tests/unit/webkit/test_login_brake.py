"""The delay after wrong tokens: how it grows, and when it ends."""

import pytest
from litestar.testing import RequestFactory

from hookshop.webkit.login_brake import FREE_FAILURES, LoginBrake, client_address

HERE = "192.0.2.1"
ELSEWHERE = "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def brake(clock: Clock) -> LoginBrake:
    return LoginBrake(clock)


def fail(brake: LoginBrake, times: int = 1, address: str = HERE) -> None:
    for _ in range(times):
        brake.record_failure(address, "wrong", is_person=True)


def test_the_delay_doubles_after_five_failures_up_to_a_minute(
    brake: LoginBrake, clock: Clock
) -> None:
    fail(brake, FREE_FAILURES - 1)
    assert brake.wait_seconds(HERE) == 0

    delays = []
    for _ in range(9):
        fail(brake)
        delays.append(brake.wait_seconds(HERE))
        clock.now += delays[-1]
        assert brake.wait_seconds(HERE) == 0

    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_other_addresses_need_not_wait(brake: LoginBrake) -> None:
    fail(brake, 50)

    assert brake.wait_seconds(HERE) == 60
    assert brake.wait_seconds(ELSEWHERE) == 0


def test_a_success_or_a_quarter_of_an_hour_clears_the_count(
    brake: LoginBrake, clock: Clock
) -> None:
    fail(brake, FREE_FAILURES)
    brake.record_success(HERE)
    fail(brake, FREE_FAILURES - 1)
    assert brake.wait_seconds(HERE) == 0

    clock.now += 15 * 60
    fail(brake, FREE_FAILURES - 1)

    assert brake.wait_seconds(HERE) == 0


def test_a_program_that_repeats_one_wrong_token_is_not_guessing(brake: LoginBrake) -> None:
    for _ in range(100):
        brake.record_failure(HERE, "outdated", is_person=False)
    assert brake.wait_seconds(HERE) == 0

    for number in range(FREE_FAILURES - 1):
        brake.record_failure(HERE, f"guess {number}", is_person=False)

    assert brake.wait_seconds(HERE) == 1


def test_the_number_of_addresses_is_bounded(
    brake: LoginBrake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hookshop.webkit.login_brake.MAX_ADDRESSES", 3)
    fail(brake, 50)

    for number in range(3):
        fail(brake, 50, f"198.51.100.{number}")

    assert brake.wait_seconds(HERE) == 0
    assert brake.wait_seconds("198.51.100.2") == 60


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_client_counts_by_its_network(host: str, address: str) -> None:
    request = RequestFactory().get("/")
    request.scope["client"] = (host, 12345)

    assert client_address(request) == address
