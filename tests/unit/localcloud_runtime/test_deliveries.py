"""Events, ticks and asynchronous invocations: delivered, tried again, and dead letters in the end."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.deadletters import read_dead_letter
from fctoolkit.errors import EventError
from localcloud.errors import LocalCloudError
from tests.support.delivering import Scene, delivering

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The functions, started once."""
    with delivering(tmp_path_factory.mktemp("deliveries")) as scene:
        yield scene


@pytest.fixture
def scene(started: Scene) -> Scene:
    """The functions, with nothing under way."""
    started.begin()
    return started


def wait_for(told: list[Any], count: int) -> None:
    """Until so many tries were told."""
    deadline = time.monotonic() + 20
    while len(told) < count:
        assert time.monotonic() < deadline, told
        time.sleep(0.01)


class TestEvents:
    """EventBridge's part."""

    def test_an_event_reaches_each_rule_that_matches(self, scene: Scene) -> None:
        """An event is delivered once for each enabled rule that matches, as one CloudEvent object."""
        records = scene.put(source="mine")
        assert [(one.source, one.function, one.then) for one in records] == [
            ("app-first-all", "first", "delivered"),
            ("app-second-mine", "second", "delivered"),
        ]
        (event,) = scene.seen()
        assert (event["source"], event["aliyunaccountid"]) == ("mine", "1234567890123456")
        scene.cloud.advance(86400)
        assert len(scene.seen()) == 1

    def test_an_event_that_does_not_match(self, scene: Scene) -> None:
        """A rule that does not match invokes nothing, and the bus says why."""
        receipt, records = scene.cloud.deliveries.put({"id": "1", "source": "other", "type": "test"})
        assert [one.source for one in records] == ["app-first-all"]
        reasons = {miss.rule.name: miss.reason for miss in receipt.missed}
        assert "source" in reasons["app-second-mine"]
        assert scene.seen("app-second") == []

    def test_a_bad_event(self, scene: Scene) -> None:
        """An event that EventBridge would not take is refused before anything runs."""
        with pytest.raises(EventError, match="source"):
            scene.put(source=None)
        assert scene.seen() == []

    def test_four_tries_then_the_event_itself(self, scene: Scene) -> None:
        """Three retries 10 to 20 seconds apart, and then the event stands in the queue once, unchanged."""
        scene.broken()
        (record,) = scene.put()
        assert record.then.startswith("tried again at 2026-11-2")
        scene.cloud.advance(9.9)
        assert len(scene.seen()) == 1
        scene.cloud.advance(10.1)
        assert len(scene.seen()) == 2
        assert [(one["by"], one["tries"]) for one in scene.deliveries()["waiting"]] == [("EventBridge", 2)]
        scene.cloud.advance(40)
        assert scene.retries[-1].then == "given up; in the queue events"
        scene.cloud.advance(100_000)
        assert len(scene.seen()) == 4
        (body,) = scene.bodies("events")
        assert json.loads(body) == scene.seen()[0]
        letter = read_dead_letter(body)
        assert (letter.form, letter.error_type) == ("event", "")
        assert scene.deliveries() == {"waiting": [], "blocked": [], "lost": []}

    def test_a_day_of_tries(self, scene: Scene) -> None:
        """The long strategy tries 176 times more in a day of the cloud's time, and none of the machine's."""
        scene.broken()
        scene.put(source="slow")
        scene.cloud.advance(86_000)
        assert len(scene.seen("app-second")) == 176
        scene.cloud.advance(400)
        assert len(scene.seen("app-second")) == 177
        assert len(scene.bodies("events")) == 2

    def test_a_cause_that_is_mended_in_time(self, scene: Scene) -> None:
        """A retry that goes well is the last try, and there is no dead letter."""
        scene.broken()
        scene.put()
        scene.broken(fail=False)
        scene.cloud.advance(1000)
        assert [one.then for one in scene.retries] == ["delivered"]
        assert (len(scene.seen()), scene.bodies("events")) == (2, [])

    def test_a_queue_that_is_not_there(self, scene: Scene) -> None:
        """A dead letter without its queue is lost, and it is said which queue to seed."""
        scene.cloud.reset()
        scene.broken()
        scene.put()
        scene.cloud.advance(100)
        (lost,) = scene.deliveries()["lost"]
        assert (lost["source"], lost["tries"]) == ("app-first-all", 4)
        assert "no queue events; seed it" in lost["why"]
        assert json.loads(lost["events"][0])["id"] == "1"

    def test_a_rule_that_tolerates_no_error(self, scene: Scene) -> None:
        """With errorsTolerance NONE a rule stops at what it cannot deliver, and later events wait behind."""
        scene.broken()
        scene.put(source="mine")
        scene.cloud.advance(29)
        scene.put(source="mine", id="2")
        scene.cloud.advance(31)
        assert scene.deliveries()["blocked"] == ["app-second-mine"]
        seen = [event["id"] for event in scene.seen("app-second")]
        assert seen.count("1") == 4
        scene.broken(fail=False)
        scene.put(source="mine", id="3")
        scene.cloud.advance(100_000)
        assert [event["id"] for event in scene.seen("app-second")] == seen
        assert [one["next"] for one in scene.deliveries()["waiting"]] == ["", "", ""]

    def test_a_reset_forgets(self, scene: Scene) -> None:
        """What waited before a reset is not tried after it."""
        scene.broken()
        scene.put()
        scene.begin()
        scene.cloud.advance(1000)
        assert (scene.seen(), scene.bodies("events")) == ([], [])

    def test_a_reset_during_a_try(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """What fails although it began before a reset leaves nothing behind."""
        deployment = scene.cloud.deliveries.deployment
        run = deployment.run

        def overtaken(*given: Any) -> Any:
            invocation = run(*given)
            scene.cloud.reset()
            return invocation

        scene.broken()
        monkeypatch.setattr(deployment, "run", overtaken)
        (record,) = scene.put()
        assert record.then.startswith("forgotten")
        assert scene.deliveries()["waiting"] == []

    def test_the_state_can_be_seeded(self, scene: Scene) -> None:
        """What `state` tells of deliveries is taken by a seed, without effect."""
        scene.broken()
        scene.put()
        scene.cloud.seed(scene.cloud.state())
        assert len(scene.deliveries()["waiting"]) == 1

    def test_without_functions(self) -> None:
        """A cloud with nothing deployed says so."""
        from localcloud import LocalCloud

        with LocalCloud() as cloud, pytest.raises(LocalCloudError, match="nothing is deployed"):
            _ = cloud.deliveries


class TestTicks:
    """Timers."""

    @pytest.mark.parametrize("function", [None, "first"])
    def test_a_tick(self, scene: Scene, function: str | None) -> None:
        """A tick fires each enabled timer once, with the time of the deployment's clock."""
        (record,) = scene.cloud.deliveries.tick(function)
        assert (record.source, record.function) == ("app-first-soon", "first")
        (event,) = scene.seen()
        assert event["triggerTime"].startswith("2026-11-2")
        assert (event["triggerName"], event["payload"]) == ("soon", "p")

    def test_a_function_without_timers(self, scene: Scene) -> None:
        """A function without a timer is not ticked."""
        assert scene.cloud.deliveries.tick("second") == ()

    @pytest.mark.parametrize("destinations", [False, True])
    def test_a_tick_that_fails(self, scene: Scene, destinations: bool) -> None:
        """FC tries a tick again; whether it is a dead letter in the end is a variant."""
        scene.begin(timer_destinations=destinations)
        scene.broken()
        scene.cloud.deliveries.tick()
        scene.cloud.advance(100)
        assert len(scene.seen()) == 3
        assert len(scene.bodies("records")) == int(destinations)


class TestAsynchronous:
    """FC's part."""

    def later(self, scene: Scene, payload: bytes, function: str = "first") -> None:
        """Invokes a function as `x-fc-invocation-type: Async` does, and waits for the first try."""
        spec = scene.cloud.deliveries.deployment.template.function(function)
        told = len(scene.retries)
        scene.cloud.deliveries.invoke_later(spec, payload, "request-1")
        wait_for(scene.retries, told + 1)

    def test_retries_then_a_record(self, scene: Scene) -> None:
        """After its retries the destination gets one record, with the event, the reason and how often."""
        scene.broken()
        self.later(scene, b'{"id": "7"}')
        scene.cloud.advance(0.4)
        assert len(scene.seen()) == 1
        scene.cloud.advance(0.2)
        assert len(scene.seen()) == 2
        scene.cloud.advance(3600)
        assert len(scene.seen()) == 3
        (body,) = scene.bodies("records")
        letter = read_dead_letter(body)
        assert letter.event == b'{"id": "7"}'
        assert (letter.form, letter.error_type, letter.error_message) == (
            "record",
            "ValueError",
            "it is broken",
        )
        assert (letter.request_id, letter.attempts) == ("request-1", 3)

    def test_no_instance_is_no_try(self, scene: Scene) -> None:
        """What finds no instance is repeated with longer and longer waits, and has all its tries left."""
        deployment = scene.cloud.deliveries.deployment
        spec = deployment.function("first")
        deployment.put(replace(spec, reserved=0))
        self.later(scene, b"{}")
        scene.cloud.advance(100)
        (waiting,) = scene.deliveries()["waiting"]
        assert (waiting["tries"], waiting["errorType"]) == (0, "ResourceExhausted")
        # After 0.5, 1.5, 3.5, … seconds.
        assert len(scene.retries) == 8
        deployment.put(spec)
        scene.broken()
        scene.cloud.advance(100)
        scene.cloud.advance(100)
        assert len(scene.seen()) == 3
        assert len(scene.bodies("records")) == 1

    def test_no_instance_for_five_hours(self, scene: Scene) -> None:
        """After five hours without an instance the destination is told, without a single try."""
        deployment = scene.cloud.deliveries.deployment
        deployment.put(replace(deployment.function("first"), reserved=0))
        self.later(scene, b"{}")
        scene.cloud.advance(5 * 3600)
        (body,) = scene.bodies("records")
        assert json.loads(body)["requestContext"]["condition"] == "ResourceExhausted"
        assert scene.seen() == []

    def test_a_success_is_told(self, scene: Scene) -> None:
        """OnSuccess gets the event and the result, in the same record."""
        self.later(scene, b"{}")
        (body,) = scene.bodies("successes")
        record = json.loads(body)
        assert (record["requestPayload"], record["responsePayload"]) == ("{}", "done")
        assert record["responseContext"]["functionError"] == ""
        assert scene.bodies("records") == []

    def test_no_destination(self, scene: Scene) -> None:
        """Without a destination an event that failed four times is lost, which state tells."""
        scene.broken()
        self.later(scene, b"{}", "second")
        scene.cloud.advance(100)
        (lost,) = scene.deliveries()["lost"]
        assert (lost["source"], lost["tries"], lost["errorType"]) == (
            "InvokeFunction",
            4,
            "UnhandledInvocationError",
        )
        assert "no destination" in lost["why"]

    @pytest.mark.parametrize("size", [100, 131_073])
    def test_an_event_that_eventbridge_hands_over(self, scene: Scene, size: int) -> None:
        """FC has it from then on; one that is too large is refused and stays EventBridge's."""
        scene.broken()
        scene.put(source="async", data="x" * size)
        scene.cloud.advance(1000)
        large = size > 100
        assert len(scene.seen("app-second")) == (0 if large else 4)
        letters = scene.bodies("events")
        assert len(letters) == (2 if large else 1)
        assert all(body.startswith("https://") == large for body in letters)

    def test_request_ids(self, scene: Scene) -> None:
        """FC keeps the id of what it tries again; each try of EventBridge is a request of its own."""
        scene.broken()
        tries = [*scene.put(source="async")]
        scene.cloud.advance(1000)
        ids: dict[str, set[str]] = {}
        for record in [*tries, *scene.retries]:
            ids.setdefault(record.source, set()).add(record.invocation.request_id)
        assert {source: len(found) for source, found in ids.items()} == {
            "app-first-all": 4,
            "app-second-async": 1,
        }


class TestLargeLetters:
    """What no queue takes."""

    @pytest.mark.parametrize("variant", ["reference", "cut", "lost"])
    def test_an_event(self, scene: Scene, variant: str) -> None:
        """An event of more than 64 KB is an address, cut, or lost; redrive refuses what is there."""
        scene.begin(large_letter=variant)
        scene.broken()
        scene.put(data="é" * 12_000)
        scene.cloud.advance(1000)
        bodies = scene.bodies("events")
        assert len(bodies) == (variant != "lost")
        assert len(scene.deliveries()["lost"]) == (variant == "lost")
        for body in bodies:
            assert len(body) <= 65536
            with pytest.raises(EventError, match="reference" if variant == "reference" else "cut"):
                read_dead_letter(body)

    @pytest.mark.parametrize("variant", ["reference", "cut", "lost"])
    def test_a_record(self, scene: Scene, variant: str) -> None:
        """So is a record whose event is as large."""
        scene.begin(large_letter=variant)
        scene.broken()
        TestAsynchronous().later(scene, json.dumps({"data": "x" * 70_000}).encode())
        scene.cloud.advance(1000)
        bodies = scene.bodies("records")
        assert len(bodies) == (variant != "lost")
        for body in bodies:
            with pytest.raises(EventError, match="reference" if variant == "reference" else "cut"):
                read_dead_letter(body)


class TestBatches:
    """Queues behind a trigger of EventBridge."""

    def test_a_full_batch_and_a_rest(self, scene: Scene) -> None:
        """Three messages go at once, a rest when its first message has waited; then the queue is empty."""
        coded = base64.b64encode(b"four").decode()
        scene.send("orders", "one", "two", "three", coded)
        scene.cloud.advance(0)
        assert [[one["data"]["messageBody"] for one in batch] for batch in scene.seen()] == [
            ["one", "two", "three"]
        ]
        scene.cloud.advance(9)
        assert len(scene.seen()) == 1
        scene.cloud.advance(1)
        assert [one["data"]["messageBody"] for one in scene.seen()[1]] == ["four"]
        assert scene.bodies("orders") == []
        event = scene.seen()[1][0]
        assert (event["type"], event["source"]) == ("mns:Queue:SendMessage", "MNS-app-first-batches")
        assert "aliyunregionid" not in event

    def test_fractions_of_a_second(self, scene: Scene) -> None:
        """Wherever the clock stands, a batch goes when its window is over."""
        for number in range(1, 31):
            scene.cloud.advance(0.0137 * number)
            scene.send("orders", "one")
            scene.cloud.advance(10)
            assert len(scene.seen()) == number

    def test_a_batch_that_fails_comes_back_whole(self, scene: Scene) -> None:
        """It is out of sight meanwhile, nothing overtakes it, and in the end each item is a dead letter."""
        scene.broken()
        scene.send("orders", "one", "two", "three", "four")
        scene.cloud.advance(29)
        assert [len(batch) for batch in scene.seen()][:2] == [3, 3]
        assert len(scene.bodies("orders")) == 4
        scene.cloud.advance(2000)
        sizes = [len(batch) for batch in scene.seen()]
        assert sizes == [3] * 4 + [1] * 4
        told = [json.loads(body)["data"]["messageBody"] for body in scene.bodies("events")]
        assert told == ["one", "two", "three", "four"]
        assert scene.bodies("orders") == []

    def test_a_batch_that_is_one_letter(self, scene: Scene) -> None:
        """The other variant: the array as the function got it, which redrive sends as it is."""
        scene.begin(batch_letters="batch", batch_items="strings")
        scene.broken()
        scene.send("orders", "one", "two")
        scene.cloud.advance(2000)
        (body,) = scene.bodies("events")
        assert json.loads(body) == scene.seen()[0]
        assert [json.loads(item)["data"]["messageBody"] for item in json.loads(body)] == ["one", "two"]
        assert read_dead_letter(body).event == body.encode()

    def test_a_batch_that_is_mended(self, scene: Scene) -> None:
        """A retry that goes well empties the queue."""
        scene.broken()
        scene.send("orders", "one", "two", "three")
        scene.cloud.advance(1)
        scene.broken(fail=False)
        scene.cloud.advance(30)
        assert (len(scene.seen()), scene.bodies("orders"), scene.bodies("events")) == (2, [], [])

    def test_a_stream_that_tolerates_no_error(self, scene: Scene) -> None:
        """It stops, and its messages can be received again."""
        scene.broken()
        scene.send("strict", "one", "two")
        scene.cloud.advance(1000)
        assert [len(batch) for batch in scene.seen("app-second")] == [2] * 4
        assert scene.bodies("strict") == ["one", "two"]
        assert len(scene.cloud.deliveries._queues.take("strict", 16)) == 2
        assert scene.deliveries()["blocked"] == ["app-second-strict"]

    def test_a_batch_that_is_handed_over(self, scene: Scene) -> None:
        """FC takes it at once: the queue is empty, the next batch follows, each ends as a record."""
        scene.begin(async_invocation_true="synchronous")
        scene.broken()
        scene.send("orders", "one", "two", "three", "four", "five", "six")
        scene.cloud.advance(0)
        assert scene.bodies("orders") == []
        assert len(scene.seen()) == 2
        scene.cloud.advance(1000)
        assert len(scene.seen()) == 6
        letters = [read_dead_letter(body) for body in scene.bodies("records")]
        assert [len(json.loads(letter.event)) for letter in letters] == [3, 3]
        assert (letters[0].error_message, scene.bodies("events")) == ("it is broken", [])

    def test_a_message_is_held_as_long_as_it_is_tried(self, scene: Scene) -> None:
        """For a day, nobody else receives it."""
        scene.broken()
        scene.send("singles", "take 1")
        scene.cloud.advance(80_000)
        assert scene.cloud.deliveries._queues.take("singles", 1) == ()
        scene.cloud.advance(10_000)
        assert (scene.bodies("singles"), len(scene.bodies("events"))) == ([], 1)

    def test_one_by_one(self, scene: Scene) -> None:
        """Not streaming, with raw data: one bare message at a time, and what does not match is dropped."""
        scene.send("singles", "take 1", "leave", "take 2")
        scene.cloud.advance(0)
        file = scene.folder / "app-second"
        assert file.read_text().splitlines() == ["take 1", "take 2"]
        assert scene.bodies("singles") == []
