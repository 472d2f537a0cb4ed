"""Credentials: where they are found, and that they are never shown."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from types import SimpleNamespace

import pytest

from fctoolkit.credentials import Credentials, resolve_credentials
from fctoolkit.errors import CredentialsError
from fctoolkit.testing import FakeContext, FakeContextWithCredentials, FakeCredentials

ENVIRONMENT = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIenvironment",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "environment-secret",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "environment-token",
}
CONTEXT = FakeContextWithCredentials(
    credentials=FakeCredentials("LTAIcontext", "context-secret", "context-token")
)


def test_the_environment_comes_first() -> None:
    """When both places have credentials, those of the environment are used."""
    expected = Credentials("LTAIenvironment", "environment-secret", "environment-token")

    assert expected == resolve_credentials(ENVIRONMENT, CONTEXT)


def test_the_context_comes_second() -> None:
    """Without variables, or with empty ones, the context's credentials are used."""
    expected = Credentials("LTAIcontext", "context-secret", "context-token")

    assert expected == resolve_credentials(dict.fromkeys(ENVIRONMENT, ""), CONTEXT)


def test_the_context_may_spell_in_camel_case() -> None:
    """Runtimes that name the attributes in camel case are understood."""
    held = SimpleNamespace(
        accessKeyId="LTAIcamel", accessKeySecret="camel-secret", securityToken="camel-token"
    )

    assert Credentials("LTAIcamel", "camel-secret", "camel-token") == resolve_credentials(
        {}, SimpleNamespace(credentials=held)
    )


def test_a_permanent_key_has_no_token() -> None:
    """A missing or empty token means a key that is not temporary."""
    environment = {**ENVIRONMENT, "ALIBABA_CLOUD_SECURITY_TOKEN": ""}

    assert resolve_credentials(environment, None).security_token is None


def test_credentials_are_read_each_time() -> None:
    """FC renews temporary keys while an instance lives, so nothing is kept."""
    environment = dict(ENVIRONMENT)
    resolve_credentials(environment, None)
    environment["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "LTAIrenewed"

    assert resolve_credentials(environment, None).access_key_id == "LTAIrenewed"


@pytest.mark.parametrize("context", [None, FakeContext(), FakeContextWithCredentials()])
def test_the_error_names_both_places(context: object) -> None:
    """Without credentials the error says where they were looked for."""
    with pytest.raises(CredentialsError) as caught:
        resolve_credentials({}, context)

    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in str(caught.value)
    assert "context.credentials" in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "context", "missing"),
    [
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIonly"}, CONTEXT, "ALIBABA_CLOUD_ACCESS_KEY_SECRET is not"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "only-secret"}, CONTEXT, "ALIBABA_CLOUD_ACCESS_KEY_ID is not"),
        (
            {},
            FakeContextWithCredentials(credentials=FakeCredentials("LTAIonly", "")),
            "context.credentials.access_key_secret is not",
        ),
    ],
)
def test_half_a_key_is_an_error_that_names_the_missing_half(
    environment: dict[str, str], context: object, missing: str
) -> None:
    """Halves of two places are never mixed: the place that has one half must have the other."""
    with pytest.raises(CredentialsError, match=missing) as caught:
        resolve_credentials(environment, context)

    assert "only-secret" not in str(caught.value)


@pytest.mark.parametrize("bad", ["secret\n", "se cret", "sécret", ""])
def test_a_secret_that_no_header_can_carry_is_refused(bad: str) -> None:
    """A pasted line break is found at once, and the message does not repeat the secret."""
    with pytest.raises(CredentialsError, match="access_key_secret") as caught:
        Credentials("LTAIkey", bad)

    assert not bad or bad not in str(caught.value)


def test_no_way_of_printing_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Reprs, f-strings, containers, tracebacks and log lines show the start of the key id at most."""
    key = resolve_credentials(ENVIRONMENT, None)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%r %s", key, [key])
    shown = "".join(traceback.format_exception(ValueError(key)))
    shown += f"{key} {key!r} {key!s} {[key]} {caplog.text}"

    assert "LTAI…" in shown
    for hidden in ENVIRONMENT.values():
        assert hidden not in shown


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_credentials_are_not_pickled_or_copied(duplicate: object) -> None:
    """A cache or a queue cannot take them along unnoticed."""
    assert callable(duplicate)
    with pytest.raises(TypeError, match="not pickled"):
        duplicate(Credentials("LTAIkey", "some-secret"))


def test_mask_blots_out_secrets_and_signatures() -> None:
    """Text that echoes a request loses the secret, the token and the signature, and nothing else."""
    key = Credentials("LTAIkey", "some-secret", "some-token")
    text = "x-acs-security-token:some-token, Credential=LTAIkey,Signature=0a1b2c, secret some-secret."

    assert key.mask(text) == "x-acs-security-token:***, Credential=LTAIkey,Signature=***, secret ***."
    assert key.mask_json({"a": ["some-token", 1, None], "b": {"c": "fine"}}) == {
        "a": ["***", 1, None],
        "b": {"c": "fine"},
    }


def test_a_stand_in_secret_does_not_blot_out_words() -> None:
    """`test` is a usual local key: messages that contain the word stay readable."""
    assert Credentials("test", "test").mask("the latest test") == "the latest test"
