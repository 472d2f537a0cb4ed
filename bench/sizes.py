"""What is uploaded and unpacked: the product's layer, and the official SDKs zipped in the same way."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Final, Literal, get_args

from packaging.requirements import Requirement
from pydantic import BaseModel, ConfigDict

from bench import trees
from bench.case import Asked, BenchError, Case, Column
from tools.layer.build import zip_bytes
from tools.layer.contents import LIMIT
from tools.layer.wheels import normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject, JsonValue

Package = Literal["layer", "sdk for attach", "sdk for connect", "sdk for both"]

ROOTS: Final[Mapping[Package, tuple[str, ...]]] = {
    "sdk for attach": ("alibabacloud-cs20151215", "alibabacloud-ens20171110"),
    "sdk for connect": ("alibabacloud-elasticsearch20170613",),
    "sdk for both": (
        "alibabacloud-cs20151215",
        "alibabacloud-elasticsearch20170613",
        "alibabacloud-ens20171110",
    ),
}
"""The clients that a function imports. The layer serves both functions."""

_PYTHON: Final = {"python_version": "3.12", "python_full_version": "3.12.0", "extra": ""}


class Setting(BaseModel):
    """What is packed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: Package


def settings(_: Asked) -> Sequence[JsonObject]:
    """The layer and each set of clients."""
    return [Setting(package=package).model_dump() for package in get_args(Package)]


def measure(settings: Sequence[JsonObject], _: str) -> Sequence[JsonObject]:
    """The sizes of each, and how they compare with the layer's."""
    layer = trees.build_layer()
    rows: list[JsonObject] = []
    for one in settings:
        package = Setting.model_validate(one).package
        if package == "layer":
            sizes = {**sizes_of(trees.opened(layer)), "zip_bytes": len(layer)}
        else:
            files = sdk_files(trees.sdk_folder(), ROOTS[package])
            sizes = sizes_of(files)
        zipped = sizes["zip_bytes"]
        missed: list[JsonValue] = []
        if package == "layer" and zipped > LIMIT:
            missed.append(f"the layer's zip has {zipped:,} bytes, at most {LIMIT:,}")
        rows.append({**sizes, "zip_by_layer": round(zipped / len(layer), 2), "missed": missed})
    return rows


def sizes_of(files: Mapping[str, bytes]) -> dict[str, int]:
    """Bytes, unpacked and zipped, with the bytecode there is and without."""
    bare = trees.without_bytecode(files)
    return {
        "files": len(files),
        "compiled_files": len(files) - len(bare),
        "unpacked_bytes": _total(files),
        "zip_bytes": len(zip_bytes(files)),
        "unpacked_bytes_without": _total(bare),
        "zip_bytes_without": len(zip_bytes(bare)),
    }


def sdk_files(folder: Path, roots: Iterable[str]) -> dict[str, bytes]:
    """The files of some distributions and of all that they require, by path.

    Raises BenchError when one of them is not installed in the folder.
    """
    files: dict[str, bytes] = {}
    for one in closure(folder, roots):
        for path in one.files or ():
            file = folder / path
            # Commands are listed below ../bin and are not installed.
            if ".." not in path.parts and file.is_file():
                files[path.as_posix()] = file.read_bytes()
    return files


def closure(folder: Path, roots: Iterable[str]) -> list[Distribution]:
    """Some distributions in a folder and all that they require, extras left out."""
    installed = {normal(one.name): one for one in distributions(path=[str(folder)])}
    found: dict[str, Distribution] = {}
    wanted = [normal(name) for name in roots]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        if name not in installed:
            raise BenchError(f"{name} is missing in {folder}: {trees.HOW_TO_GET_SDK}")
        found[name] = installed[name]
        for text in installed[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(_PYTHON):
                wanted.append(normal(requirement.name))
    return list(found.values())


def _total(files: Mapping[str, bytes]) -> int:
    return sum(map(len, files.values()))


CASE: Final = Case(
    "sizes",
    "bytes that are uploaded and unpacked; zipped in the same way",
    (
        Column("package", "package"),
        Column("files", "files", ","),
        Column("compiled", "compiled_files", ","),
        Column("unpacked", "unpacked_bytes", ","),
        Column("zip", "zip_bytes", ","),
        Column("unpacked without", "unpacked_bytes_without", ","),
        Column("zip without", "zip_bytes_without", ","),
        Column("zip by layer", "zip_by_layer", ".1f"),
    ),
    settings,
    measure,
    together=True,
)
