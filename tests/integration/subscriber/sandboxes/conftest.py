from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.subscriber.conftest import Clock
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.sandbox_steps import Lab, running_lab


@pytest.fixture
async def lab(tmp_path: Path, clock: Clock, shop: FakeShop) -> AsyncIterator[Lab]:
    async with running_lab(tmp_path, clock, shop) as lab:
        yield lab
