from collections.abc import Iterator

import pytest

from tests.demo import Demo, running_demo


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """One demo, whose shop sends the ordinary deliveries of all exams."""
    with running_demo() as demo:
        yield demo
