"""`./dev deploy`, with a stand-in for `s` that plays what the real one does, mistakes included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.deploy_desk import PATHS, Desk, make_desk
from tests.support.product import ROOT
from tests.support.s_yaml import STORE
from tools.deploy.comparison import differences, merged, read_wanted
from tools.deploy.serverless import ServerlessDevs

if TYPE_CHECKING:
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject

VERSIONS = {"enlist": 1}
FUNCTIONS = ("enlist-dev-attach-instances", "enlist-dev-add-connectable-cluster")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Nothing is deployed yet."""
    monkeypatch.setenv("PYTHONPATH", PATHS)
    return make_desk(tmp_path)


def test_the_layer_goes_first_and_its_version_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Publish, verify, deploy, look: what reads s.yaml knows the version that was published."""
    assert desk.run() == 0
    assert desk.commands() == ["publish", "verify", "deploy", "info"]
    assert [version for _, version in desk.calls] == [None, "1", "1", None]
    assert [one["layers"] for one in desk.account["functions"].values()] == [{"enlist": "1"}] * 2
    told = capsys.readouterr().out
    assert [f"deployed {name} https://{name}.example" for name in FUNCTIONS] == told.splitlines()[-2:]


def test_the_same_layer_is_not_published_again(desk: Desk) -> None:
    """A second deployment names the same version; a changed layer gets the next one."""
    assert (desk.run(), desk.run()) == (0, 0)
    assert [len(made) for made in desk.account["layers"].values()] == [1]
    (desk.folder / "dist/enlist-layer.zip").write_bytes(b"two")
    assert desk.run() == 0
    assert [one["layers"] for one in desk.account["functions"].values()] == [{"enlist": "2"}] * 2


def test_a_layer_goes_only_where_it_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a store in Redis its layer is published, too, in versions of its own; without one it is not."""
    for name, value in STORE.items():
        monkeypatch.setenv(name, value)
    desk.change(layers={"enlist": ["sha256 of another"]})
    (desk.folder / "dist/enlist-redis-layer.zip").unlink()
    assert desk.run() == 0
    assert desk.account["layers"].keys() == {"enlist"}
    template = ("--template", str(desk.folder / "s.redis.yaml"))
    assert desk.run(*template) == 1
    assert "enlist-redis-layer.zip does not exist; run ./dev layer" in capsys.readouterr().err
    (desk.folder / "dist/enlist-redis-layer.zip").write_bytes(b"redis")
    assert desk.run("--plan", *template) == 0
    assert "layer enlist-redis is not on the account yet" in capsys.readouterr().out
    assert desk.run(*template) == 0
    versions = {"enlist": "2", "enlist-redis": "1"}
    assert [one["layers"] for one in desk.account["functions"].values()] == [versions] * 2
    assert [len(made) for made in desk.account["layers"].values()] == [2, 1]


def test_an_old_version_of_a_layer_is_found() -> None:
    """A function that has another version of one of its layers is named; layers of others do not matter."""
    (wanted, _) = read_wanted(ROOT / "s.redis.yaml", STORE)
    assert wanted.layers == ("enlist", "enlist-redis")
    shown: JsonObject = {
        "functionName": wanted.name,
        "layers": [f"acs:fc:cn-hangzhou:1:layers/{name}/versions/1" for name in wanted.layers],
    }
    found = list(map(str, differences(wanted, {wanted.name: shown}, {"enlist": 1, "enlist-redis": 2})))
    assert f"{wanted.name}: it does not have version 2 of the layer enlist-redis" in found
    assert not [words for words in found if "version 1" in words]


def test_nothing_in_the_folder_is_changed(desk: Desk) -> None:
    """The version is told through the environment: a deployment leaves no trace beside the sources."""
    before = {path.name: path.read_bytes() for path in desk.folder.iterdir() if path.suffix == ".yaml"}
    assert desk.run() == 0
    after = {path.name: path.read_bytes() for path in desk.folder.iterdir() if path.suffix == ".yaml"}
    assert after == before
    assert {path.name for path in desk.folder.iterdir()} == {
        *before,
        "functions",
        "s",
        "dist",
        "account.json",
        "calls.jsonl",
    }


@pytest.mark.parametrize(
    ("layers", "words", "version"),
    [
        ({}, "is not on the account yet; version 1 would be published", "1"),
        ({"enlist": ["sha256 of another"]}, "differs from version 1; another would be published", "2"),
    ],
)
def test_a_plan_tells_and_changes_nothing(
    desk: Desk, layers: dict[str, list[str]], words: str, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--plan says what would become of the layer, and plans with the version that it would have."""
    desk.change(layers=layers)
    assert desk.run("--plan") == 0
    assert words in capsys.readouterr().out
    assert desk.commands() == ["versions", "verify", "plan"]
    assert desk.calls[-1][1] == version
    assert desk.account["layers"] == layers


def test_a_plan_after_a_deployment_finds_the_layer(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The description of a layer version tells that its content is the one at hand."""
    assert (desk.run(), desk.run("--plan")) == (0, 0)
    assert "layer enlist is published as version 1" in capsys.readouterr().out


def test_a_trigger_that_fc3_left_out_is_deployed_alone(desk: Desk) -> None:
    """fc3 skips what stands behind an unchanged eventbridge trigger; a changed one is not forgotten."""
    assert desk.run() == 0
    text = desk.template.read_text()
    desk.template.write_text(text.replace("ens:Instance:Ready", "ens:Instance:Steady"))
    assert desk.run() == 0
    rule = desk.account["functions"][FUNCTIONS[0]]["triggers"]["ens-ready"]
    assert rule["pattern"]["type"] == ["ens:Instance:Steady"]
    alone = [words for words, _ in desk.calls if "--trigger" in words]
    assert [(words[0], words[words.index("--trigger") + 1]) for words in alone] == [
        ("attach_instances", "ens-ready")
    ]


def test_a_deployment_that_did_not_happen_is_an_error(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """`s` ends with 0 whatever happened: a function that is not there afterwards is found and named."""
    desk.change(lost=[FUNCTIONS[1]])
    assert desk.run() == 1
    assert f"{FUNCTIONS[1]}: the function is not there" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["publish", "verify", "deploy", "info"])
def test_a_failing_step_stops_and_says_why(
    desk: Desk, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `s` said is shown, in plain text where it is an error of ours, and nothing further is tried."""
    desk.change(broken=[command])
    assert desk.run() == 1
    told = capsys.readouterr()
    assert "ended with 1" in told.err
    assert f"{command} does not go well" in told.out + told.err
    assert desk.commands()[-1] == command


def test_a_new_trigger_behind_the_others(desk: Desk) -> None:
    """fc3 leaves a new trigger out, fails for want of it and stops: the rest is deployed all the same."""
    assert desk.run() == 0
    functions = desk.account["functions"]
    del functions[FUNCTIONS[0]]["triggers"]["ens-ordered"]
    del functions[FUNCTIONS[0]]["triggers"]["ens-ready"]
    desk.change(functions=functions, layers={"enlist": ["sha256 of another"]})
    assert desk.run() == 0
    assert {"ens-ordered", "ens-ready"} <= desk.account["functions"][FUNCTIONS[0]]["triggers"].keys()
    assert [one["layers"] for one in desk.account["functions"].values()] == [{"enlist": "2"}] * 2


@pytest.mark.parametrize(
    ("trigger", "key", "value"),
    [
        ("http", "authType", "anonymous"),
        ("http", "qualifier", "1"),
        ("sweep", "cronExpression", "@every 1m"),
        ("sweep", "enable", None),
        ("ens-created", "asyncInvocationType", True),
        ("ens-created", "pattern", {"source": ["acs.ens"]}),
    ],
)
def test_what_is_compared_of_a_trigger(desk: Desk, trigger: str, key: str, value: object) -> None:
    """Who may call, when it ticks, whether it is on, what it takes: each has to be as the template says."""
    assert desk.run() == 0
    (wanted, _) = read_wanted(desk.template, {})
    values = {**wanted.triggers[trigger], key: value}
    config = {**values, "eventRuleFilterPattern": json.dumps(values.get("pattern"))}
    shown: JsonObject = {
        "functionName": wanted.name,
        "layers": ["acs:fc:cn-hangzhou:1:layers/enlist/versions/1"],
        "concurrencyConfig": {"reservedConcurrency": 1},
        "triggers": [{"triggerName": trigger, "qualifier": values["qualifier"], "triggerConfig": config}],
    }
    found = [
        str(one) for one in differences(wanted, {wanted.name: shown}, VERSIONS) if one.trigger == trigger
    ]
    assert found == [f"{wanted.name}: the trigger {trigger} has another {key}"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"deadLetterQueue": {"Arn": "acs:mns:cn-hangzhou:1:/queues/old"}}, "dead-letter queue"),
        ({"retryStrategy": {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}}, "retry strategy"),
    ],
)
def test_where_a_failed_event_ends_is_compared(options: JsonObject, words: str) -> None:
    """A rule that fc3 left out keeps its old queue or retries: that is found, when the account tells them."""
    (wanted, _) = read_wanted(ROOT / "s.yaml", {})
    pattern = json.dumps(wanted.triggers["ens-ready"]["pattern"])
    config: JsonObject = {"triggerEnable": True, "eventRuleFilterPattern": pattern, "runOptions": options}
    answer: JsonObject = {
        "functionName": wanted.name,
        "triggers": [{"triggerName": "ens-ready", "triggerConfig": config}],
    }
    found = [
        str(one) for one in differences(wanted, merged([answer]), VERSIONS) if one.trigger == "ens-ready"
    ]
    assert found == [f"{wanted.name}: the trigger ens-ready has another {words}"]


def test_what_is_false_may_be_left_out() -> None:
    """An answer without what is false or empty is no difference."""
    (wanted, _) = read_wanted(ROOT / "s.yaml", {})
    rule = wanted.triggers["ens-created"]
    config: JsonObject = {"triggerEnable": True, "eventRuleFilterPattern": json.dumps(rule["pattern"])}
    answer: JsonObject = {
        "functionName": wanted.name,
        "triggers": [{"triggerName": "ens-created", "triggerConfig": config}],
    }
    found = differences(wanted, merged([answer]), VERSIONS)
    assert "ens-created" not in {one.trigger for one in found}


def test_an_interruption_ends_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C says that a deployment may be half done, without a traceback."""

    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(ServerlessDevs, "run", interrupted)
    assert desk.run() == 130
    assert "deploy again for the rest" in capsys.readouterr().err


def test_a_template_with_mistakes_is_not_deployed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The linter judges the template that is deployed, whichever it is, before anything is published."""
    desk.template.write_text(desk.template.read_text().replace("memorySize", "memory", 1))
    assert desk.run() == 1
    assert "did you mean memorySize?" in capsys.readouterr().err
    assert desk.calls == []


def test_credentials_are_named_to_every_command(desk: Desk) -> None:
    """--access goes to each call of `s`."""
    assert desk.run("--access", "work") == 0
    assert all(words[-2:] == ["--access", "work"] for words, _ in desk.calls)


def test_what_is_missing_is_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Without `s`, without a layer, or with functions in two regions, the error says what to do."""
    assert desk.run("--program", str(desk.folder / "none")) == 1
    assert "`./dev s --version` installs it" in capsys.readouterr().err
    assert desk.run("--dist", str(desk.folder / "none")) == 1
    assert "none/enlist-layer.zip does not exist; run ./dev layer" in capsys.readouterr().err
    text = desk.template.read_text()
    desk.template.write_text(
        text.replace(
            "      code: ./functions/attach", "      region: cn-beijing\n      code: ./functions/attach"
        )
    )
    assert desk.run() == 1
    assert "must be in one region, found cn-beijing, cn-hangzhou" in capsys.readouterr().err
