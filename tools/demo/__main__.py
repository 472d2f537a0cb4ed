"""`./dev demo`: sample events through the patterns of s.yaml to both functions, against a local cloud.

The functions run in processes of their own. Exits 0 only if every instance ended where its binding says.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import LocalCloud
from localcloud.functions.deployment import Deployment
from localcloud.server import running_server
from localcloud.template.reading import read_template
from tools.demo import scene
from tools.demo.timeline import Timeline

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.journal import DeliveryRecord
    from localcloud.runtime import Invocation

ROOT = Path(__file__).parents[2]
BINDINGS = Path(__file__).with_name("bindings.yaml")


class Demo:
    """One run of the story."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, timeline: Timeline) -> None:
        self._cloud = cloud
        self._deployment = deployment
        self._timeline = timeline
        self._calls_shown = 0

    def play(self) -> bool:
        """The story from the first event to the last table; True when it ended well."""
        self._timeline.title("Events arrive")
        self._sample("ens-cloudmonitor-eventbridge.json")
        self._sample("ens-cloudmonitor-eventbridge.json", again=True)
        self._ready("ens:Instance:Ready", scene.SLOW)
        self._ready("ens:Instance:Ready", scene.HELD)
        self._ready("ens:Instance:Ready", scene.SMALL)
        self._sample("elasticsearch-actiontrail-api-call.json")
        self._ready("elasticsearch:Instance:Active", scene.METRICS)
        self._timeline.title("The timer repairs what events could not do")
        self._timeline.passes(f"a minute: {scene.SLOW} has started, {scene.LOGS} is active")
        self._cloud.advance(60)
        self._cloud.seed(scene.a_minute_later())
        self._tick()
        self._timeline.passes("two minutes: the cluster's tasks end")
        self._cloud.advance(120)
        self._tick()
        self._timeline.title("An operator asks")
        self._ask(scene.TAKEN)
        return self._end()

    def _sample(self, name: str, *, again: bool = False) -> None:
        event = json.loads((ROOT / "events" / name).read_bytes())
        self._put(f"events/{name}, delivered again" if again else f"events/{name}", event)

    def _ready(self, kind: str, instance_id: str) -> None:
        event: JsonObject = {
            "id": f"demo-{instance_id}",
            "source": "enlist.custom",
            "specversion": "1.0",
            "type": kind,
            "data": {"instanceId": instance_id, "regionId": "cn-hangzhou"},
        }
        self._put(f"custom event for {instance_id}", event)

    def _put(self, name: str, event: JsonObject) -> None:
        receipt = self._deployment.bus.put(event)
        self._timeline.event(name, receipt)
        for record in self._cloud.deliveries.deliver(receipt):
            self._show(record.function, record.invocation)

    def _tick(self) -> None:
        for spec in self._deployment.template.functions:
            for record in self._cloud.deliveries.tick(spec.key):
                self._timeline.timer(record)
                self._show(record.function, record.invocation)

    def _ask(self, instance_id: str) -> None:
        body = json.dumps({"instances": [instance_id]})
        exchange = self._deployment.http("attach_instances", "POST", "/", body=body.encode())
        self._timeline.request("POST", "/", body, exchange.answer.status)
        self._show("attach_instances", exchange.invocation)

    def _show(self, function: str, invocation: Invocation) -> None:
        self._timeline.invocation(function, invocation, self._new_calls())

    def show_again(self, record: DeliveryRecord) -> None:
        """Shows a try that the platform made by itself while time passed."""
        self._new_calls()
        self._timeline.again(record)

    def _new_calls(self) -> list[JsonObject]:
        calls = self._cloud.calls[self._calls_shown :]
        self._calls_shown += len(calls)
        return calls

    def _end(self) -> bool:
        self._timeline.title("Where everybody is")
        places, attaches = _places(self._cloud.state())
        good = True
        for ending in scene.ENDINGS:
            place = places.get(ending.instance_id, "")
            right = place == ending.place and attaches.get(ending.instance_id, 0) <= 1
            good = good and right
            self._timeline.ending(right, ending.instance_id, place, ending.why)
        twice = [instance_id for instance_id, count in attaches.items() if count > 1]
        self._timeline.note(
            f"\n{len(self._cloud.calls)} calls, {sum(attaches.values())} attaches; attached twice: "
            f"{', '.join(twice) or 'none'}"
        )
        self._timeline.note(
            "Every instance is where its binding says." if good else "Something is NOT where it belongs."
        )
        return good


def _places(state: JsonObject) -> tuple[dict[str, str], dict[str, int]]:
    """Each instance's cluster or peers, and how often each machine was attached, from the cloud's state."""
    seen = json.loads(json.dumps(state))
    places: dict[str, str] = {}
    for cluster in seen["cs"]["clusters"]:
        for node in cluster["nodes"]:
            places[node["instance_id"]] = cluster["cluster_id"]
    for instance in seen["elasticsearch"]["instances"]:
        places[instance["instanceId"]] = ", ".join(instance["connectedClusters"])
    attaches = {one["InstanceId"]: int(one["attachCount"]) for one in seen["ens"]["instances"]}
    return places, attaches


def main() -> int:
    """Plays the story; 0 when it ended well."""
    timeline = Timeline()
    cloud = LocalCloud()
    cloud.seed(scene.seed())
    with running_server(cloud) as url:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ENLIST_")},
            "ENLIST_ENDPOINT_URL": url,
            "ENLIST_BINDINGS": str(BINDINGS),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "",
        }
        template = read_template(ROOT / "s.yaml", environment=environment)
        with Deployment(template, environment) as deployment:
            timeline.note(
                f"A local cloud at {url}, the functions and triggers of s.yaml, {BINDINGS.relative_to(ROOT)}."
            )
            demo = Demo(cloud, deployment, timeline)
            cloud.deploy(deployment, url, demo.show_again)
            return 0 if demo.play() else 1


if __name__ == "__main__":
    sys.exit(main())
