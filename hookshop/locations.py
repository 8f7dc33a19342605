"""Where Hookshop's files are: in a clone, or installed from a wheel.

A wheel contains ``templates``, ``static`` and ``docs`` inside the package, because the names of
top-level folders in an environment are shared by all packages. In a clone they are beside it.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).parent
IS_INSTALLED = (PACKAGE / "templates").is_dir()

# What error messages propose.
MIGRATE = "python -m shop.database.migrations" if IS_INSTALLED else "make migrate"
START_OVER = "an empty HOOKSHOP_VAR" if IS_INSTALLED else "make reset"


def asset_folder(name: str) -> Path:
    """Return the folder ``templates``, ``static`` or ``docs``."""
    return (PACKAGE if IS_INSTALLED else PACKAGE.parent) / name


def default_var() -> Path:
    """Return the folder for everything that Hookshop stores, unless HOOKSHOP_VAR is set.

    In a clone it is ``var``, relative to the current folder. An installed Hookshop runs from any
    folder, so it uses the place that the system provides for data of a user's programs.
    """
    if not IS_INSTALLED:
        return Path("var")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "hookshop"
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: ignore relative paths.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "hookshop"


def python_command(module: str) -> list[str]:
    """Return the command that runs a module of Hookshop as a program.

    With ``-P``, a folder ``shop`` where the command was called is not imported instead of ours. The
    environment must be ``program_environment``.
    """
    return [sys.executable, "-P", "-m", module]


def program_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ``, with a PYTHONPATH by which programs find a Hookshop in a clone."""
    if IS_INSTALLED:
        return dict(environ)
    paths = [str(PACKAGE.parent.resolve()), environ.get("PYTHONPATH", "")]
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
