"""The product's functions in the local FC runtime, with the rules and triggers of s.yaml, for tests."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from localcloud.functions.deployment import Deployment
from localcloud.template.reading import read_template
from tests.support.product import EDGE_BINDING, ROOT, SEARCH_BINDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localcloud.template.reading import Template

BINDINGS: Final = {"edge": [EDGE_BINDING], "search": [SEARCH_BINDING]}
"""The usual bindings, in mode apply."""


def caller_environment(url: str) -> dict[str, str]:
    """The environment of a caller who has functions call the cloud at `url`."""
    return {
        "PATH": os.environ["PATH"],
        "ENLIST_ENDPOINT_URL": url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
    }


@contextmanager
def deployed(
    url: str,
    folder: Path,
    template: str = "s.yaml",
    change: Callable[[Template], Template] = lambda template: template,
    **environ: str,
) -> Iterator[Deployment]:
    """A template of the project, perhaps changed, deployed against the cloud at `url` with usual bindings."""
    bindings = folder / "packed.json"
    bindings.write_text(json.dumps(BINDINGS))
    environment = {**caller_environment(url), "ENLIST_BINDINGS": str(bindings), **environ}
    read = change(read_template(ROOT / template, environment=environment))
    with Deployment(read, environment) as deployment:
        yield deployment
