"""The folders of a cloud instance, /code and /opt, as the folders of this machine that stand for them. Pure.

A custom runtime gets no automatic path to its layers, so its command, arguments and variables name them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_CLOUD_PATH: Final = re.compile(r"(?:^|(?<=[:=,\s]))/(opt|code)(?=$|[/:=,\s])(/[^:=,\s]*)?")


@dataclass(frozen=True, slots=True)
class LocalFolders:
    """Where a function's code and layers are here.

    A layer that holds a folder `python` stands for /opt, any other for /opt/python. So /opt/python may be
    several folders: they come one after the other, as in a search path.
    """

    code: Path
    layers: tuple[Path, ...]

    def translate(self, text: str) -> str:
        """The text with each path beneath /code and /opt in it replaced by the local ones.

        A path that no layer can hold, such as /opt/bin when all stand for /opt/python, stays as it is.
        """
        return _CLOUD_PATH.sub(lambda found: os.pathsep.join(self._local(found[0])), text)

    def in_layers(self, *below_opt: str) -> list[str]:
        """The local folders that stand for one beneath /opt and are there, in the layers' order."""
        places = (_in_layer(layer, [*below_opt]) for layer in self.layers)
        return [str(place) for place in places if place is not None and place.is_dir()]

    def _local(self, path: str) -> list[str]:
        parts = path.strip("/").split("/")
        if parts[0] == "code":
            return [str(self.code.joinpath(*parts[1:]))]
        candidates = [
            place for layer in self.layers for place in (_in_layer(layer, parts[1:]),) if place is not None
        ]
        there = [place for place in candidates if place.exists()]
        return [str(place) for place in there or candidates[:1]] or [path]


def _in_layer(layer: Path, below_opt: list[str]) -> Path | None:
    if (layer / "python").is_dir():
        return layer.joinpath(*below_opt)
    return layer.joinpath(*below_opt[1:]) if below_opt[:1] == ["python"] else None
