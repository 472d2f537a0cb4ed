"""Models that are built when they are first used: by how many threads, and in what order, does not matter."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from enlist.clients.wire import Answer
from fctoolkit.eventmodel import EventModel, FrozenModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

THREADS = 8
ROUNDS = 25


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def new_answer() -> type[BaseModel]:
    """A model of an answer that nobody has used yet, with another one inside."""

    class Item(Answer):
        code: str = ""

    class Listed(Answer):
        items: tuple[Item, ...]

    return Listed


def new_event() -> type[BaseModel]:
    """A model of an event that nobody has used yet, with another one inside."""

    class Item(FrozenModel):
        code: str

    class Listed(EventModel):
        items: tuple[Item, ...]

    return Listed


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("make", [new_answer, new_event])
def test_threads_may_use_a_model_first_at_once(make: type) -> None:
    """Each thread reads what it was given, as if the model had been there all along."""
    start = Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            model = make()

            def read(number: int, model: type[BaseModel] = model) -> object:
                start.wait()
                return model.model_validate({"items": [{"code": str(number)}]}).model_dump()

            found = list(pool.map(read, range(THREADS)))
            assert found == [{"items": ({"code": str(number)},)} for number in range(THREADS)]
