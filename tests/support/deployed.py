"""The product's functions in the local FC runtime, with the rules and triggers of s.yaml, for tests."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localcloud.deployment import Deployment
from localcloud.template import read_template
from tests.support.product import EDGE_BINDING, ROOT, SEARCH_BINDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def deployed(url: str, folder: Path, **environ: str) -> Iterator[Deployment]:
    """s.yaml deployed against the cloud at `url`, with the usual bindings in mode apply."""
    bindings = folder / "packed.json"
    bindings.write_text(json.dumps({"edge": [EDGE_BINDING], "search": [SEARCH_BINDING]}))
    environment = {
        "PATH": os.environ["PATH"],
        "ENLIST_ENDPOINT_URL": url,
        "ENLIST_BINDINGS": str(bindings),
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
        **environ,
    }
    with Deployment(read_template(ROOT / "s.yaml", environment=environment), environment) as deployment:
        yield deployment
