"""Made-up wheels, and small clones of this repository that build a layer of them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from tests.support.product import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PURE = "py3-none-any"
COMPILED = "cp312-cp312-manylinux_2_17_x86_64"


def make_wheel(
    folder: Path, name: str, files: Mapping[str, str], *, tag: str = PURE, version: str = "1.0"
) -> Path:
    """Writes a wheel with these files beside the metadata that every wheel has."""
    info = f"{name}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n",
        f"{info}/RECORD": "",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in {**files, **metadata}.items():
            archive.writestr(path, text)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    path.write_bytes(data.getvalue())
    return path


def requirement(wheel: Path) -> str:
    """The locked requirement that a wheel satisfies."""
    name, version, *_ = wheel.name.split("-")
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def make_clone(folder: Path, requirements: str, redis: str = "") -> Path:
    """A clone that has what `./dev layer` needs: two small packages, requirements, and the tool itself.

    `redis` are the requirements of the second layer; the third has none.
    """
    texts = {
        "pyproject.toml": '[project]\nversion = "0.1.0"\n',
        "requirements/layer.txt": requirements,
        "requirements/layer-redis.txt": redis,
        "requirements/layer-otel.txt": "",
        "shared/fctoolkit/__init__.py": "",
        "shared/fctoolkit/py.typed": "",
        "shared/fctoolkit/__pycache__/old.pyc": "bytecode",
        "shared/enlist/__init__.py": "",
        "shared/enlist/edge/job.py": "x = 1\n" * 100,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(ROOT / "tools/layer", folder / "tools/layer", ignore=shutil.ignore_patterns("*.pyc"))
    return folder


def build(
    clone: Path,
    index: Path | None = None,
    *options: str,
    python: Path | None = None,
    umask: int = 0o022,
    **environ: str,
) -> subprocess.CompletedProcess[str]:
    """Runs `./dev layer`'s command in a clone. `index` is the only place that pip finds anything in."""
    environment = {
        "PATH": os.environ["PATH"],
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        **({"PIP_FIND_LINKS": str(index)} if index else {}),
        **environ,
    }
    command = [str(python or sys.executable), "-m", "tools.layer", *options]
    return subprocess.run(  # noqa: S603  # no shell, and our own command
        command,
        check=False,
        cwd=clone,
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=60,
    )


def built(clone: Path, layer: str = "enlist") -> bytes:
    """The zip that a clone has built."""
    return (clone / f"dist/{layer}-layer.zip").read_bytes()
