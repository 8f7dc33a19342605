"""Applications that several tests use one after the other, because building one is slow.

For each test, their databases are empty, and their folders have no other files than their keys.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from litestar import Litestar

import shop.app
import shop.config
import subscriber_app.app
import subscriber_app.config
from hookshop.webkit.settings import ServerSettings

NOBODY = "http://127.0.0.1:1"
SettingsT = TypeVar("SettingsT", bound=ServerSettings)


class SharedApps:
    """The applications of one process of the tests, each with a folder of its own.

    ``migrated_files``: a database with empty tables for each application.
    """

    def __init__(self, folder: Path, migrated_files: dict[str, Path]) -> None:
        self._folder = folder
        self._migrated_files = migrated_files
        self._apps: list[tuple[str, dict[str, Any], Litestar]] = []

    def shop(self, **settings: Any) -> Litestar:
        """Return a shop that is not started. ``settings``: as fields, such as ``public_url``."""
        return self._get("shop", settings, shop.config.Settings, shop.app.create_app)

    def subscriber(self, **settings: Any) -> Litestar:
        """Return a subscriber that is not started. Unless they say otherwise, it has no shop."""
        settings = {"shop_url": NOBODY, **settings}
        own = subscriber_app.config.Settings
        return self._get("subscriber", settings, own, subscriber_app.app.create_app)

    def of(self, name: str, **settings: Any) -> Litestar:
        """Return the application ``shop`` or ``subscriber``."""
        return self.shop(**settings) if name == "shop" else self.subscriber(**settings)

    def folder_of(self, app: Litestar) -> Path:
        """Return the folder with the application's database and keys."""
        [number] = [number for number, known in enumerate(self._apps) if known[2] is app]
        return self._folder / str(number)

    def _get(
        self,
        name: str,
        settings: dict[str, Any],
        settings_class: type[SettingsT],
        build: Callable[[SettingsT], Litestar],
    ) -> Litestar:
        for known, its_settings, app in self._apps:
            if (known, its_settings) == (name, settings):
                self._renew(self.folder_of(app), name)
                return app
        folder = self._folder / str(len(self._apps))
        folder.mkdir()
        self._renew(folder, name)
        app = build(settings_class.model_validate({"HOOKSHOP_VAR": folder, **settings}))
        self._apps.append((name, settings, app))
        return app

    def _renew(self, folder: Path, name: str) -> None:
        for path in folder.rglob("*"):
            # A name with "_" is that of an empty database, which a running subscriber copies.
            if path.is_file() and path.suffix != ".key" and not path.name.startswith("_"):
                path.unlink()
        shutil.copyfile(self._migrated_files[name], folder / f"{name}.db")
