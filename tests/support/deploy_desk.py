"""A desk from which one deploys: templates, layers, and a stand-in for `s` with an account behind it.

The stand-in plays what the real one does, mistakes included.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.product import ROOT
from tools.deploy.__main__ import main
from tools.layer.contents import LAYERS

if TYPE_CHECKING:
    from pathlib import Path

PATHS = os.pathsep.join([str(ROOT), str(ROOT / "shared")])
"""What PYTHONPATH has to be for the stand-in, which reads templates as the tool does."""

STAND_IN = """
import json, os, sys
from pathlib import Path
from tools.deploy.comparison import read_wanted

words, home = sys.argv[1:], Path(__file__).parent
account = json.loads((home / "account.json").read_text())
with (home / "calls.jsonl").open("a") as log:
    log.write(json.dumps([words, os.environ.get("ENLIST_LAYER_VERSION")]) + "\\n")
versions = {"enlist": os.environ.get("ENLIST_LAYER_VERSION"),
    "enlist-redis": os.environ.get("ENLIST_REDIS_LAYER_VERSION")}

def option(name):
    return words[words.index(name) + 1]

def arn(name, version):
    return f"acs:fc:cn-hangzhou:6543210987654321:layers/{name}/versions/{version}"

command = words[3] if words[:3] == ["cli", "fc3", "layer"] else next(
    word for word in words if word in ("verify", "plan", "deploy", "info"))
if command in account["broken"]:
    sys.exit(f"\\x1b[31m{command} does not go well\\x1b[0m")
if command == "versions":
    print("a line that is no JSON [x")
    print(json.dumps([
        {"layerVersionArn": arn(option("--layer-name"), n + 1), "description": d}
        for n, d in enumerate(account["layers"].get(option("--layer-name"), []))]))
elif command == "publish":
    layers = account["layers"].setdefault(option("--layer-name"), [])
    if layers[-1:] != [option("--description")]:
        layers.append(option("--description"))
    print(json.dumps({"layerVersionArn": arn(option("--layer-name"), len(layers))}))
elif command == "deploy":
    print("\\x1b[32mdeploying\\x1b[0m")
    chosen = option("--trigger").split(",") if "--trigger" in words else None
    for one in read_wanted(Path(option("--template")), os.environ):
        if one.name in account["lost"] or words[0] not in ("deploy", one.key):
            continue
        function = account["functions"].setdefault(one.name, {"triggers": {}})
        function.update(layers={name: versions[name] for name in one.layers}, concurrency=one.concurrency)
        for name, values in one.triggers.items():
            if chosen is not None and name not in chosen:
                continue
            if "pattern" in values and function["triggers"].get(name) == values:
                break  # as fc3 does: what stands behind is left out
            function["triggers"][name] = values
        if chosen is None and function["triggers"].keys() < one.triggers.keys():
            # As fc3 does: it looks for every trigger afterwards, and goes no further.
            (home / "account.json").write_text(json.dumps(account))
            sys.exit("TriggerNotFound: code: 404")
elif command == "info":
    print("info")
    told = {}
    for key, resource in json.loads(Path(option("--template")).read_text())["resources"].items():
        props = resource["props"]
        name, asked = props["functionName"], [one["triggerName"] for one in props.get("triggers", ())]
        one = account["functions"].get(name)
        if one is None or set(asked) - one["triggers"].keys():
            continue  # as fc3 does: of a resource that lacks anything, nothing is told
        told[key] = {
            "functionName": name, "layers": [arn(*layer) for layer in one["layers"].items()],
            "triggers": [{
                "triggerName": trigger, "qualifier": one["triggers"][trigger]["qualifier"],
                "triggerConfig": {
                    **one["triggers"][trigger],
                    "eventRuleFilterPattern": json.dumps(one["triggers"][trigger].get("pattern"))},
            } for trigger in asked],
        }
        if "concurrencyConfig" in props:
            told[key]["concurrencyConfig"] = {"reservedConcurrency": one["concurrency"]}
        if "http" in asked:
            told[key]["url"] = {"system_url": f"https://{name}.example"}
    print(json.dumps(told))
(home / "account.json").write_text(json.dumps(account))
"""


@dataclass
class Desk:
    """A folder with a copy of s.yaml, layers, and a stand-in for `s` with an account behind it."""

    folder: Path

    def run(self, *arguments: str) -> int:
        """`./dev deploy` with these arguments."""
        options = ["--dist", str(self.folder / "dist"), "--program", str(self.folder / "s")]
        if "--template" not in arguments:
            options += ["--template", str(self.template)]
        return main([*options, *arguments])

    @property
    def template(self) -> Path:
        """The s.yaml that is deployed."""
        return self.folder / "s.yaml"

    @property
    def account(self) -> dict[str, Any]:
        """What stands on the account."""
        found: dict[str, Any] = json.loads((self.folder / "account.json").read_text())
        return found

    def change(self, **values: object) -> None:
        """Changes what stands on the account, or what goes wrong there."""
        (self.folder / "account.json").write_text(json.dumps({**self.account, **values}))

    @property
    def calls(self) -> list[tuple[list[str], str | None]]:
        """The words of every call of `s`, with the layer version that it was told."""
        log = self.folder / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def commands(self) -> list[str]:
        """What was asked of `s`, in order."""
        return [
            next(word for word in words if word not in ("cli", "fc3", "layer")) for words, _ in self.calls
        ]


def make_desk(folder: Path) -> Desk:
    """A desk in an empty folder; nothing is deployed yet."""
    for name in ("s.yaml", "s.prod.yaml", "s.redis.yaml"):
        shutil.copy(ROOT / name, folder)
    (folder / "functions").symlink_to(ROOT / "functions")
    (folder / "dist").mkdir()
    for layer in LAYERS:
        (folder / layer.zip).write_bytes(b"one")
    (folder / "account.json").write_text(
        json.dumps({"layers": {}, "functions": {}, "broken": [], "lost": []})
    )
    program = folder / "s"
    program.write_text(f"#!{sys.executable}{STAND_IN}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Desk(folder)
