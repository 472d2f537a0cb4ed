"""The references of an s.yaml: what each stands for, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.template.references import References
from localcloud.template.source import Node, Place, TemplateError, UnknownValueError, load

if TYPE_CHECKING:
    from pathlib import Path

    from fctoolkit.jsontypes import JsonValue

VARIABLES = """\
vars:
  a: {b: deep, n: 7, t: true, nothing: null, list: [1, x]}
  viaEnv: ${env('SET')}
  chained: <${vars.a.b}>
  mine: ${this.props.functionName}
  circle: ${vars.circle2}
  circle2: ${vars.circle}
template: {base: {memory: 5}}
resources:
  other: {extend: {name: base}, props: {region: "${vars.a.b}"}}
"""


def resolve(folder: Path, value: str, **environment: str) -> JsonValue:
    """Resolves `value`, which stands at line 12 of a file with the variables above."""
    resource = "resource: {name: key, props: {functionName: fn}}\n"
    (folder / "s.yaml").write_text(f"{VARIABLES}{resource}value: {value}\n")
    document = load(folder / "s.yaml")
    node = document.get("value")
    assert node is not None
    references = References(document, folder, environment, "1000")
    return references.resolve(node, document.get("resource")).plain()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${env('SET')}", "yes"),
        ('${env("SET")}', "yes"),
        ("${env('UNSET', 'other')}", "other"),
        ("""'${env("UNSET", "other")}'""", "other"),
        ("${env('UNSET','')}", ""),
        ("${env('SET', 'other')}", "yes"),
        ("""'${env("UNSET", "{}")}'""", "{}"),
        ("${ vars.a.b }", "deep"),
        ("x-${vars.a.b}-${vars.a.n}", "x-deep-7"),
        ("${vars.a.n}", 7),
        ("${vars.a.t}/${vars.a.nothing}/", "true//"),
        ("${vars.a.list}", [1, "x"]),
        ("${vars.viaEnv}", "yes"),
        ("${vars.chained}", "<deep>"),
        ("${config('AccountID')}", "1000"),
        ("${this.name}", "key"),
        ("${vars.mine}", "fn"),
        ("${resources.other.props.region}", "deep"),
        ("${resources.other.props.memory}", 5),
        ("[{a: '${vars.a.b}'}]", [{"a": "deep"}]),
        ("no reference: $5 {x}", None),
    ],
)
def test_what_references_stand_for(tmp_path: Path, value: str, expected: JsonValue) -> None:
    """A reference stands for a variable, a value of the file, the account or a value of its resource."""
    if expected is None:
        assert resolve(tmp_path, f"'{value}'") == value
    else:
        assert resolve(tmp_path, value, SET="yes") == expected


def test_paths(tmp_path: Path) -> None:
    """`path` is taken from the file's folder and made absolute."""
    assert resolve(tmp_path, "${path('./x/../y')}") == str(tmp_path / "y")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "${env('UNSET')}",
            "environment variable UNSET is not set; set it, or, if it is no secret, give a default",
        ),
        ("x${env('UNSET')}", "environment variable UNSET is not set"),
        ("${vars.absent}", "${vars.absent} names nothing in this file"),
        ("${vars.a.b.c}", "${vars.a.b.c} names nothing"),
        ("${this.props.absent}", "${this.props.absent} names nothing"),
        ("${file('./x')}", "file('./x') cannot be resolved here"),
        ("${config('AccessKeyID')}", "config('AccessKeyID') cannot be resolved here"),
        ("${resources.other.output.url}", "cannot be resolved here: outputs exist after a deployment"),
        ("${resources.other.props.absent}", "${resources.other.props.absent} names nothing"),
        ("${resources.absent.output.url}", "${resources.absent.output.url} names nothing"),
        ("x-${vars.a.list}", "is a mapping or a list"),
        ("${vars.a.b", "is not closed"),
        ("${vars.circle}", "leads back to itself: vars.circle -> vars.circle2 -> vars.circle"),
    ],
)
def test_what_cannot_be_resolved(tmp_path: Path, value: str, message: str) -> None:
    """A reference that cannot be resolved is refused with file, line and what to do."""
    with pytest.raises(TemplateError) as caught:
        resolve(tmp_path, f"'{value}'" if "'" not in value else value)
    assert message in caught.value.reason
    assert caught.value.place.file == tmp_path / "s.yaml"
    assert caught.value.place.line in {6, 7, 12}


def test_what_cannot_be_resolved_can_be_reported_instead(tmp_path: Path) -> None:
    """A reader that reports gets every error, keeps such values as written, and knows which may be right."""
    (tmp_path / "s.yaml").write_text("vars: {a: 1}\nv: ['${vars.a}', '${vars.b}', \"${env('X')}\"]\n")
    document = load(tmp_path / "s.yaml")
    errors: list[TemplateError] = []
    resolved = References(document, tmp_path, {}, "1").resolve(document, None, errors.append)
    assert resolved.at(["v"]).plain() == [1, "${vars.b}", "${env('X')}"]
    assert [isinstance(error, UnknownValueError) for error in errors] == [False, True]


@settings(max_examples=200)
@given(st.text(alphabet="${}'\"a.(), vrsen", max_size=30))
def test_any_text_resolves_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands in a value, it is resolved or refused; nothing else is raised."""
    folder = tmp_path_factory.getbasetemp()
    place = Place(folder / "s.yaml", 1)
    references = References(Node({}, place), folder, {}, "1000")
    try:
        resolved = references.resolve(Node(text, place)).plain()
    except TemplateError:
        return
    assert isinstance(resolved, str)
    assert resolved == text or "${" in text
