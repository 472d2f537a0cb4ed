"""The scenarios of this folder, for what plays them outside of pytest."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cloud_scene import Scenario


def scenarios(mode: str) -> Iterator[tuple[str, Scenario]]:
    """Those of a mode that ask for nothing but a scene, by file and name."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.cloud.{path.stem}")
        for name, value in vars(module).items():
            if mode in getattr(value, "modes", ()) and list(inspect.signature(value).parameters) == ["at"]:
                yield f"{path.stem}.{name}", value
