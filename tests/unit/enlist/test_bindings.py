"""Bindings: reading them from both kinds of file, and what a binding says of an instance."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML

from enlist.bindings.__main__ import main
from enlist.bindings.model import Bindings
from enlist.bindings.packed import load_bindings, pack
from enlist.errors import BindingsError
from fctoolkit.errors import ConfigurationError
from tests.support.enlist_bindings import GOOD_YAML, binding_files

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of a property share."""
    return tmp_path_factory.mktemp("bindings")


def edge(**changes: Any) -> dict[str, Any]:
    """The smallest edge binding, with changes."""
    return {"name": "one", "match": {"cpu": [4]}, "cluster": "c1", "region": "cn-hangzhou", **changes}


def search(**changes: Any) -> dict[str, Any]:
    """The smallest search binding, with changes."""
    return {
        "name": "logs",
        "match": {"vpcId": ["vpc-1"]},
        "region": "cn-hangzhou",
        "peers": ["es-1"],
        **changes,
    }


def bindings(**kinds: list[dict[str, Any]]) -> Bindings:
    """Bindings from data."""
    return Bindings.model_validate(kinds)


def python(program: str, *arguments: str) -> str:
    """What a program prints in a Python of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 -- ours


def test_the_shipped_bindings_are_valid_and_only_plan() -> None:
    """Nothing is attached or connected by a bindings file that nobody has touched."""
    shipped = load_bindings(ROOT / "bindings.yaml")
    assert [(one.name, one.mode) for one in shipped.edge] == [("hangzhou-edge", "plan")]
    assert [(one.name, one.mode) for one in shipped.search] == [("logs", "plan")]
    assert shipped.edge[0].created_after == datetime(2026, 11, 1, tzinfo=UTC)


@given(data=binding_files())
@settings(max_examples=60)
def test_yaml_packed_as_json_gives_equal_bindings(folder: Path, data: dict[str, Any]) -> None:
    """What was checked at a desk is what the function applies, whatever the values look like in YAML."""
    written, packed = folder / "bindings.yaml", folder / "bindings.json"
    with written.open("w", encoding="utf-8") as file:
        YAML().dump(data, file)
    from_yaml = load_bindings(written)
    packed.write_text(json.dumps(pack(from_yaml, "bindings.yaml")), encoding="utf-8")

    assert from_yaml == Bindings.model_validate(data)
    assert load_bindings(packed) == from_yaml


def test_defaults_are_careful() -> None:
    """What a binding does not say is: plan, ten a run, five peers, every age, CentOS 7.4 or later."""
    both = bindings(edge=[edge()], search=[search()])
    machine, instance = both.edge[0], both.search[0]
    assert (machine.mode, machine.max_per_run, machine.created_after) == ("plan", 10, None)
    assert machine.nodepool is None
    assert (instance.mode, instance.max_per_run, instance.max_peers) == ("plan", 10, 5)


@pytest.mark.parametrize(
    ("os_name", "supported"),
    [
        ("CentOS 7.4 64bit", True),
        ("CentOS 7.6 64bit", True),
        ("CentOS 7.9", True),
        ("CentOS 7.3 64bit", False),
        ("CentOS 8.2 64bit", False),
        ("centos 7.6", False),
        ("Ubuntu 22.04", False),
        ("", False),
    ],
)
def test_only_centos_from_7_4_is_supported_unless_the_binding_widens_it(
    os_name: str, *, supported: bool
) -> None:
    """The vendor's page names CentOS 7.4 or later; nothing else is attached without being asked for."""
    assert bindings(edge=[edge()]).edge[0].supports(os_name) is supported
    assert bindings(edge=[edge(os=[os_name])]).edge[0].supports(os_name)


def test_the_order_of_the_file_is_kept() -> None:
    """The first binding that matches decides, so neither reading nor packing may sort them."""
    names = ["zulu", "alpha", "mike"]
    made = bindings(edge=[edge(name=name) for name in names], search=[search(name=name) for name in names])
    again = bindings(**json.loads(json.dumps({kind: pack(made, "b")[kind] for kind in ("edge", "search")})))
    assert [one.name for one in again.edge] == names
    assert [one.name for one in again.search] == names


def test_the_same_name_may_stand_under_both_kinds() -> None:
    """Names are unique among their kind only."""
    both = bindings(edge=[edge(name="logs")], search=[search(name="logs")])
    assert both.edge[0].name == both.search[0].name


def test_a_mismatch_says_which_fact_and_why() -> None:
    """The reason names the first fact that differs, what was wanted and what there is."""
    machine = bindings(edge=[edge(match={"cpu": [4], "tags": {"enlist": ["yes"]}})]).edge[0]
    assert machine.mismatch({"cpu": 4, "tags": {"enlist": "yes"}}) == ""
    assert machine.mismatch({"cpu": 4}) == 'tags.enlist: wanted ["yes"], found no such field'
    assert machine.mismatch({"cpu": 2}) == "cpu: wanted [4], found 2"


def test_a_search_binding_is_for_its_region_only() -> None:
    """Elasticsearch ids are region-scoped: an instance of another region never matches."""
    instance = bindings(search=[search()]).search[0]
    record = {"vpcId": "vpc-1", "regionId": "cn-hangzhou"}
    assert instance.mismatch(record) == ""
    assert (
        instance.mismatch({**record, "regionId": "cn-beijing"}) == "regionId: cn-beijing is not cn-hangzhou"
    )


def test_packed_json_is_read_without_a_yaml_parser(tmp_path: Path) -> None:
    """On the event path no YAML is imported: not the library, not our reader."""
    file = tmp_path / "bindings.json"
    file.write_text(json.dumps(pack(bindings(edge=[edge()]), "b")))
    program = (
        "import sys; from enlist.bindings.packed import load_bindings; load_bindings(sys.argv[1]);"
        "print([name for name in sys.modules if 'yaml' in name])"
    )
    assert python(program, str(file)) == "[]"


def test_yaml_without_a_parser_says_what_to_do(tmp_path: Path) -> None:
    """In the cloud there is no parser: the error names the variable, the file and both ways out."""
    file = tmp_path / "bindings.yaml"
    file.write_text(GOOD_YAML)
    program = (
        "import sys; sys.modules['ruamel.yaml'] = None\n"
        "from enlist.bindings.packed import load_bindings\n"
        "from fctoolkit.errors import ConfigurationError\n"
        "try: load_bindings(sys.argv[1])\n"
        "except ConfigurationError as error: print(error)"
    )
    said = python(program, str(file))
    assert said.startswith(f"ENLIST_BINDINGS: {file} is YAML and no parser is installed")
    assert "./dev pack" in said
    assert "enlist[yaml]" in said


@pytest.mark.parametrize("name", ["bindings.json", "bindings.yaml"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """A function without bindings says which file it looked for."""
    with pytest.raises(ConfigurationError) as caught:
        load_bindings(tmp_path / name)
    assert str(caught.value).startswith(f"no bindings: {tmp_path / name} cannot be read")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "expected JSON, found text that breaks at character 1 of 1"),
        ("", "expected JSON, found nothing"),
        ("[]", "expected an object"),
        ('{"edge": [], "edge": []}', "edge: expected each key once in an object, found the same key again"),
        ('{"format": 2, "edge": []}', "format: expected 1; pack the file again"),
        ('{"format": "1", "edge": []}', "format: expected 1; pack the file again"),
        ('{"format": 1, "edge": []}', "no binding: give at least one under edge or search"),
        (
            '{"format": 1, "colour": 1}',
            "colour: there is no such key here; take it out; known are edge, search",
        ),
    ],
)
def test_a_packed_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, problem: str) -> None:
    """The error names the file, the field where there is one, and what was expected."""
    file = tmp_path / "bindings.json"
    file.write_text(text)
    with pytest.raises(BindingsError) as caught:
        load_bindings(file)
    assert f"{file}: {problem}" in str(caught.value).split("\n")


def test_check_and_pack_at_a_desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` counts what applies, `pack` writes the JSON beside each function's code."""
    source = tmp_path / "bindings.yaml"
    source.write_text(GOOD_YAML + "    mode: apply\n")
    assert main(["check", str(source)]) == 0
    assert main(["pack", str(source), str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{source}: 2 bindings, 1 of them apply\n" * 2
    assert load_bindings(tmp_path / "bindings.json") == load_bindings(source)
    assert json.loads((tmp_path / "bindings.json").read_text())["source"] == "bindings.yaml"


def test_check_and_pack_fail_with_one_line_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bindings that are not valid, and a folder that is not there, end with status 1 and a message."""
    source = tmp_path / "bindings.yaml"
    source.write_text(GOOD_YAML.replace("cn-hangzhou", "hangzhou").replace("[4]", "4"))
    assert main(["pack", str(source), str(tmp_path)]) == 1
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "edge[0].match.cpu",
        "edge[0].region",
    ]
    assert not (tmp_path / "bindings.json").exists()

    source.write_text(GOOD_YAML)
    assert main(["pack", str(source), str(tmp_path / "gone")]) == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'gone'}: cannot write bindings.json: ")
