"""JSON log lines: their fields, their limits, what they hide, and whose keys they carry."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.errors import ConfigurationError
from fctoolkit.logging import (
    LINE_LIMIT_BYTES,
    MASK,
    JsonFormatter,
    bind,
    cold_start,
    configure,
    invocation,
    log_context,
)
from fctoolkit.testing import FakeContext

if TYPE_CHECKING:
    from collections.abc import Generator

SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(autouse=True)
def no_level_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own environment sets no level."""
    monkeypatch.delenv("LOG_LEVEL", raising=False)


@contextmanager
def bare_root() -> Generator[logging.Logger]:
    """The root logger without handlers, put back afterwards; pytest's own are there only during a test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def line(
    message: object = "hello", *args: object, error: BaseException | None = None, **extra: object
) -> str:
    """One formatted line."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("app.part", logging.INFO, "file.py", 1, message, args, info)
    vars(record).update(extra)
    return JsonFormatter().format(record)


def fields(message: object = "hello", *args: object, **extra: Any) -> dict[str, Any]:
    """One formatted line, decoded."""
    return dict(json.loads(line(message, *args, **extra)))


def test_line_has_the_fixed_fields() -> None:
    """Time in UTC with milliseconds, level, logger and message stand in every line."""
    record = logging.LogRecord("app", logging.WARNING, "file.py", 1, "%s of %d", ("one", 2), None)
    record.created = 1793844930.12
    assert json.loads(JsonFormatter().format(record)) == {
        "timestamp": "2026-11-05T02:15:30.120Z",
        "level": "WARNING",
        "logger": "app",
        "message": "one of 2",
    }


def test_message_whose_arguments_do_not_fit_is_kept() -> None:
    """A wrong format string does not lose the line."""
    assert fields("%d things", "many")["message"] == "%d things (its arguments do not fit)"


def test_line_breaks_do_not_break_the_line() -> None:
    """Whatever is logged, a record is one line."""
    assert "\n" not in line("a\nb\r\nc", note="x\ny")


def test_extra_fields_become_json() -> None:
    """Values JSON does not know become text; containers are kept, at every depth."""
    told = fields(
        n=1, ratio=0.5, bad=float("nan"), path=Path("/a"), raw=b"x", ids=("a", "b"), deep={"k": {1: {2}}}
    )
    assert (told["n"], told["ratio"], told["bad"], told["path"]) == (1, 0.5, "nan", "/a")
    assert (told["raw"], told["ids"], told["deep"]) == ("b'x'", ["a", "b"], {"k": {"1": [2]}})


def test_a_taken_name_gets_an_underscore() -> None:
    """An extra named like a fixed field stands beside it."""
    told = fields(level="mine", exception="mine")
    assert (told["level"], told["level_"], told["exception_"]) == ("INFO", "mine", "mine")


def test_objects_that_cannot_be_shown_do_not_lose_the_line() -> None:
    """A broken `__str__` and a structure that holds itself are shown as far as they can be."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    loop: list[object] = []
    loop.append(loop)
    told = fields(broken=Broken(), loop=loop)
    assert "Broken" in told["broken"]
    assert "…" in str(told["loop"])


def test_half_surrogates_are_written_as_escapes() -> None:
    """Text that UTF-8 cannot hold is still logged, in a line that can be encoded and decoded."""
    text = line("half \udc80")
    assert json.loads(text.encode())["message"] == "half \udc80"


def failing(*, shown: bool) -> ValueError:
    """An error raised while another was handled, which it shows as its cause or not."""
    try:
        dict[str, int]()["inner"]
    except KeyError as inner:
        error = ValueError("outer")
        error.__cause__ = inner if shown else None
        error.__context__ = inner
    with pytest.raises(ValueError, match="outer") as caught:
        raise error
    return caught.value


def test_exception_is_type_message_stack_and_cause() -> None:
    """An exception is a small object with the frames and what caused it."""
    told = fields(error=failing(shown=True))["exception"]
    assert (told["type"], told["message"]) == ("ValueError", "outer")
    assert told["stack"][-1].startswith(__file__)
    assert told["stack"][-1].endswith(" failing")
    assert (told["cause"]["type"], told["cause"]["message"]) == ("KeyError", "'inner'")


def test_suppressed_causes_stay_away() -> None:
    """An error raised `from None` shows no cause."""
    assert "cause" not in fields(error=failing(shown=False))["exception"]


@pytest.mark.parametrize(
    "key",
    [
        "secret",
        "access_key_secret",
        "AccessKeyId",
        "X-Acs-Security-Token",
        "Authorization",
        "password",
        "PASSWD",
        "signature",
        "credentials",
        "Set-Cookie",
    ],
)
def test_secrets_are_masked_at_every_depth(key: str) -> None:
    """The value of a key that names a secret never reaches the log, nor does it from a context."""
    with log_context(**{key: "hidden"}):
        text = line(headers={key: "hidden", "list": [{key: {"deeper": "hidden"}}]})
    assert "hidden" not in text
    assert text.count(MASK) == 3


@pytest.mark.parametrize("key", ["client_token", "clientToken", "NextToken", "task_id", "request_id", "keys"])
def test_names_that_only_look_secret_are_shown(key: str) -> None:
    """Idempotency tokens, page tokens and ids are no secrets."""
    assert fields(**{key: "shown"})[key] == "shown"


@pytest.mark.parametrize(
    "extra",
    [
        {"note": "中" * 100_000},
        {"notes": ["x" * 100] * 10_000},
        {"deep": {str(number): {"k": "x" * 1000} for number in range(1000)}},
        {f"key_{number}": "x" * 300 for number in range(5000)},
    ],
    ids=["text", "list", "object", "keys"],
)
def test_long_lines_are_shortened_and_marked(extra: dict[str, Any]) -> None:
    """A line never exceeds FC's limit; a shortened one is still JSON, says so, and keeps its message."""
    text = line("the message", **extra)
    assert len(text.encode()) < LINE_LIMIT_BYTES
    told = json.loads(text)
    assert (told["message"], told["shortened"]) == ("the message", True)


def test_long_messages_are_shortened() -> None:
    """A long message keeps its beginning."""
    text = line("x" * 100_000)
    assert len(text.encode()) < LINE_LIMIT_BYTES
    assert json.loads(text)["message"].startswith("xxx")


def test_lines_below_the_limit_are_whole() -> None:
    """What fits is not touched."""
    assert fields(note="x" * 30_000)["note"] == "x" * 30_000


def test_invocation_names_request_function_and_event() -> None:
    """Inside an invocation every line says whose it is; after it, none does."""
    with invocation(FakeContext(request_id="r-1"), event_id="e-1"):
        bind(cluster="c-1")
        with log_context(instance="i-1", cluster="c-2"):
            told = fields()
        outer = fields()
    assert (told["request_id"], told["function"], told["event_id"]) == ("r-1", "function-under-test", "e-1")
    assert (told["instance"], told["cluster"]) == ("i-1", "c-2")
    assert (outer["cluster"], "instance" in outer) == ("c-1", False)
    assert isinstance(outer["cold_start"], bool)
    assert set(fields()) == {"timestamp", "level", "logger", "message"}


def test_invocation_leaves_nothing_to_the_next() -> None:
    """Keys bound in one invocation are not in the next, nor are those around it."""
    with log_context(leftover="x"):
        with invocation(FakeContext()):
            bind(mine="x")
        with invocation(FakeContext()):
            told = fields()
        assert fields()["leftover"] == "x"
    assert not {"leftover", "mine"} & set(told)


def test_keys_end_with_an_error_too() -> None:
    """An error ends the frame of its keys."""
    with pytest.raises(KeyError), log_context(key="x"):
        raise KeyError
    assert "key" not in fields()


def test_threads_have_their_own_keys() -> None:
    """Concurrent invocations never see each other's keys."""

    def one(number: int) -> bool:
        with invocation(FakeContext(request_id=f"r-{number}")):
            bind(number=number)
            return all(
                (told["request_id"], told["number"]) == (f"r-{number}", number)
                for told in (fields() for _ in range(20))
            )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(50)))


def test_only_the_first_invocation_is_cold() -> None:
    """A process is cold once, and outside an invocation it is not cold."""
    code = (
        "from fctoolkit.logging import cold_start, invocation\n"
        "from fctoolkit.testing import FakeContext\n"
        "seen = [cold_start()]\n"
        "for _ in range(2):\n"
        "    with invocation(FakeContext()):\n"
        "        seen.append(cold_start())\n"
        "print(seen + [cold_start()])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SHARED)}
    done = subprocess.run(  # noqa: S603 -- our own interpreter and text
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[False, True, False, False]"
    assert not cold_start()


def test_configure_adds_one_handler_where_there_is_none() -> None:
    """Outside FC one handler is added, once, however often it is asked for."""
    stream = io.StringIO()
    with bare_root() as root:
        configure(stream=stream)
        configure(stream=stream)
        configure()
        logging.getLogger("app").info("hello", extra={"n": 1})
        assert len(root.handlers) == 1
    assert json.loads(stream.getvalue())["n"] == 1


def test_configure_keeps_the_handlers_of_the_runtime() -> None:
    """On FC the runtime's handlers stay the only ones, and write JSON from then on."""
    stream = io.StringIO()
    theirs = logging.StreamHandler(stream)
    theirs.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    with bare_root() as root:
        root.addHandler(theirs)
        configure()
        configure()
        logging.getLogger("app").info("hello")
        assert root.handlers == [theirs]
    assert json.loads(stream.getvalue())["message"] == "hello"


@pytest.mark.parametrize(
    ("level", "environment", "wanted"),
    [
        (None, None, "INFO"),
        (None, "debug", "DEBUG"),
        (None, "", "INFO"),
        ("ERROR", "debug", "ERROR"),
        (" warning ", None, "WARNING"),
    ],
)
def test_level_comes_from_argument_then_environment(
    monkeypatch: pytest.MonkeyPatch, level: str | None, environment: str | None, wanted: str
) -> None:
    """The argument wins over LOG_LEVEL, which wins over INFO."""
    if environment is not None:
        monkeypatch.setenv("LOG_LEVEL", environment)
    with bare_root() as root:
        configure(level, io.StringIO())
        assert logging.getLevelName(root.level) == wanted


def test_unknown_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that does not exist is refused by name, and nothing is changed."""
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with bare_root() as root:
        with pytest.raises(ConfigurationError, match="LOG_LEVEL 'LOUD' is not a log level; use one of DEBUG"):
            configure()
        assert root.handlers == []


VALUES = st.recursive(
    st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5), st.binary(max_size=3), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.text(), st.dictionaries(st.text(min_size=1, max_size=5), VALUES, max_size=4))
def test_anything_can_be_logged(message: str, extra: dict[str, object]) -> None:
    """Any message with any extra gives one line of JSON with the message in it."""
    told = fields(message.replace("%", ""), extra_fields=extra)
    assert told["message"] == message.replace("%", "")
