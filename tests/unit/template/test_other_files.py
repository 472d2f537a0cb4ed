"""s.yaml files of other people: what is accepted, what is only noted, and what FC or fc3 would not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.s_yaml import line_of
from tools.template.lint import lint

if TYPE_CHECKING:
    from pathlib import Path

    from tools.template.problems import Problem

FILE = """\
edition: 3.0.0
name: shop
vars: {region: cn-shanghai}
template:
  base:
    region: ${vars.region}
    runtime: python3.10
resources:
  intake:
    component: fc3@0.1.22
    extend: {name: base}
    actions:
      pre-${regex('.')}:
        - component: fc3 layer publish --layer-name shop --code ./layer
        - {plugin: notice, args: {key: value}, allow_failure: true}
    props:
      functionName: intake
      handler: web/index.handler
      code: {src: ./intake}
      cpu: 1
      memorySize: 1024
      role: shop-role
      layers: ['acs:fc:cn-shanghai:official:layers/Common/versions/3']
      environmentVariables: {DB_PASSWORD: "${env('DB_PASSWORD')}", OTHER: '${resources.stream.output.url}'}
      vpcConfig: {vpcId: vpc-1, vSwitchIds: auto, securityGroupId: sg-1}
      logConfig: auto
      provisionConfig:
        defaultTarget: 1
        alwaysAllocateCPU: false
        alwaysAllocateGPU: false
        scheduledActions: []
        targetTrackingPolicies: []
      concurrencyConfig: {reservedConcurrency: 2}
      triggers:
        - triggerName: web
          triggerType: http
          triggerConfig:
            authType: jwt
            methods: [GET]
            authConfig: {jwks: {keys: [{kty: RSA}]}, tokenLookup: 'header:Authorization:Bearer'}
        - {triggerName: daily, triggerType: timer, triggerConfig: {cronExpression: 0 0 2 * * *, enable: true}}
        - triggerName: queue
          triggerType: eventbridge
          triggerConfig:
            triggerEnable: true
            asyncInvocationType: false
            eventRuleFilterPattern: '{}'
            eventSourceConfig:
              eventSourceType: MNS
              eventSourceParameters:
                sourceMNSParameters: {RegionId: cn-shanghai, QueueName: orders, IsBase64Decode: true}
            eventSinkConfig: {deliveryOption: {mode: event-streaming, eventSchema: RawData}}
            runOptions:
              mode: event-streaming
              maximumTasks: 2
              errorsTolerance: NONE
              retryStrategy: {PushRetryStrategy: BACKOFF_RETRY}
              batchWindow: {CountBasedWindow: 10, TimeBasedWindow: 5}
  stream:
    component: fc3
    props:
      region: ${resources.intake.props.region}
      functionName: stream
      runtime: custom.debian12
      code: ./stream
      instanceConcurrency: 20
      instanceLifecycleConfig: {initializer: {timeout: 10}}
      customRuntimeConfig:
        command: [python3, server.py]
        port: 9000
        healthCheckConfig: {httpGetUrl: /ready, initialDelaySeconds: 1, timeoutSeconds: 1}
flow:
  deploy: [[stream], [intake]]
"""

INTAKE, STREAM = "resources.intake.props", "resources.stream.props"
SOURCE = f"{INTAKE}.triggers[2].triggerConfig.eventSourceConfig.eventSourceParameters"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file's code."""
    (tmp_path / "intake" / "web").mkdir(parents=True)
    (tmp_path / "intake" / "web" / "index.py").write_text("if True:\n    from elsewhere import handler\n")
    (tmp_path / "intake" / "broken.py").write_text("def handler(:\n")
    (tmp_path / "stream").mkdir()
    return tmp_path


def problems(folder: Path, text: str) -> list[Problem]:
    """What the linter says of a file with this text."""
    (folder / "s.yaml").write_text(text)
    return list(lint(folder / "s.yaml").problems)


def test_a_good_file(folder: Path) -> None:
    """A file that FC takes has neither problem nor note, whatever it does that ours does not."""
    assert [str(problem) for problem in problems(folder, FILE)] == []


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("handler: web/index.handler", "handler: web.index.handle", f"{INTAKE}.handler", "has no handle"),
        ("handler: web/index.handler", "handler: index", f"{INTAKE}.handler", "write FILE.FUNCTION"),
        ("handler: web/index.handler", "handler: broken.handler", f"{INTAKE}.handler", "mend the file"),
        ("handler: web/index.handler", "handler: other.handler", f"{INTAKE}.handler", "no file other.py"),
        ("      handler: web/index.handler\n", "", INTAKE, "add `handler`"),
        ("      code: {src: ./intake}\n", "", INTAKE, "add `code`"),
        ("{src: ./intake}", "{source: ./intake}", f"{INTAKE}.code", "add `src`"),
        ("cpu: 1\n", "cpu: 0.33\n", f"{INTAKE}.cpu", "in steps of 0.05"),
        ("cpu: 1\n", "cpu: 0.2\n", f"{INTAKE}.cpu", "write a cpu from 0.25 to 1"),
        ("cpu: 1\n", "instanceConcurrency: 10\n", f"{INTAKE}.instanceConcurrency", "use a custom runtime"),
        (
            "cpu: 1\n",
            "scalingConfig: {minInstances: 1}\n",
            f"{INTAKE}.scalingConfig",
            "take one of the two out",
        ),
        ("cpu: 1\n", "customRuntimeConfig: {port: 1}\n", f"{INTAKE}.customRuntimeConfig", "does not read it"),
        (
            "cpu: 1\n",
            "instanceLifecycleConfig: {preStop: {handler: a.b, timeout: 91}}\n",
            f"{INTAKE}.instanceLifecycleConfig.preStop.timeout",
            "from 1 to 90",
        ),
        (
            "cpu: 1\n",
            "instanceLifecycleConfig: {preStop: {timeout: 9}}\n",
            f"{INTAKE}.instanceLifecycleConfig.preStop",
            "add `handler`",
        ),
        (
            "cpu: 1\n",
            "asyncInvokeConfig: {}\n",
            f"{INTAKE}.asyncInvokeConfig",
            "add destinationConfig.onFailure",
        ),
        ("cpu: 1\n", f"description: {'x' * 257}\n", f"{INTAKE}.description", "at most 256"),
        ("cpu: 1\n", "tags: [{key: a}]\n", f"{INTAKE}.tags[0]", "add `value`"),
        ("role: shop-role", "role: ShopRole", f"{INTAKE}.role", "name the role shoprole"),
        ("role: shop-role", "role: 'acs:ram::x'", f"{INTAKE}.role", "acs:ram::ACCOUNT:role/NAME"),
        ("layers/Common/versions/3", "layers/Common", f"{INTAKE}.layers[0]", "versions/NUMBER"),
        ("/versions/3']", "/versions/3', a, b, c, d, e]", f"{INTAKE}.layers", "give at most 5"),
        (
            "\"${env('DB_PASSWORD')}\"",
            "pw",
            f"{INTAKE}.environmentVariables.DB_PASSWORD",
            "without a default",
        ),
        (
            "\"${env('DB_PASSWORD')}\"",
            "\"${env('P', 'pw')}\"",
            f"{INTAKE}.environmentVariables.DB_PASSWORD",
            "default",
        ),
        (
            "OTHER: '${resources.stream.output.url}'",
            "U: 'redis://u:p@h'",
            f"{INTAKE}.environmentVariables.U",
            "KMS",
        ),
        ("OTHER: ", "FC_OTHER: ", f"{INTAKE}.environmentVariables.FC_OTHER", "FC's own"),
        ("OTHER: ", "_OTHER: ", f"{INTAKE}.environmentVariables._OTHER", "first a letter"),
        ("stream.output", "streams.output", f"{INTAKE}", "correct the name"),
        (", securityGroupId: sg-1", "", f"{INTAKE}.vpcConfig", "add `securityGroupId`"),
        ("logConfig: auto", "logConfig: Auto", f"{INTAKE}.logConfig", "did you mean auto?"),
        ("logConfig: auto", "logConfig: {project: p}", f"{INTAKE}.logConfig", "add `logstore`"),
        ("        scheduledActions: []\n", "", f"{INTAKE}.provisionConfig", "add `scheduledActions`"),
        ("defaultTarget: 1", "defaultTarget: 3", f"{INTAKE}.concurrencyConfig.reservedConcurrency", "raise"),
        (
            "authType: jwt",
            "authType: function",
            f"{INTAKE}.triggers[0].triggerConfig.authConfig",
            "take it out",
        ),
        (
            "tokenLookup: 'header:Authorization:Bearer'",
            "tokenLookup: h, whitelist: [/a], blacklist: [/b]",
            f"{INTAKE}.triggers[0].triggerConfig.authConfig.blacklist",
            "take one of the two out",
        ),
        ("triggerName: web", "triggerName: 1st", f"{INTAKE}.triggers[0].triggerName", "first a letter or _"),
        (
            "- {triggerName: daily, triggerType: timer",
            "- {triggerName: x, triggerType: cron",
            f"{INTAKE}.triggers[1].triggerType",
            "take one of: http",
        ),
        (
            "sourceMNSParameters",
            "sourceKafkaParameters",
            f"{SOURCE}.sourceKafkaParameters",
            "did you mean sourceMNSParameters?",
        ),
        (
            "QueueName",
            "queueName",
            f"{SOURCE}.sourceMNSParameters.queueName",
            "did you mean QueueName?",
        ),
        (
            "mode: event-streaming\n",
            "mode: event-driven\n",
            f"{INTAKE}.triggers[2].triggerConfig.runOptions.mode",
            "the same mode in both",
        ),
        (
            "errorsTolerance: NONE",
            "errorsTolerance: ALL",
            f"{INTAKE}.triggers[2].triggerConfig.runOptions",
            "add deadLetterQueue",
        ),
        (
            "BACKOFF_RETRY}",
            "BACKOFF_RETRY, MaximumEventAgeInSeconds: 1}",
            f"{INTAKE}.triggers[2].triggerConfig.runOptions.retryStrategy.MaximumEventAgeInSeconds",
            "or 0",
        ),
        (
            "eventSourceType: MNS",
            "eventSourceType: Default",
            f"{INTAKE}.triggers[2].triggerConfig.eventRuleFilterPattern",
            "name at least a source",
        ),
        ("functionName: intake", f"functionName: {'x' * 65}", f"{INTAKE}.functionName", "at most 64"),
        ("triggerName: queue", f"triggerName: {'x' * 125}", f"{INTAKE}.triggers[2].triggerName", "shorten"),
        ("region: cn-shanghai}", "region: cn-shanghia}", f"{INTAKE}.region", "did you mean cn-shanghai?"),
        ("        command: [python3, server.py]\n", "", f"{STREAM}.code", "with a `command`"),
        ("port: 9000", "port: 90000", f"{STREAM}.customRuntimeConfig.port", "from 1 to 65535"),
        (
            "httpGetUrl: /ready",
            "httpUrl: /ready",
            f"{STREAM}.customRuntimeConfig.healthCheckConfig.httpUrl",
            "httpGetUrl?",
        ),
        ("runtime: custom.debian12", "runtime: custom-container", STREAM, "add it with an `image`"),
        ("functionName: stream", "functionName: intake", f"{STREAM}.functionName", "rename one"),
        ("[[stream], [intake]]", "[[streams]]", "flow.deploy[0][0]", "did you mean stream?"),
        ("flow:\n  deploy", "flow:\n  deply", "flow.deply", "did you mean deploy?"),
        (
            "plugin: notice",
            "plugins: notice",
            "resources.intake.actions.pre-${regex('.')}[1].plugins",
            "take it out",
        ),
        ("name: shop\n", "name: shop\nactions: {after-deploy: [{run: x}]}\n", "actions.after-deploy", "pre-"),
        ("name: shop\n", "name: shop\nplugin: x\n", "plugin", "take it out; known are access"),
        ("name: shop\n", "name: ${vars.shop}\n", "name", "correct the name"),
        (
            "  stream:\n",
            "        - triggerName: t\n          triggerType: oss\n          triggerConfig: {}\n  stream:\n",
            "resources.intake.props.triggers[3]",
            "move it above the first eventbridge trigger",
        ),
    ],
)
def test_what_fc_would_not_take(folder: Path, old: str, new: str, path: str, words: str) -> None:
    """Each mistake is refused at its path, with what to write instead."""
    assert old in FILE
    text = FILE.replace(old, new, 1)
    found = {one.path: f"{one.wrong}; {one.fix}" for one in problems(folder, text) if not one.is_note}
    assert words in found[path]


@pytest.mark.parametrize(
    ("old", "new", "mark", "words"),
    [
        ("authType: jwt", "authType: anonymous", "authType", "anybody may call it"),
        ("triggerType: timer", "triggerType: oss", "daily", "check it with `s verify`"),
        ("component: fc3\n", "component: fc3-domain\n", "component: fc3-domain", "check it with `s verify`"),
    ],
)
def test_what_may_be_meant_is_only_noted(folder: Path, old: str, new: str, mark: str, words: str) -> None:
    """What may be right, or is not known here, is said at its line and makes no file bad."""
    text = FILE.replace(old, new, 1)
    notes = {problem.line: str(problem) for problem in problems(folder, text) if problem.is_note}
    note = notes[line_of(text, mark)]
    assert words in note
    assert ": note: " in note


def test_more_rules_than_one_page_allows(folder: Path) -> None:
    """From the eleventh rule on the default bus on, a note says so."""
    rule = """\
        - triggerName: rule{number}
          triggerType: eventbridge
          triggerConfig:
            triggerEnable: true
            asyncInvocationType: false
            eventRuleFilterPattern: '{{"source": ["acs.oss"]}}'
            eventSourceConfig: {{eventSourceType: Default, eventSourceParameters: {{}}}}
            eventSinkConfig: {{deliveryOption: {{mode: event-driven}}}}
            runOptions: {{mode: event-driven}}
"""
    for count, noted in ((10, []), (11, [f"{INTAKE}.triggers[13]"])):
        rules = "".join(rule.format(number=number) for number in range(count))
        found = problems(folder, FILE.replace("  stream:\n", f"{rules}  stream:\n", 1))
        assert [problem.path for problem in found] == noted


def test_a_value_of_a_variable_is_never_shown(folder: Path) -> None:
    """Variables may be secrets, so no message quotes one."""
    text = FILE.replace("\"${env('DB_PASSWORD')}\"", "hunter2").replace("OTHER: ", "NUMBER: 987654, OTHER: ")
    said = "\n".join(map(str, problems(folder, text)))
    assert "DB_PASSWORD" in said
    assert "NUMBER" in said
    assert "hunter2" not in said
    assert "987654" not in said


def test_code_may_be_an_archive(folder: Path) -> None:
    """A zip is taken as it is."""
    (folder / "intake.zip").write_bytes(b"")
    assert problems(folder, FILE.replace("{src: ./intake}", "./intake.zip")) == []
