"""Both applications, built once in each process of the tests: for their routes and documents.

They are not started, and have no folder.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from litestar import Litestar

import shop.app
import shop.config
import subscriber_app.app
import subscriber_app.config


@cache
def unstarted_shop() -> Litestar:
    with TemporaryDirectory() as folder:
        settings = shop.config.Settings(HOOKSHOP_VAR=Path(folder))  # type: ignore[call-arg]
        return shop.app.create_app(settings)


@cache
def unstarted_subscriber() -> Litestar:
    with TemporaryDirectory() as folder:
        settings = subscriber_app.config.Settings(HOOKSHOP_VAR=Path(folder))  # type: ignore[call-arg]
        return subscriber_app.app.create_app(settings)
