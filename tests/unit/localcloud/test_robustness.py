"""Requests of any shape get an answer in the service's shape, never a crash."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud import LocalCloud, catalogue
from tests.support.cloud_client import CloudClient, edge_seed, search_seed

SUPPORTED = [
    (service, action)
    for service, actions in LocalCloud().supported.items()
    for action in actions
    if service not in {"mns", "oss"}  # they answer XML; their own tests have the like
]
CATALOGUES = {service: catalogue.load(service) for service in LocalCloud().supported}
ERROR_KEYS = {"cs": ("code", "message"), "fc2": ("ErrorCode", "ErrorMessage")}

WORDS = st.sampled_from(
    ["c1", "i-1", "es-1", "es-2", "1", "0", "-1", "true", "[]", '["i-1"]', '[{"Key":1}]', "", "é/ "]
)
LEAVES = st.none() | st.booleans() | st.integers(-2, 3) | WORDS
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2)
)


def _requests(target: tuple[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """Requests of an action: its own parameters with any values, its own body keys with any JSON."""
    service, action = target
    operation = CATALOGUES[service].named(action)
    query_names = sorted(operation.query | {f"{name}.1" for name in operation.query} | {"Tag.1.Key", "Odd"})
    body_names = sorted(operation.body - {"*"}) or ["none"]
    return st.fixed_dictionaries(
        {
            "service": st.just(service),
            "action": st.just(action),
            "method": st.sampled_from(sorted(operation.methods)),
            "path": st.just(operation.path),
            "word": st.sampled_from(["c1", "es-1", "nothing"]),
            "query": st.dictionaries(st.sampled_from(query_names), WORDS, max_size=3),
            "body": st.none() | st.dictionaries(st.sampled_from(body_names), BODIES, max_size=4) | BODIES,
        }
    )


@given(st.sampled_from(SUPPORTED).flatmap(_requests))
@settings(max_examples=300)
def test_every_request_gets_an_answer_in_the_service_s_shape(drawn: dict[str, Any]) -> None:
    """Whatever a signed request holds, the answer is JSON: a result, or a code and a message."""
    cloud = LocalCloud()
    cloud.seed({**edge_seed(), **search_seed({}, {})})
    path = drawn["path"]
    path = re.sub(r"\{\w+\}", drawn["word"], path)
    options = {"content": json.dumps(drawn["body"])} if drawn["body"] is not None else {}
    host = f"http://127.0.0.1{path}"
    answer = CloudClient(cloud).call(
        drawn["service"], drawn["action"], host, drawn["method"], params=drawn["query"], **options
    )
    body = answer.json()
    if answer.is_success:
        assert cloud.calls[-1]["code"] == ""
    else:
        code, message = ERROR_KEYS.get(drawn["service"], ("Code", "Message"))
        assert answer.status_code in {400, 403, 404, 501}
        assert cloud.calls[-1]["code"] == body[code]
        assert body[message]
    json.dumps(cloud.state())
