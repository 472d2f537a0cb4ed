"""s.redis.yaml: its store, its network and its instances, and what is refused of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.s_yaml import ROOT, STORE, STORE_URL, Mistake, line_of
from tools.template.lint import lint

if TYPE_CHECKING:
    from pathlib import Path

    from tools.template.problems import Problem

PROPS = "resources.attach_instances.props"
VARIABLE = f"{PROPS}.environmentVariables.ENLIST_STORE"
TEXT = (ROOT / "s.redis.yaml").read_text(encoding="utf-8")
LAYER = TEXT[
    TEXT.index("      - acs:", TEXT.index("vars.layerVersion")) : TEXT.index("    environmentVariables:")
]
PRODUCT = TEXT[TEXT.index("      - acs:") : TEXT.index(LAYER)]
LINE = "ENLIST_STORE: ${env('ENLIST_STORE')}"
VPC = TEXT[TEXT.index("    vpcConfig:") : TEXT.index("    # Redis is reached")]


def problems(folder: Path, text: str = TEXT, **environment: str) -> list[Problem]:
    """What the linter says of s.redis.yaml with this text; nothing that it says holds the password."""
    (folder / "functions").symlink_to(ROOT / "functions")
    (folder / "s.yaml").symlink_to(ROOT / "s.yaml")
    file = folder / "s.redis.yaml"
    file.write_text(text, encoding="utf-8")
    found = list(lint(file, environment).problems)
    assert "s3cret" not in "".join(map(str, found))
    return found


@pytest.mark.parametrize("environment", [{}, STORE])
def test_it_is_good_with_and_without_its_variables(tmp_path: Path, environment: dict[str, str]) -> None:
    """Nothing is said of the file, and a password that comes from the environment does not stand in it."""
    assert problems(tmp_path, **environment) == []


def test_the_library_may_come_in_any_layer_or_with_the_code(tmp_path: Path) -> None:
    """A layer of somebody's own may have the library of the store; so may the code."""
    assert problems(tmp_path, TEXT.replace("layers/enlist-redis/", "layers/libraries/")) == []
    code = tmp_path / "code"
    shutil.copytree(ROOT / "functions/attach_instances", code)
    (code / "redis").mkdir()
    text = TEXT.replace(LAYER, "").replace("    props:", "    props:\n      code: ./code", 1)
    (tmp_path / "again").mkdir()
    (tmp_path / "again/code").symlink_to(code)
    assert not [one for one in problems(tmp_path / "again", text) if one.path == f"{PROPS}.layers"]


MISTAKES = {
    "a password in the file": Mistake(
        LINE, f"ENLIST_STORE: {STORE_URL}", "ENLIST_STORE: redis", VARIABLE, "write ${env('ENLIST_STORE')}"
    ),
    "a password as a default": Mistake(
        LINE,
        f"ENLIST_STORE: ${{env('ENLIST_STORE', '{STORE_URL}')}}",
        "ENLIST_STORE: $",
        VARIABLE,
        "a secret stands here",
    ),
    "a store that there is not": Mistake(
        LINE, "ENLIST_STORE: mysql://h", "ENLIST_STORE: m", VARIABLE, "no store is named so; expected"
    ),
    "an option that a store has not": Mistake(
        LINE, "ENLIST_STORE: redis://h?timout=1", "ENLIST_STORE: r", VARIABLE, "has no option 'timout'"
    ),
    "a file on the disk of an instance": Mistake(
        LINE,
        "ENLIST_STORE: sqlite:///claims.db?one_machine=yes",
        "ENLIST_STORE: s",
        VARIABLE,
        "sqlite is refused on Function Compute",
    ),
    "no layer that brings the library": Mistake(
        LAYER, "", "layers:", f"{PROPS}.layers", "add the layer enlist-redis, as s.redis.yaml does"
    ),
    "another layer of ours": Mistake(
        "layers/enlist-redis/",
        "layers/enlist-otel/",
        "layers:",
        f"{PROPS}.layers",
        "add the layer enlist-redis",
    ),
    "not the layer that brings the product": Mistake(
        PRODUCT, "", "layers:", f"{PROPS}.layers", "the code has no package enlist, and there is no layer"
    ),
    "an empty store": Mistake(
        LINE,
        "ENLIST_STORE: ''",
        "reservedConcurrency: 5",
        f"{PROPS}.concurrencyConfig.reservedConcurrency",
        "write concurrencyConfig: {reservedConcurrency: 1}",
    ),
    "no store": Mistake(
        LINE,
        "ENLIST_ATTEMPTS: '3'",
        "reservedConcurrency: 5",
        f"{PROPS}.concurrencyConfig.reservedConcurrency",
        "without ENLIST_STORE, two instances",
    ),
    "half a network": Mistake(
        "      securityGroupId: ${env('ENLIST_SECURITY_GROUP')}\n",
        "",
        "vpcConfig:",
        f"{PROPS}.vpcConfig",
        "securityGroupId",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_shown_where_it_is(tmp_path: Path, name: str) -> None:
    """The problem names the line and the path, says what to write instead, and shows no password."""
    mistake = MISTAKES[name]
    assert mistake.old in TEXT
    text = TEXT.replace(mistake.old, mistake.new, 1)
    found = {(one.line, one.path): f"{one.wrong}; {one.fix}" for one in problems(tmp_path, text)}
    assert mistake.words in found[line_of(text, mistake.at), mistake.path]


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret@h:port",
        "redis://:s3cret@/0",
        "redis://u:?s3cret@h",
        "redis://:s3cret@h/0?timeout=s3cret",
    ],
)
def test_a_url_from_the_environment_is_judged(tmp_path: Path, url: str) -> None:
    """What the functions would refuse at their start is refused before they are deployed."""
    assert [one.path for one in problems(tmp_path, ENLIST_STORE=url)] == [VARIABLE]


def test_a_store_in_clear_needs_a_vpc(tmp_path: Path) -> None:
    """Without TLS and without a VPC, claims would cross the internet for everybody to read."""
    (found,) = problems(tmp_path, TEXT.replace(VPC, ""), **STORE)
    assert (found.path, found.is_note) == (VARIABLE, False)
    assert "cross the internet in clear" in found.wrong


@pytest.mark.parametrize("environment", [{}, {"ENLIST_STORE": "rediss://:s3cret@h"}])
def test_a_store_without_a_vpc_is_noted(tmp_path: Path, environment: dict[str, str]) -> None:
    """It may have a public address and TLS, so it is a note, with what to add."""
    (found,) = problems(tmp_path, TEXT.replace(VPC, ""), **environment)
    assert (found.path, found.is_note) == (VARIABLE, True)
    assert "add `vpcConfig`" in found.fix
