"""A small template with functions that do what their event asks for, and a local cloud that runs them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from localcloud import LocalCloud
from localcloud.functions.deployment import Deployment
from localcloud.template.reading import read_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localcloud.functions.running import Ended

ACCOUNT = "1234567890123456"
URL = "http://127.0.0.1:4580"
TEMPLATE = """\
edition: 3.0.0
name: app
resources:
  open:
    component: fc3
    props: &props
      region: cn-hangzhou
      functionName: app-Open_1
      runtime: python3.12
      handler: index.handler
      code: ./code
      timeout: 20
      triggers:
        - {triggerName: web, triggerType: http, triggerConfig: {authType: anonymous, methods: [GET, POST,
        HEAD]}}
  signed:
    component: fc3
    props:
      <<: *props
      functionName: app-signed
      triggers:
        - {triggerName: web, triggerType: http, triggerConfig: {authType: function, methods: [GET, POST]}}
  inner:
    component: fc3
    props:
      <<: *props
      functionName: app-inner
      triggers:
        - triggerName: web
          triggerType: http
          triggerConfig: {authType: anonymous, methods: [GET], disableURLInternet: true}
  broken:
    component: fc3
    props:
      <<: *props
      functionName: app-broken
      runtime: custom.debian12
      customRuntimeConfig: {command: [/code/absent]}
  plain:
    component: fc3
    props: {<<: *props, functionName: app-plain, triggers: []}
"""
CODE = """\
import base64, json, os, time, urllib.request

seen = []

def handler(event, context):
    try:
        request = json.loads(event)
    except ValueError:
        return event
    if not isinstance(request, dict):
        return event
    if "requestContext" in request:
        order = request["queryParameters"].get("do", "")
    else:
        order = request.get("do", "")
    print("a log line of", context.request_id)
    if order == "fail":
        raise ValueError("asked to")
    if order == "count":
        seen.append(context.request_id)
        time.sleep(request.get("seconds", 0))
        return {"seen": seen}
    if order == "answer":
        return base64.b64decode(request["queryParameters"]["with"])
    if order == "instance":
        return os.environ["FC_INSTANCE_ID"]
    if order == "log much":
        print("x" * 10000)
    if order == "look around":
        url = os.environ["ENLIST_ENDPOINT_URL"] + "/_localcloud/calls"
        return urllib.request.urlopen(url, timeout=10).read()
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(request)}
"""


@contextmanager
def echo_deployment(
    folder: Path, url: str = URL, ended: Callable[[Ended], None] = lambda _: None
) -> Iterator[Deployment]:
    """The functions, which take the cloud to be at `url`."""
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(CODE)
    (folder / "s.yaml").write_text(TEMPLATE)
    template = read_template(folder / "s.yaml", environment={}, layer_folders=[])
    with Deployment(template, {"ENLIST_ENDPOINT_URL": url}, ended=ended) as deployment:
        yield deployment


@contextmanager
def echo_cloud(folder: Path) -> Iterator[LocalCloud]:
    """A cloud in process with the functions deployed."""
    with LocalCloud() as cloud, echo_deployment(folder) as deployment:
        cloud.deploy(deployment, URL)
        yield cloud


def decoded(body: bytes) -> Any:
    """A body as JSON."""
    return json.loads(body)
