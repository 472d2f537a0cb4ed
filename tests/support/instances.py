"""A new instance of a product's function that looks at itself, with only code and layer to import from."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

from localcloud.functions.spec import FunctionSpec
from localcloud.template.reading import local_layer_folders
from tests.support.deployed import BINDINGS
from tests.support.product import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def watched(folder: Path, function: str, source: str, **settings: Any) -> FunctionSpec:
    """A function with usual bindings, whose handlers are those of `source`; that of the product is `index`.

    Args:
        folder: for its code.
        function: a folder of `functions/`.
        source: of a module with `handler`, and perhaps `initialize`.
        settings: those of FunctionSpec.
    """
    code = folder / function
    shutil.copytree(ROOT / "functions" / function, code, ignore=shutil.ignore_patterns("__pycache__"))
    (code / "bindings.json").write_text(json.dumps(BINDINGS))
    (code / "watching.py").write_text(textwrap.dedent(source))
    return FunctionSpec(
        key=function,
        name=function,
        handler="watching.handler",
        code=code,
        timeout=20,
        layers=local_layer_folders(ROOT),
        **settings,
    )
