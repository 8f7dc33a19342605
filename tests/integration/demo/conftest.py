from collections.abc import Iterator

import httpx
import pytest

from tests.demo import Demo, running_demo
from tests.programs import client

# Enough retries for a program that takes half a minute to restart on a busy machine.
SCHEDULE = "0" + ",1" * 60


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for the tests of a module. Each test restores it."""
    with running_demo(SHOP_RETRY_SCHEDULE=SCHEDULE) as demo:
        yield demo


@pytest.fixture
def shop(demo: Demo) -> Iterator[httpx.Client]:
    with client(demo.shop_url) as shop:
        yield shop
