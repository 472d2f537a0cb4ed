"""The functions behind the bus of a local cloud, with machines that are refused until they are mended."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from localcloud import LocalCloud
from localcloud.delivery.retries import AsyncRetries, BusRetries
from localcloud.functions.spec import EventBridgeTrigger
from localcloud.server import running_server
from tests.support.deployed import deployed
from tests.support.product import cluster, custom_event, ens_instance, seed, state_of
from tests.support.queues import QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localcloud.delivery.journal import DeliveryRecord
    from localcloud.delivery.settings import PushSettings
    from localcloud.template.reading import Template

EVENTS_QUEUE = "enlist-dev-events"
LONG_AGO = 600
"""Seconds after which all retries are over and messages that were received can be received again."""


@dataclass
class Account:
    """A served cloud with the deployed functions.

    Attributes:
        machines: the machines that there are.
    """

    cloud: LocalCloud
    url: str
    machines: tuple[str, ...] = ()

    def begin(self, *machines: str, **behaviour: Any) -> None:
        """Empty queues, and machines whose operating system the binding does not allow."""
        self.cloud.reset()
        self.machines = machines
        queues = [{"QueueName": name} for name in (QUEUE, EVENTS_QUEUE)]
        self.cloud.seed({"mns": {"queues": queues}, "behaviour": {"node_quota": 1000, **behaviour}})
        seed(self.cloud, ens=self._machines("Windows Server 2019"), clusters=[cluster()])

    def mend(self) -> None:
        """The machines have another system now."""
        self.cloud.seed({"ens": {"instances": self._machines("CentOS 7.6 64bit")}})

    def put(self, event: bytes) -> tuple[DeliveryRecord, ...]:
        """Puts an event on the bus."""
        return self.cloud.deliveries.put(json.loads(event))[1]

    def fail(self, *events: bytes) -> None:
        """Puts events on the bus and waits until the platform has given them up."""
        for event in events:
            assert all(record.invocation.error_type for record in self.put(event)), "it was settled"
        self.cloud.advance(LONG_AGO)

    def attached(self) -> list[int]:
        """How often each machine was attached."""
        return [state_of(self.cloud, "ens", one)["attachCount"] for one in self.machines]

    def redrive(self, *arguments: str) -> list[str]:
        """The arguments of `./dev redrive` for the queue and the function's trigger."""
        trigger = f"{self.url}/_localcloud/http/attach_instances/"
        return ["--queue", QUEUE, "--endpoint", self.url, "--to", trigger, *arguments]

    def _machines(self, system: str) -> list[Any]:
        return [ens_instance(one, OSName=system) for one in self.machines]


def ready(instance_id: str, number: int = 0) -> bytes:
    """A custom event of its own for a machine."""
    event = json.loads(custom_event(instance_id))
    return json.dumps({**event, "id": f"event-{instance_id}-{number}"}).encode()


@contextmanager
def served_account(
    folder: Path, template: str = "s.yaml", change: Callable[[Template], Template] = lambda template: template
) -> Iterator[Account]:
    """The product behind its triggers, and the key of the local cloud."""
    with (
        LocalCloud() as cloud,
        running_server(cloud) as url,
        deployed(url, folder, template, change) as deployment,
    ):
        cloud.deploy(deployment, url)
        yield Account(cloud, url)


def with_invocation_type(template: Template, *, value: bool) -> Template:
    """The template with another `asyncInvocationType` in every trigger of EventBridge."""
    return _with_push(template, lambda push: replace(push, async_invocation_type=value))


def hardly_tried(template: Template) -> Template:
    """The template with one retry of EventBridge and none of FC."""
    once = _with_push(template, lambda push: replace(push, retries=BusRetries(most=1)))
    never = replace(once.functions[0].asynchronous, retries=AsyncRetries(most=0))
    return replace(once, functions=tuple(replace(spec, asynchronous=never) for spec in once.functions))


def _with_push(template: Template, change: Callable[[PushSettings], PushSettings]) -> Template:
    functions = tuple(
        replace(
            spec,
            triggers=tuple(
                replace(trigger, push=change(trigger.push))
                if isinstance(trigger, EventBridgeTrigger)
                else trigger
                for trigger in spec.triggers
            ),
        )
        for spec in template.functions
    )
    return replace(template, functions=functions)
