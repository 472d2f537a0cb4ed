"""Function Compute through its own client: short ways to make functions and what belongs to them."""

from __future__ import annotations

import base64
import json
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException

from tests.support.fc_clients import fc3_client, fc3_invoke
from tools.layer.build import zip_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud import LocalCloud

ARN = "acs:fc:cn-hangzhou:1234567890123456"


def code_of(source: str, **files: str) -> models.InputCodeLocation:
    """Code with `source` as index.py and other files, in their names `/` for `__`, as a zip in base64."""
    named = {f"{name.replace('__', '/')}.py": text for name, text in files.items()}
    if source:
        named["index.py"] = source
    data = zip_bytes({name: textwrap.dedent(text).encode() for name, text in named.items()})
    return models.InputCodeLocation(zip_file=base64.b64encode(data).decode())


class ControlPlane:
    """A client of FC 3.0, and what tests do with it."""

    def __init__(self, cloud: LocalCloud, url: str) -> None:
        self.cloud = cloud
        self.url = url
        self.client = fc3_client(url)

    def create(
        self, name: str, source: str = "def handler(event, context): return event", **given: Any
    ) -> Any:
        """CreateFunction with defaults for what is not given, in the client's names."""
        defaults = {"runtime": "python3.12", "handler": "index.handler", "code": code_of(source)}
        body = models.CreateFunctionInput(function_name=name, **{**defaults, **given})
        return self.client.create_function(models.CreateFunctionRequest(body=body)).body

    def update(self, name: str, **given: Any) -> Any:
        """UpdateFunction."""
        body = models.UpdateFunctionInput(**given)
        return self.client.update_function(name, models.UpdateFunctionRequest(body=body)).body

    def get(self, name: str, qualifier: str | None = None) -> Any:
        """GetFunction."""
        return self.client.get_function(name, models.GetFunctionRequest(qualifier=qualifier)).body

    def layer(self, name: str, **files: str) -> Any:
        """CreateLayerVersion."""
        body = models.CreateLayerVersionInput(code=code_of("", **files), compatible_runtime=["python3.12"])
        return self.client.create_layer_version(name, models.CreateLayerVersionRequest(body=body)).body

    def trigger(self, function: str, name: str, kind: str, config: object, **given: Any) -> Any:
        """CreateTrigger; a configuration that is no text is sent as JSON."""
        text = config if isinstance(config, str) else json.dumps(config)
        body = models.CreateTriggerInput(trigger_name=name, trigger_type=kind, trigger_config=text, **given)
        return self.client.create_trigger(function, models.CreateTriggerRequest(body=body)).body

    def publish(self, name: str) -> str:
        """PublishFunctionVersion; the number of the new version."""
        request = models.PublishFunctionVersionRequest(body=models.PublishVersionInput())
        version: str = self.client.publish_function_version(name, request).body.version_id
        return version

    def alias(self, function: str, name: str, version: str, **weights: float) -> Any:
        """CreateAlias; weights by version, `v2=0.5`."""
        shares = {key.removeprefix("v"): weight for key, weight in weights.items()}
        body = models.CreateAliasInput(
            alias_name=name, version_id=version, additional_version_weight=shares or None
        )
        return self.client.create_alias(function, models.CreateAliasRequest(body=body)).body

    def invoke(self, name: str, event: bytes = b"", qualifier: str = "") -> bytes:
        """InvokeFunction; the result of a function that did not fail."""
        _, headers, body = fc3_invoke(self.url, name, event, qualifier=qualifier)
        assert "x-fc-error-type" not in headers, body
        return body


@contextmanager
def refused(status: int, code: str, text: str = "") -> Iterator[None]:
    """The client raises with this status and code, and with this text in its message."""
    with pytest.raises((ClientException, ServerException)) as refusal:
        yield
    assert (refusal.value.status_code, refusal.value.code) == (status, code), refusal.value.message
    assert text in refusal.value.message
    assert refusal.value.request_id


def event(**given: Any) -> dict[str, Any]:
    """A CloudEvent."""
    return {"id": "1", "source": "other", "type": "test", "data": {}, **given}
