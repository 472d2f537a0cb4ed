"""Mistakes in s.yaml: each is refused with file, line and path, and with what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from enlist import settings
from localcloud.template.source import load
from tests.support.s_yaml import ROOT, SHIPPED, Mistake, line_of, problems_of
from tools.template.__main__ import main
from tools.template.enlist_rules import known_variables
from tools.template.lint import lint

if TYPE_CHECKING:
    from pathlib import Path

EDGE = "resources.attach_instances.props"


def index_of(name: str) -> int:
    """The position of a trigger of attach_instances."""
    triggers = load(ROOT / "s.yaml").at(["resources", "attach_instances", "props", "triggers"]).plain()
    assert isinstance(triggers, list)
    return [one["triggerName"] for one in triggers if isinstance(one, dict)].index(name)


HTTP, CREATED, READY, SWEEP = (
    f"{EDGE}.triggers[{index_of(name)}]" for name in ("http", "ens-created", "ens-ready", "sweep")
)
CONFIG = f"{CREATED}.triggerConfig"


MISTAKES = {
    "another edition": Mistake(
        "edition: 3.0.0", "edition: 1.0.0", "edition: 1.0.0", "edition", "did you mean 3.0.0?"
    ),
    "a misspelt key of a function": Mistake(
        "memorySize: 512", "memory: 512", "memory: 512", f"{EDGE}.memory", "did you mean memorySize?"
    ),
    "memory between the steps": Mistake(
        "memorySize: 512", "memorySize: 500", "memorySize: 500", f"{EDGE}.memorySize", "in steps of 64"
    ),
    "more cpu than memory": Mistake(
        "cpu: 0.35", "cpu: 2", "cpu: 2", f"{EDGE}.cpu", "write a cpu from 0.125 to 0.5"
    ),
    "a timeout in quotes": Mistake(
        "timeout: 60", "timeout: '60'", "timeout: '60'", f"{EDGE}.timeout", "without quotes"
    ),
    "a runtime that FC has not": Mistake(
        "python3.12", "python3.11", "runtime: ", f"{EDGE}.runtime", "did you mean python3.1"
    ),
    "a handler that is not there": Mistake(
        "index.handler", "index.handle", "handler: index.handle", f"{EDGE}.handler", "index.py has no handle"
    ),
    "a folder that is not there": Mistake(
        "./functions/attach_instances",
        "./function/attach",
        "./function/attach",
        f"{EDGE}.code",
        "correct the path",
    ),
    "a number as a variable": Mistake(
        "LOG_LEVEL: ${env('ENLIST_LOG_LEVEL', 'INFO')}",
        "LOG_LEVEL: 10",
        "LOG_LEVEL: 10",
        f"{EDGE}.environmentVariables.LOG_LEVEL",
        "put it in quotes",
    ),
    "a secret in clear": Mistake(
        "LOG_LEVEL: ${env('ENLIST_LOG_LEVEL', 'INFO')}",
        "DB_PASSWORD: hunter2",
        "DB_PASSWORD",
        f"{EDGE}.environmentVariables.DB_PASSWORD",
        "write ${env('DB_PASSWORD')}, without a default",
    ),
    "credentials as variables": Mistake(
        "LOG_LEVEL: ${env('ENLIST_LOG_LEVEL', 'INFO')}",
        "ALIBABA_CLOUD_ACCESS_KEY_ID: ${env('KEY')}",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        f"{EDGE}.environmentVariables.ALIBABA_CLOUD_ACCESS_KEY_ID",
        "give the function a `role`",
    ),
    "more than 4 KB of variables": Mistake(
        "LOG_LEVEL: ${env('ENLIST_LOG_LEVEL', 'INFO')}",
        f"LOG_LEVEL: {'x' * 4096}",
        "environmentVariables:",
        f"{EDGE}.environmentVariables",
        "move the longest into a file",
    ),
    "a misspelt setting of the product": Mistake(
        "ENLIST_NETWORK: ",
        "ENLIST_NETWROK: ",
        "ENLIST_NETWROK",
        f"{EDGE}.environmentVariables.ENLIST_NETWROK",
        "did you mean ENLIST_NETWORK?",
    ),
    "a setting the product does not take": Mistake(
        "${env('ENLIST_NETWORK', 'public')}",
        "private",
        "ENLIST_NETWORK: private",
        f"{EDGE}.environmentVariables.ENLIST_NETWORK",
        "expected public or vpc",
    ),
    "a log level that there is not": Mistake(
        "${env('ENLIST_LOG_LEVEL', 'INFO')}",
        "warn",
        "LOG_LEVEL: warn",
        f"{EDGE}.environmentVariables.LOG_LEVEL",
        "write one of DEBUG, INFO, WARNING",
    ),
    "a store that is one an instance": Mistake(
        "LOG_LEVEL: ${env('ENLIST_LOG_LEVEL', 'INFO')}",
        "ENLIST_STORE: sqlite:///tmp/s.db",
        "ENLIST_STORE",
        f"{EDGE}.environmentVariables.ENLIST_STORE",
        "Name a Redis, or nothing",
    ),
    "no time for what is waited for": Mistake(
        "LOG_LEVEL: ${env('ENLIST_LOG_LEVEL', 'INFO')}",
        "ENLIST_TASK_WAIT: '55'",
        "ENLIST_TASK_WAIT",
        f"{EDGE}.environmentVariables.ENLIST_TASK_WAIT",
        "write a timeout of 75 or more, or wait less",
    ),
    "two instances without a store": Mistake(
        "reservedConcurrency: 1",
        "reservedConcurrency: 2",
        "reservedConcurrency: 2",
        f"{EDGE}.concurrencyConfig.reservedConcurrency",
        "write concurrencyConfig: {reservedConcurrency: 1}",
    ),
    "a Python that the packages are not for": Mistake(
        "runtime: python3.12",
        "runtime: python3.10",
        "runtime: python3.10",
        f"{EDGE}.runtime",
        "write python3.12",
    ),
    "no layer of its own": Mistake(
        "acs:fc:${vars.region}:${config('AccountID')}:layers/enlist/versions/${vars.layerVersion}",
        "acs:fc:${vars.region}:official:layers/Python312/versions/1",
        "layers:",
        f"{EDGE}.layers",
        "add `layers` with the ARN that ./dev deploy publishes",
    ),
    "neither internet nor VPC": Mistake(
        "internetAccess: true",
        "internetAccess: false",
        "internetAccess: false",
        f"{EDGE}.internetAccess",
        "or add `vpcConfig`",
    ),
    "a timer that is off": Mistake(
        "enable: true",
        "enable: false",
        "enable: false",
        f"{SWEEP}.triggerConfig.enable",
        "write enable: true",
    ),
    "capitals in a role": Mistake(
        "enlist-${vars.stage}-attach-instances\n      code",
        "Enlist-${vars.stage}-Attach\n      code",
        ":role/Enlist-",
        f"{EDGE}.role",
        "role/enlist-dev-attach",
    ),
    "a layer in another region": Mistake(
        "acs:fc:${vars.region}:",
        "acs:fc:cn-beijing:",
        "acs:fc:cn-beijing:",
        f"{EDGE}.layers[0]",
        "name a layer in",
    ),
    "the latest layer": Mistake(
        "versions/${vars.layerVersion}",
        "versions/latest",
        "versions/latest",
        f"{EDGE}.layers[0]",
        "publish the layer and name its number",
    ),
    "a destination named as a dead-letter queue": Mistake(
        "/queues/${vars.deadLetters}/messages",
        "/queues/${vars.deadLetters}",
        "destination: ",
        f"{EDGE}.asyncInvokeConfig.destinationConfig.onFailure.destination",
        "end in /queues/enlist-dev-dead-letters/messages",
    ),
    "a dead-letter queue named as a destination": Mistake(
        "Arn: acs:mns:${vars.region}:${config('AccountID')}:/queues/${vars.deadLetters}",
        "Arn: acs:mns:${vars.region}:${config('AccountID')}:/queues/${vars.deadLetters}/messages",
        "Arn: ",
        f"{CONFIG}.runOptions.deadLetterQueue.Arn",
        "end in /queues/enlist-dev-dead-letters",
    ),
    "no dead-letter queue": Mistake(
        "deadLetterQueue:\n                Arn: ",
        "#\n#",
        "runOptions:",
        f"{CONFIG}.runOptions",
        "add deadLetterQueue",
    ),
    "a queue of another account": Mistake(
        "${config('AccountID')}:/queues/${vars.deadLetters}/messages",
        "1:/queues/${vars.deadLetters}/messages",
        "destination: ",
        f"{EDGE}.asyncInvokeConfig.destinationConfig.onFailure.destination",
        "write ${config('AccountID')}",
    ),
    "too old before its last attempt": Mistake(
        "maxAsyncEventAgeInSeconds: 3600",
        "maxAsyncEventAgeInSeconds: 200",
        "maxAsyncEventAgeInSeconds",
        f"{EDGE}.asyncInvokeConfig.maxAsyncEventAgeInSeconds",
        "write at least 240",
    ),
    "an initializer that may outlast its function": Mistake(
        "timeout: 30",
        "timeout: 90",
        "timeout: 90",
        f"{EDGE}.instanceLifecycleConfig.initializer.timeout",
        "60 or less",
    ),
    "a method that HTTP has not": Mistake(
        "methods: [GET, POST]",
        "methods: [GET, SEND]",
        "methods: [GET, SEND]",
        f"{HTTP}.triggerConfig.methods[1]",
        "take one of: GET, POST",
    ),
    "a door for anybody": Mistake(
        "authType: function",
        "authType: anonymous",
        "authType: ",
        f"{HTTP}.triggerConfig.authType",
        "write authType: function",
    ),
    "a misspelt pattern operator": Mistake(
        '[{"prefix": "ens:CloudMonitor:"}]',
        '[{"prefx": "ens:CloudMonitor:"}]',
        "eventRuleFilterPattern: ",
        f"{CONFIG}.eventRuleFilterPattern",
        "did you mean 'prefix'?",
    ),
    "more expressions than EventBridge takes": Mistake(
        '"source": ["acs.ens", "acs:ens"]',
        '"source": ["a", "b", "c", "d", "e", "f"]',
        "eventRuleFilterPattern: ",
        f"{CONFIG}.eventRuleFilterPattern",
        "at most 5 expressions",
    ),
    "a pattern as YAML": Mistake(
        """>-
              {"source": ["enlist.custom"],
              "type": ["ens:Instance:Ready"]}""",
        "{source: [enlist.custom]}",
        "{source: [enlist.custom]}",
        f"{READY}.triggerConfig.eventRuleFilterPattern",
        "write a text that is not empty",
    ),
    "the case of a retry strategy": Mistake(
        "PushRetryStrategy:",
        "pushRetryStrategy:",
        "pushRetryStrategy:",
        f"{CONFIG}.runOptions.retryStrategy.pushRetryStrategy",
        "did you mean PushRetryStrategy?",
    ),
    "batches from the default bus": Mistake(
        "deliveryOption:\n                mode: event-driven",
        "deliveryOption:\n                mode: event-streaming",
        "mode: event-streaming",
        f"{CONFIG}.eventSinkConfig.deliveryOption.mode",
        "write event-driven",
    ),
    "a source that is not known": Mistake(
        "eventSourceType: Default",
        "eventSourceType: default",
        "eventSourceType: default",
        f"{CONFIG}.eventSourceConfig.eventSourceType",
        "did you mean Default?",
    ),
    "two triggers of one name": Mistake(
        "triggerName: ens-ready",
        "triggerName: ens-created",
        "triggerName: ens-created\n          triggerType: eventbridge\n          qualifier: LATEST\n"
        "          triggerConfig:\n            <<: *event-trigger\n            eventRuleFilterPattern: >-\n"
        '              {"source": ["enlist.custom"]',
        f"{READY}.triggerName",
        "rename one",
    ),
    "five cron fields": Mistake(
        "'@every 5m'",
        "'0 2 * * *'",
        "'0 2 * * *'",
        f"{SWEEP}.triggerConfig.cronExpression",
        "write six",
    ),
    "ticks that pile up": Mistake(
        "timeout: 60",
        "timeout: 600",
        "'@every 5m'",
        f"{SWEEP}.triggerConfig.cronExpression",
        "write a longer interval or a shorter timeout",
    ),
    "one name for two functions": Mistake(
        "enlist-${vars.stage}-add-connectable-cluster\n      description",
        "enlist-${vars.stage}-attach-instances\n      description",
        "functionName: enlist-${vars.stage}-attach-instances\n      description: Connects",
        "resources.add_connectable_cluster.props.functionName",
        "rename one",
    ),
    "a name that FC does not take": Mistake(
        "functionName: enlist-",
        "functionName: 1-",
        "functionName: 1-",
        f"{EDGE}.functionName",
        "at most 64 letters, digits, _ and -",
    ),
    "a variable that is not there": Mistake(
        "region: ${vars.region}",
        "region: ${vars.regio}",
        "region: ${vars.regio}",
        EDGE,
        "add it or correct the name",
    ),
    "a template that is not there": Mistake(
        "name: function", "name: functions", "extend:", EDGE, "needs the `name` of a mapping under `template`"
    ),
    "a hook of no command": Mistake(
        "pre-deploy:", "pre-deplyo:", "pre-deplyo:", "actions.pre-deplyo", "did you mean pre-deploy?"
    ),
    "bindings that are not packed": Mistake(
        "run: ./dev pack",
        "run: ./dev pakc",
        "pre-deploy:",
        "actions.pre-deploy",
        "add `pre-deploy: [{run: ./dev pack, path: ./}]`",
    ),
    "a version in small letters": Mistake(
        "qualifier: LATEST", "qualifier: latest", "qualifier: latest", f"{HTTP}.qualifier", "LATEST"
    ),
    "no YAML": Mistake("name: enlist\n", "name: [enlist\n", "access:", "file", "no valid YAML"),
}


def test_the_shipped_files_are_good() -> None:
    """s.yaml and its variants have no problem, so each mistake below is the only one in its file."""
    for file in sorted(ROOT.glob("s*.yaml")):
        findings = lint(file)
        assert [str(problem) for problem in findings.problems if not problem.is_note] == []
        assert findings.functions == 2


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("PYTHONPATH: /opt/python", "OTHER: x", f"{EDGE}.environmentVariables", "PYTHONPATH to /opt/python"),
        (
            "PYTHONPATH: /opt/python",
            "PYTHONPATH: /opt",
            f"{EDGE}.environmentVariables.PYTHONPATH",
            "PYTHONPATH",
        ),
        (
            "instanceConcurrency: 1",
            "instanceConcurrency: 2",
            f"{EDGE}.instanceConcurrency",
            "write instanceConcurrency: 1",
        ),
    ],
)
def test_a_mistake_on_a_custom_runtime(tmp_path: Path, old: str, new: str, path: str, words: str) -> None:
    """A server that cannot import the layer, or takes two requests at a time, is refused."""
    (tmp_path / "s.yaml").write_text(SHIPPED)
    text = (ROOT / "s.custom.yaml").read_text(encoding="utf-8")
    assert old in text
    (found,) = problems_of(tmp_path, text.replace(old, new), "s.custom.yaml")
    assert found[1] == path
    assert words in found[2]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ENLIST_LOG_LEVEL", "warn", '"warn" is not a log level'),
        ("ENLIST_STAGE", "Test", "role/enlist-test-attach-instances"),
        ("LOG_LEVEL", "warn", ""),
    ],
)
def test_the_environment_that_deploys_is_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, words: str
) -> None:
    """What variables ENLIST_* would deploy is refused before it is deployed; others have no say."""
    monkeypatch.setenv(variable, value)
    assert main([str(ROOT / "s.yaml")]) == int(bool(words))
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (
            (
                "provisionConfig: {defaultTarget: 1, alwaysAllocateCPU: false, alwaysAllocateGPU: false, "
                "scheduledActions: [], targetTrackingPolicies: []}"
            ),
            "provisionConfig.defaultTarget",
        ),
        ("scalingConfig: {minInstances: 1}", "scalingConfig.minInstances"),
    ],
)
def test_what_is_billed_all_day_is_noted(tmp_path: Path, config: str, path: str) -> None:
    """Instances that are kept running get a note for each function; nobody pays for them by mistake."""
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    (tmp_path / "s.yaml").write_text(SHIPPED.replace("    timeout: 60\n", f"    timeout: 60\n    {config}\n"))
    found = lint(tmp_path / "s.yaml").problems
    # Both functions share the template's line, and so the note.
    assert [(one.path.removeprefix(f"{EDGE}."), one.is_note) for one in found][:1] == [(path, True)]
    assert all(one.is_note and "billed all day" in str(one) for one in found)


def test_overlays_are_not_judged_in_silence(tmp_path: Path) -> None:
    """A file with environments of its own gets a note: what they change is not read."""
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    (tmp_path / "s.yaml").write_text(f"{SHIPPED}\nenv: ./env.yaml\n")
    (note,) = lint(tmp_path / "s.yaml").problems
    assert (note.path, note.is_note) == ("env", True)


@pytest.mark.parametrize("text", ["[" * 3000, "".join(f"{' ' * depth}a:\n" for depth in range(400))])
def test_nested_too_deeply(tmp_path: Path, text: str) -> None:
    """A file that no reader gets to the end of is refused like any other."""
    ((line, path, words),) = problems_of(tmp_path, text)
    assert (line, path) == (1, "file")
    assert "nested too deeply" in words


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_shown_where_it_is(tmp_path: Path, name: str) -> None:
    """The problem names the line and the path of the mistake, and says what to write instead."""
    mistake = MISTAKES[name]
    assert mistake.old in SHIPPED
    text = SHIPPED.replace(mistake.old, mistake.new, 1)
    found = {(line, path): said for line, path, said in problems_of(tmp_path, text)}
    assert mistake.words in found[line_of(text, mistake.at), mistake.path]
    assert all(re.fullmatch(r"(?s).+; .+", said) for said in found.values())


def test_http_behind_eventbridge_is_refused(tmp_path: Path) -> None:
    """fc3 skips what stands behind an unchanged eventbridge trigger, so HTTP triggers come first."""
    lines = SHIPPED.splitlines(keepends=True)
    start = line_of(SHIPPED, "- triggerName: http") - 1
    end = line_of(SHIPPED, "disableURLInternet: false")
    behind = line_of(SHIPPED, "- triggerName: ens-ready") - 1
    text = "".join((*lines[:start], *lines[end:behind], *lines[start:end], *lines[behind:]))
    [(line, path, said)] = problems_of(tmp_path, text)
    assert (line, path) == (
        line_of(text, "- triggerName: http"),
        f"{EDGE}.triggers[{index_of('ens-ready') - 1}]",
    )
    assert "move it above the first eventbridge trigger" in said


def test_every_mistake_is_shown_at_once_and_in_order(tmp_path: Path) -> None:
    """One run is enough to mend a file."""
    text = SHIPPED.replace("timeout: 60", "timeout: 0").replace("authType: function", "authType: none")
    text = text.replace("diskSize: 512", "diskSize: 1")
    lines = [line for line, _, _ in problems_of(tmp_path, text)]
    assert set(lines) >= {
        line_of(text, "timeout: 0"),
        line_of(text, "diskSize: 1"),
        line_of(text, "authType: none"),
    }
    assert lines == sorted(lines)


def test_a_variant_shows_a_mistake_where_it_is_written(tmp_path: Path) -> None:
    """A file that extends another is judged as a whole, and each problem names the file it stands in."""
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    (tmp_path / "s.yaml").write_text(SHIPPED.replace("timeout: 60", "timeout: -1"))
    (tmp_path / "s.prod.yaml").write_text("extend: ./s.yaml\ntemplate:\n  function:\n    diskSize: 1\n")
    found = {
        (problem.file, problem.line)
        for problem in lint(tmp_path / "s.prod.yaml").problems
        if not problem.is_note
    }
    assert (str(tmp_path / "s.yaml"), line_of(SHIPPED, "timeout: 60")) in found
    assert (str(tmp_path / "s.prod.yaml"), 4) in found


def test_the_command_prints_one_problem_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command shows `file:line: path: what is wrong; what to do` and fails, or says that all is well."""
    problems_of(tmp_path, SHIPPED.replace("diskSize: 512", "diskSize: 1"))
    monkeypatch.chdir(tmp_path)
    line = line_of(SHIPPED, "diskSize")
    assert main(["s.yaml"]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert f"s.yaml:{line}: {EDGE}.diskSize: 1 is not known here; take one of: 512, 10240" in shown
    problems_of(tmp_path, SHIPPED)
    assert main(["s.yaml"]) == 0
    assert re.fullmatch(r"s\.yaml: 2 functions, \d+ triggers\n", capsys.readouterr().out)
    assert main(["absent.yaml"]) == 1
    assert "absent.yaml:1: file: the file cannot be read" in capsys.readouterr().err
    assert main([]) == 2


def test_the_module_is_a_command() -> None:
    """`python -m tools.template` is what `./dev check` runs."""
    command = [sys.executable, "-m", "tools.template", "s.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0
    assert re.fullmatch(r"s\.yaml: 2 functions, \d+ triggers\n", done.stdout)


def test_the_product_names_its_variables() -> None:
    """The variables that the settings document are those the linter knows, without a list of its own."""
    documented = set(re.findall(r"^ENLIST_\w+", str(settings.__doc__), re.MULTILINE))
    assert "ENLIST_TASK_WAIT" in documented
    assert known_variables() >= documented
