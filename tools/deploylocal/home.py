"""A home for `s` that has the component fc3, and an environment in which it reaches the local cloud alone.

The component is on no package registry: Serverless Devs fetches it from a registry of its own when it first
deploys or plans, into `~/.s`. It is taken from there and never changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ToolkitError
from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.runtime.environment import TEST_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPONENTS: Final = Path(".s/components/devsapp.cn/v3")
HOME: Final = "serverless_devs_config_home"
"""Names the folder that `.s` is in, as `s` reads it; without it, that is HOME."""

HOW_TO_GET: Final = (
    "Serverless Devs fetches it into ~/.s at the first `./dev deploy --plan` or `./dev deploy`, which need "
    f"credentials and the internet; another folder that has it in .s can be named in {HOME}"
)

_LOCK: Final = ".s.lock"
_NEVER: Final = 99999999999999
"""When `s` looks for a newer component, in milliseconds since the epoch."""

_REDIRECT: Final = Path(__file__).with_name("redirect.js")
_OTHERS: Final = ("ALIBABA_CLOUD_", "FC_", "NODE_")
"""How the variables begin that would let `s` go to other places, or take other keys."""

_DOMAINS: Final = """// In the place of fc3-domain, which fc3 loads even where there are no custom domains.
module.exports = class {
  async deploy() { return {}; }
  async info() { return {}; }
  async plan() {}
  async remove() {}
};
"""


class NoComponentError(ToolkitError):
    """This machine does not have the component fc3."""


def find_component(environment: Mapping[str, str]) -> Path | None:
    """The folder of the component fc3 in the home that `s` has in this environment; None without it."""
    home = Path(environment.get(HOME) or environment.get("HOME") or Path.home())
    found = home / COMPONENTS / "fc3"
    return found if (found / _LOCK).is_file() else None


def make_home(folder: Path, environment: Mapping[str, str]) -> None:
    """Makes `folder` a home for `s` with the component of this machine, telemetry off, and no credentials.

    Raises NoComponentError, which says how to get it.
    """
    component = find_component(environment)
    if component is None:
        raise NoComponentError(f"the component fc3 of Serverless Devs is not on this machine: {HOW_TO_GET}")
    lock: object = json.loads((component / _LOCK).read_text(encoding="utf-8"))
    version = str(lock.get("version", "")) if isinstance(lock, dict) else ""
    own = folder / COMPONENTS / component.name
    _install(own, version)
    for part in component.iterdir():
        if part.name != _LOCK:
            (own / part.name).symlink_to(part.resolve())
    domains = folder / COMPONENTS / "fc3-domain"
    _install(domains, version)
    (domains / "index.js").write_text(_DOMAINS, encoding="utf-8")
    (folder / ".s/set-config.yml").write_text("analysis: disable\n", encoding="utf-8")


def local_environment(home: Path, url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a caller, so changed that `s` has this home and reaches only the cloud at `url`.

    Its keys are the local cloud's. `${config('AccountID')}` is the account that the local cloud plays.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OTHERS) and not name.endswith("_serverless_devs_key")
    }
    return {
        **kept,
        HOME: str(home),
        "LOCALCLOUD_URL": url,
        # A path may have blanks in it; JSON quotes as Node reads it.
        "NODE_OPTIONS": f"--require {json.dumps(str(_REDIRECT))}",
        "AccountID": DEFAULT_ACCOUNT_ID,
        "AccessKeyID": TEST_CREDENTIALS["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "AccessKeySecret": TEST_CREDENTIALS["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    }


def _install(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    lock = {"version": version, "lastUpdateCheck": _NEVER}
    (folder / _LOCK).write_text(json.dumps(lock), encoding="utf-8")
