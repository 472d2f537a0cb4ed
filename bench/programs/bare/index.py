"""Below the floor, on http.client and pydantic: one signed call, its answer read by one model."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection

from one_call import described, host
from pydantic import AliasChoices, AliasPath, BaseModel, Field


class Answer(BaseModel):
    """The state of a cluster, or of an instance."""

    state: str = Field(validation_alias=AliasChoices("state", AliasPath("Result", "status")))


def initialize(context: object) -> None:
    """FC calls it once per instance, before the first event."""
    client()


def handler(event: bytes, context: object) -> str:
    """Makes the call that the event asks for; gives the state."""
    path, headers = described(event)
    client().request("GET", path, headers=headers)
    response = client().getresponse()
    body = response.read()
    if response.status != HTTPStatus.OK:
        raise RuntimeError(f"{response.status} {body[:500]!r}")
    return Answer.model_validate_json(body).state


@cache
def client() -> HTTPConnection:
    """The connection, made at its first request."""
    return HTTPConnection(host(), timeout=10)
