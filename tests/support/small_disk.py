"""A Python on a small disk of its own, which can be filled and made read-only while a function runs on it.

A real file system, so errors are the system's own: a tmpfs in a mount namespace that only the function is in.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.support.programs import missing

if TYPE_CHECKING:
    from pathlib import Path

SIZE: Final = "1m"
WAIT_SECONDS: Final = 20.0

_SCRIPT: Final = """\
#!/bin/sh
exec unshare --user --map-root-user --mount /bin/sh -c '
mount -t tmpfs -o size={size} none {disk} || exit 1
obey() {{
  wanted=$(cat {orders}/wanted)
  [ "$wanted" = "$now" ] && return
  case "$wanted" in
    fine) mount -o remount,rw {disk}; rm -f {disk}/filler ;;
    full) dd if=/dev/zero of={disk}/filler bs=4k ;;
    read-only) mount -o remount,ro {disk} ;;
  esac
  now="$wanted"
  echo "$now" >{orders}/part && mv {orders}/part {orders}/now
}}
now=fine
obey </dev/null >{orders}/log 2>&1
while [ -d {orders} ]; do obey; sleep 0.02; done </dev/null >>{orders}/log 2>&1 &
exec {python} "$@"' sh "$@"
"""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """The disk; nobody but the function sees what is on it."""

    disk: Path
    orders: Path

    @property
    def python(self) -> Path:
        """The interpreter to run a function with."""
        return self.orders / "python"

    def become(self, wanted: str) -> None:
        """`fine`, `full` or `read-only`. Waits for it when a function runs, else it is so from the start."""
        self.order(wanted)
        ends = time.monotonic() + WAIT_SECONDS
        while (self.orders / "now").read_text().strip() != wanted:
            assert time.monotonic() < ends, (self.orders / "log").read_text()
            time.sleep(0.01)

    def order(self, wanted: str) -> None:
        """The same, for the next function that starts."""
        (self.orders / "wanted").write_text(wanted)


def small_disk(folder: Path) -> SmallDisk:
    """A disk for one function; skips the test where no program may mount one."""
    disk, orders = folder / "disk", folder / "orders"
    disk.mkdir()
    orders.mkdir()
    small = SmallDisk(disk, orders)
    small.order("fine")
    (orders / "now").write_text("fine")
    values = {"disk": disk, "orders": orders, "python": sys.executable}
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    small.python.write_text(_SCRIPT.format(size=SIZE, **quoted))
    small.python.chmod(0o755)
    _require_namespaces(disk)
    return small


def _require_namespaces(disk: Path) -> None:
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", str(disk)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=30)  # noqa: S603 -- our own
        allowed = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        allowed = False
    if not allowed:
        missing("unshare", "run on Linux with util-linux, where user namespaces may be made and mounted in")
