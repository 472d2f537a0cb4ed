"""Reading an s.yaml: functions, triggers, layers, and what is refused."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from localcloud.delivery.retries import AsyncRetries, BusRetries
from localcloud.delivery.settings import AsyncSettings, PushSettings
from localcloud.functions.spec import EventBridgeTrigger, Hook, HttpTrigger, QueueTrigger, TimerTrigger
from localcloud.template.reading import Template, local_layer_folders, read_template
from localcloud.template.source import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = """\
edition: 3.0.0
name: sample
access: default
vars:
  region: ${env('REGION', 'cn-shanghai')}
template:
  base:
    region: ${vars.region}
    runtime: python3.12
    memorySize: 256
    internetAccess: true
    layers: ["acs:fc:${vars.region}:${config('AccountID')}:layers/common/versions/1"]
    environmentVariables: {SHARED: base, STAGE: base}
resources:
  ingest:
    component: fc3
    extend: {name: base, ignore: [internetAccess]}
    props:
      functionName: sample-${env("STAGE", "dev")}-ingest
      handler: index.handler
      code: ./src/ingest
      timeout: 30
      environmentVariables: {STAGE: own}
      instanceLifecycleConfig: {initializer: {handler: index.initialize, timeout: 7}}
      logConfig: {project: logs, logstore: store}
      triggers:
        - {triggerName: web, triggerType: http, triggerConfig: {authType: function, methods: [GET, POST]}}
        - triggerName: created
          triggerType: eventbridge
          triggerConfig:
            eventRuleFilterPattern: '{"source": ["acs.ens"]}'
            eventSourceConfig: {eventSourceType: Default}
        - triggerName: queue
          triggerType: eventbridge
          triggerConfig: {eventRuleFilterPattern: '{}', eventSourceConfig: {eventSourceType: MNS}}
        - triggerName: daily
          triggerType: timer
          triggerConfig: {cronExpression: "@every 1d", enable: false, payload: p}
        - {triggerName: bucket, triggerType: oss, triggerConfig: {}}
      concurrencyConfig: {reservedConcurrency: 5}
      provisionConfig: {defaultTarget: 2}
      instanceConcurrency: 10
  report:
    component: fc3@0.1.22
    props:
      {region: cn-beijing, functionName: report, runtime: python3.10, handler: a.b, code: {src: src/ingest}}
  domain:
    component: fc3-domain
    props: {domainName: auto}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the sample's code."""
    (tmp_path / "src" / "ingest").mkdir(parents=True)
    return tmp_path


def read(root: Path, text: str = SAMPLE, **environment: str) -> Template:
    """Reads an s.yaml with this text."""
    (root / "s.yaml").write_text(textwrap.dedent(text))
    return read_template(root / "s.yaml", environment=environment, layer_folders=[root / "layer"])


def test_a_function_in_full(root: Path) -> None:
    """A function is read with its template beneath it and all references resolved."""
    function = read(root).functions[0]
    assert (function.key, function.name) == ("ingest", "sample-dev-ingest")
    assert (function.region, function.runtime, function.handler) == (
        "cn-shanghai",
        "python3.12",
        "index.handler",
    )
    assert (function.timeout, function.memory) == (30, 256)
    assert function.code == root / "src" / "ingest"
    assert function.environment == {"SHARED": "base", "STAGE": "own"}
    assert function.initializer == Hook("index.initialize", 7)
    assert (function.log_project, function.log_store) == ("logs", "store")
    assert (function.reserved, function.provisioned, function.instance_concurrency) == (5, 2, 10)
    assert function.layers == (root / "layer",)


def test_triggers(root: Path) -> None:
    """HTTP, timer and default-bus triggers are read; sources that are not played are left out."""
    http, created, daily = read(root).functions[0].triggers
    assert http == HttpTrigger("web", ("GET", "POST"))
    assert isinstance(created, EventBridgeTrigger)
    assert (created.name, created.enabled) == ("created", True)
    assert created.pattern.matches({"source": "acs.ens"})
    assert daily == TimerTrigger("daily", enabled=False, schedule="@every 1d", payload="p")


def test_what_becomes_of_failures(root: Path) -> None:
    """Retries, dead letters, destinations and the window of a queue are read where the file has them."""
    text = """\
        edition: 3.0.0
        resources:
          ingest:
            component: fc3
            props:
              region: cn-hangzhou
              functionName: ingest
              runtime: python3.12
              handler: a.b
              code: src/ingest
              asyncInvokeConfig:
                maxAsyncRetryAttempts: 1
                maxAsyncEventAgeInSeconds: 60
                destinationConfig: {onFailure: {destination: failed}, onSuccess: {destination: done}}
              triggers:
                - triggerName: orders
                  triggerType: eventbridge
                  triggerConfig:
                    asyncInvocationType: true
                    eventRuleFilterPattern: '{}'
                    eventSourceConfig:
                      eventSourceType: MNS
                      eventSourceParameters: {sourceMNSParameters: {QueueName: o, IsBase64Decode: true}}
                    eventSinkConfig: {deliveryOption: {eventSchema: RawData}}
                    runOptions:
                      mode: event-streaming
                      maximumTasks: 2
                      errorsTolerance: ALL
                      retryStrategy:
                        PushRetryStrategy: EXPONENTIAL_DECAY_RETRY
                        MaximumEventAgeInSeconds: 600
                        MaximumRetryAttempts: 5
                      deadLetterQueue: {Arn: dead}
                      batchWindow: {CountBasedWindow: 100, TimeBasedWindow: 10}
    """
    (function,) = read(root, text).functions
    assert function.asynchronous == AsyncSettings(AsyncRetries(1, 60), "failed", "done")
    (trigger,) = function.triggers
    assert isinstance(trigger, QueueTrigger)
    assert (trigger.queue, trigger.base64, trigger.streaming, trigger.raw) == ("o", True, True, True)
    assert (trigger.count, trigger.window, trigger.tasks) == (100, 10, 2)
    retries = BusRetries("EXPONENTIAL_DECAY_RETRY", most=5, longest=600)
    assert trigger.push == PushSettings(
        async_invocation_type=True, retries=retries, tolerant=True, dead_letters="dead"
    )


def test_defaults(root: Path) -> None:
    """What an s.yaml leaves out is what FC takes: 3 seconds, 512 MB, no layers, no variables."""
    report = read(root).functions[1]
    assert (report.timeout, report.memory, report.layers, dict(report.environment)) == (3, 512, (), {})


def test_only_functions_are_read(root: Path) -> None:
    """Resources of other components are left out."""
    assert [function.key for function in read(root).functions] == ["ingest", "report"]


def test_the_environment_decides(root: Path) -> None:
    """A variable of the environment stands above a reference's default."""
    function = read(root, REGION="cn-beijing", STAGE="prod").functions[0]
    assert (function.region, function.name) == ("cn-beijing", "sample-prod-ingest")


@pytest.mark.parametrize("name", ["report", "sample-dev-ingest", "ingest"])
def test_functions_are_found(root: Path, name: str) -> None:
    """A function is found by its key, by its functionName and by its code folder."""
    assert name in {read(root).function(name).key, read(root).function(name).name}


def test_a_function_is_found_by_its_folder(root: Path) -> None:
    """The name of the code folder is enough when no key and no functionName is that."""
    text = SAMPLE.replace("  ingest:", "  other:", 1)
    assert read(root, text).function("ingest").key == "other"


@pytest.mark.parametrize("path", ["src/ingest", "./src/ingest/", "src/../src/ingest"])
def test_a_function_is_found_by_the_path_of_its_folder(root: Path, path: str) -> None:
    """The path of the code folder, as a shell completes it, is taken beside the bare name."""
    template = read(root)
    assert template.function(path).key == template.function(str(root / path)).key == "ingest"
    with pytest.raises(TemplateError, match="no function 'src'"):
        template.function("src")


def test_an_unknown_function(root: Path) -> None:
    """A function that is not there is refused with the names there are."""
    with pytest.raises(TemplateError, match="no function 'absent'; known are: ingest, report"):
        read(root).function("absent")


def test_who_may_call_a_trigger(root: Path) -> None:
    """A trigger asks for a signature and its address answers, unless it says otherwise."""
    short = SAMPLE.replace("{authType: function, ", "{disableURLInternet: true, ")
    trigger = read(root, short).function("ingest").triggers[0]
    assert trigger == HttpTrigger("web", ("GET", "POST"), auth_type="function", internet=False)
    opened = read(root, SAMPLE.replace("authType: function", "authType: anonymous"))
    assert opened.function("ingest").triggers[0] == HttpTrigger("web", ("GET", "POST"), "anonymous")
    assert opened.name == "sample"


def test_files_extend_files(root: Path) -> None:
    """A file that extends another lays its own values on it; lists are replaced."""
    (root / "s.yaml").write_text(SAMPLE)
    (root / "s.prod.yaml").write_text(
        "extend: ./s.yaml\nresources: {ingest: {props: {timeout: 90, triggers: []}}}\n"
    )
    function = read_template(root / "s.prod.yaml", environment={}).function("ingest")
    assert (function.timeout, function.triggers, function.memory) == (90, (), 256)


def test_environment_values_are_in_no_repr(root: Path) -> None:
    """Variables may be secrets, so they are in no repr."""
    text = SAMPLE.replace("STAGE: own", "STAGE: very-secret")
    assert "very-secret" not in repr(read(root, text))


def test_local_layers(tmp_path: Path) -> None:
    """By default a layer is `shared`, or else where the toolkit is installed, then Python's packages."""
    first, *others = local_layer_folders(tmp_path)
    assert (first / "fctoolkit").is_dir()
    (tmp_path / "shared").mkdir()
    assert local_layer_folders(tmp_path)[0] == tmp_path / "shared"
    for folders in ([first, *others], local_layer_folders(tmp_path)[1:]):
        assert any((folder / "pydantic").is_dir() for folder in folders)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("edition: 3.0.0", "edition: 1.0.0", 1, "edition: 3.0.0"),
        ("name: sample", "name: [", 4, "no valid YAML"),
        ("name: sample", "name: 2026-01-02", 2, "put the value in quotes"),
        ("name: sample", "1: sample", 1, "put it in quotes"),
        ("timeout: 30", "timeout: 0", 22, "timeout: "),
        ("timeout: 30", "timeout: soon", 22, "timeout: "),
        ("memorySize: 256", "memorySize: 100", 10, "memorySize: "),
        ("{STAGE: own}", "{STAGE: 1}", 23, "environmentVariables.STAGE: "),
        ("{STAGE: own}", "{FC_STAGE: own}", 23, "FC_STAGE"),
        ("{STAGE: own}", "{_STAGE: own}", 23, "_STAGE"),
        ("code: ./src/ingest", "code: ./absent", 21, "does not exist"),
        ("      handler: index.handler\n", "", 18, "handler: is missing"),
        ("methods: [GET, POST]", "methods: []", 27, "methods: "),
        ('{"source": ["acs.ens"]}', '{"source": [{"near": 1}]}', 31, "eventRuleFilterPattern: source"),
        ("authType: function", "authType: jwt", 27, "authType jwt is not played here: use function"),
        ("authType: function", "authType: basic", 27, "authType: "),
        ("triggerName: created", "triggerName: 1st", 28, "triggerName: "),
        ("{name: base, ignore: [internetAccess]}", "{name: absent}", 17, "`extend` needs the `name`"),
    ],
)
def test_what_is_wrong_is_named(root: Path, old: str, new: str, line: int, message: str) -> None:
    """A file that cannot be used is refused with its line and with what is wrong there."""
    assert old in SAMPLE
    with pytest.raises(TemplateError) as caught:
        read(root, SAMPLE.replace(old, new, 1))
    assert message in caught.value.reason
    assert (caught.value.place.file, caught.value.place.line) == (root / "s.yaml", line)
    assert str(caught.value).startswith(f"{root / 's.yaml'}:{line}: ")


@pytest.mark.parametrize("text", ["", "- list", "edition: 3.0.0", "edition: 3.0.0\nresources: []"])
def test_what_is_no_template(root: Path, text: str) -> None:
    """A file without a mapping of resources is refused."""
    with pytest.raises(TemplateError, match="expected"):
        read(root, text)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is refused, and another one asked for."""
    with pytest.raises(TemplateError, match=r"read: No such file or directory; name another"):
        read_template(tmp_path / "s.yaml", environment={})


def test_a_file_that_extends_itself(root: Path) -> None:
    """Files that extend each other in a circle are refused."""
    with pytest.raises(TemplateError, match="extends itself"):
        read(root, "extend: ./s.yaml")
