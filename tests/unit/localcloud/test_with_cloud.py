"""The decorator that passes a local cloud to functions, methods and classes."""

from __future__ import annotations

import asyncio
import inspect
import unittest
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from localcloud import LocalCloud, with_cloud
from localcloud.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = {"ens": {"instances": [{"InstanceId": "i-1"}]}}


def ids(cloud: LocalCloud) -> list[str]:
    """The machines of a cloud."""
    state: Any = cloud.state()
    return [one["InstanceId"] for one in state["ens"]["instances"]]


@with_cloud(seed=SEED)
def test_a_function_gets_a_cloud(tmp_path: object, cloud: LocalCloud) -> None:
    """It is passed beside pytest's own fixtures, filled."""
    assert ids(cloud) == ["i-1"]
    assert tmp_path


def test_each_call_gets_a_cloud_of_its_own() -> None:
    """What one call leaves behind, the next does not see, and the cloud is closed after the call."""
    seen = []

    @with_cloud
    def called(word: str, cloud: LocalCloud) -> tuple[str, list[str]]:
        seen.append(cloud)
        before = ids(cloud)
        cloud.seed(SEED)
        return word, before

    call: Any = called
    assert [call("a"), call(word="b")] == [("a", []), ("b", [])]
    assert list(inspect.signature(call).parameters) == ["word"]
    assert call.__name__ == "called"
    first: Any = seen[0]
    assert seen[1] is not first
    with pytest.raises(LocalCloudError, match="is closed"):
        first.handle(None)


def test_an_asynchronous_function_has_it_until_it_ends() -> None:
    """The cloud is open while the function waits."""

    @with_cloud(served=True, behaviour={"ens_tags": "separate"})
    async def asked(cloud: LocalCloud) -> tuple[int, str]:
        await asyncio.sleep(0)
        answer = await asyncio.to_thread(urlopen, f"{cloud.url}/_localcloud/calls")
        with answer:
            return answer.status, cloud.behaviour.ens_tags

    call: Any = asked
    assert asyncio.run(call()) == (200, "separate")


@with_cloud(seed=SEED)
class TestMethods:
    """A class whose methods take a cloud, or do not."""

    def test_a_method_gets_a_cloud(self, cloud: LocalCloud) -> None:
        """It is passed beside `self`."""
        assert ids(cloud) == ["i-1"]

    def test_others_stay_as_they_are(self) -> None:
        """A method without the parameter is left alone."""
        assert not hasattr(type(self).test_others_stay_as_they_are, "__wrapped__")


@with_cloud(seed=SEED)
class TestCases(unittest.IsolatedAsyncioTestCase):
    """unittest's own classes have the cloud as an attribute."""

    def setUp(self) -> None:
        """The cloud is there before this."""
        self.before = ids(self.cloud)  # type: ignore[attr-defined]

    def test_the_cloud_is_an_attribute(self) -> None:
        """It is filled in setUp already."""
        assert self.before == ["i-1"]

    async def test_so_it_is_for_an_asynchronous_test(self) -> None:
        """It is filled in setUp already."""
        assert self.before == ["i-1"]


def test_what_has_no_place_for_a_cloud_is_refused() -> None:
    """The message names what was decorated and what it lacks."""

    def without() -> None: ...

    class Without:
        def test_it(self) -> None: ...

    def generator(cloud: LocalCloud) -> Iterator[int]:
        yield 1

    for target, said in (
        (without, "without has no parameter `cloud`"),
        (Without, "Without has no method `test…` with a parameter `cloud`"),
        (generator, "generator is a generator"),
        (1, "not 1"),
    ):
        with pytest.raises(LocalCloudError, match=said):
            with_cloud(target)
