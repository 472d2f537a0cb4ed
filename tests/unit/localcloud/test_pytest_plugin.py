"""The pytest fixtures that the local cloud brings along."""

from __future__ import annotations

import os
import subprocess
import sys


def test_the_plug_in_imports_nothing_of_the_cloud() -> None:
    """Loading the plug-in, as every pytest run does, imports neither the cloud nor what it needs."""
    program = (
        "import sys, localcloud.pytest_plugin\n"
        "heavy = {'localcloud.cloud', 'httpx2', 'pydantic', 'starlette', 'uvicorn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"
