"""Two small functions behind every kind of trigger, which fail while they are told to, for tests."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud import LocalCloud
from localcloud.functions.deployment import Deployment
from localcloud.template.reading import read_template
from tests.support.product import NOON
from tests.support.queues import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.delivery.journal import DeliveryRecord

TEMPLATE = """\
edition: 3.0.0
name: app
resources:
  first:
    component: fc3
    props: &props
      region: cn-hangzhou
      functionName: app-first
      runtime: python3.12
      handler: index.handler
      code: ./code
      timeout: 20
      environmentVariables: {HERE: @HERE@}
      asyncInvokeConfig:
        maxAsyncRetryAttempts: 2
        destinationConfig:
          onFailure: {destination: 'acs:mns:cn-hangzhou:1234567890123456:/queues/records/messages'}
          onSuccess: {destination: 'acs:mns:cn-hangzhou:1234567890123456:/queues/successes/messages'}
      triggers:
        - triggerName: all
          triggerType: eventbridge
          triggerConfig: &all
            asyncInvocationType: false
            eventRuleFilterPattern: '{}'
            eventSourceConfig: {eventSourceType: Default}
            runOptions: &run
              errorsTolerance: ALL
              deadLetterQueue: {Arn: 'acs:mns:cn-hangzhou:1234567890123456:/queues/events'}
        - {triggerName: off, triggerType: eventbridge, triggerConfig: {<<: *all, triggerEnable: false}}
        - {triggerName: soon, triggerType: timer, triggerConfig: {cronExpression: "@every 5m", payload: p}}
        - triggerName: never
          triggerType: timer
          triggerConfig: {cronExpression: "@every 5m", enable: false}
        - triggerName: batches
          triggerType: eventbridge
          triggerConfig:
            <<: *all
            eventSourceConfig: &mns
              eventSourceType: MNS
              eventSourceParameters: {sourceMNSParameters: {QueueName: orders, IsBase64Decode: true}}
            runOptions: &stream
              <<: *run
              mode: event-streaming
              batchWindow: {CountBasedWindow: 3, TimeBasedWindow: 10}
  second:
    component: fc3
    props:
      <<: *props
      functionName: app-second
      asyncInvokeConfig: {}
      triggers:
        - triggerName: mine
          triggerType: eventbridge
          triggerConfig:
            <<: *all
            eventRuleFilterPattern: '{"source": ["mine"]}'
            runOptions: {errorsTolerance: NONE}
        - triggerName: slow
          triggerType: eventbridge
          triggerConfig:
            <<: *all
            eventRuleFilterPattern: '{"source": ["slow"]}'
            runOptions: {<<: *run, retryStrategy: {PushRetryStrategy: EXPONENTIAL_DECAY_RETRY}}
        - triggerName: async
          triggerType: eventbridge
          triggerConfig:
            <<: *all
            asyncInvocationType: true
            eventRuleFilterPattern: '{"source": ["async"]}'
        - triggerName: strict
          triggerType: eventbridge
          triggerConfig:
            <<: *all
            eventSourceConfig:
              eventSourceType: MNS
              eventSourceParameters: {sourceMNSParameters: {QueueName: strict}}
            runOptions: {<<: *stream, errorsTolerance: NONE}
        - triggerName: singles
          triggerType: eventbridge
          triggerConfig:
            <<: *all
            eventRuleFilterPattern: '{"data": {"messageBody": [{"prefix": "take"}]}}'
            eventSourceConfig:
              eventSourceType: MNS
              eventSourceParameters: {sourceMNSParameters: {QueueName: singles}}
            runOptions: {<<: *run, retryStrategy: {PushRetryStrategy: EXPONENTIAL_DECAY_RETRY}}
            eventSinkConfig: {deliveryOption: {eventSchema: RawData}}
"""
CODE = """\
import os, pathlib

def handler(event, context):
    here = pathlib.Path(os.environ["HERE"])
    with (here / context.function.name).open("ab") as file:
        file.write(event + b"\\n")
    if (here / "broken").exists():
        raise ValueError("it is broken")
    return "done"
"""
QUEUES = ("events", "records", "successes", "orders", "strict", "singles")


@dataclass
class Scene:
    """A cloud whose clock stands still, with the functions deployed.

    Attributes:
        retries: the tries that nobody waited for.
    """

    cloud: LocalCloud
    folder: Path
    retries: list[DeliveryRecord] = field(default_factory=list)

    def begin(self, **behaviour: Any) -> None:
        """Empty queues, nothing under way, functions that work and have seen nothing."""
        self.cloud.reset()
        self.cloud.seed({"mns": {"queues": [{"QueueName": name} for name in QUEUES]}, "behaviour": behaviour})
        self.retries.clear()
        for name in ("broken", "app-first", "app-second"):
            (self.folder / name).unlink(missing_ok=True)

    def broken(self, *, fail: bool = True) -> None:
        """From now on the functions fail, or no more."""
        if fail:
            (self.folder / "broken").touch()
        else:
            (self.folder / "broken").unlink()

    def put(self, **event: Any) -> tuple[DeliveryRecord, ...]:
        """Puts an event on the bus."""
        whole = {"id": "1", "source": "test", "type": "test", "specversion": "1.0", **event}
        return self.cloud.deliveries.put(whole)[1]

    def send(self, queue: str, *bodies: str) -> None:
        """Puts messages into a queue, as what writes into it would."""
        for body in bodies:
            assert not self.cloud.deliveries._queues.put(queue, body.encode())

    def seen(self, function: str = "app-first") -> list[Any]:
        """The events that a function got, each as often as it got it."""
        file = self.folder / function
        return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []

    def bodies(self, queue: str) -> list[str]:
        """What is in a queue, in sight or not."""
        return bodies(self.cloud, queue)

    def deliveries(self) -> Any:
        """What is under way, as `state` has it."""
        return self.cloud.state()["deliveries"]


@contextmanager
def delivering(folder: Path) -> Iterator[Scene]:
    """The functions in processes of their own, and the cloud that delivers to them."""
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(CODE)
    (folder / "s.yaml").write_text(TEMPLATE.replace("@HERE@", str(folder)))
    template = read_template(folder / "s.yaml", environment={}, layer_folders=[])
    with LocalCloud(now=NOON) as cloud, Deployment(template, {}, now=cloud.clock.now) as deployment:
        scene = Scene(cloud, folder)
        cloud.deploy(deployment, "http://127.0.0.1:4580", scene.retries.append)
        yield scene
