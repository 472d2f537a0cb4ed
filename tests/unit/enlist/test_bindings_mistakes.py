"""Mistakes in bindings.yaml: each is refused with file, line, column and field, and says what is right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from enlist.bindings.packed import load_bindings
from enlist.errors import BindingsError, Problem
from fctoolkit.errors import ConfigurationError
from tests.support.enlist_bindings import GOOD_YAML

_TIME = "expected a time with a zone, such as 2026-11-01T00:00:00Z"
_ID = "expected letters, digits, - and _, at most 128"
_SEARCH_ID = "expected an Elasticsearch instance id such as es-cn-n6w1o1x0w001c"
_PEERS = "expected a list of instance ids, {match: …} or same-binding"
_NAME = "expected at most 63 letters, digits, . _ and -"
_REGION = "expected a region id such as cn-hangzhou"


def problems(tmp_path: Path, text: str) -> list[tuple[str, str, str]]:
    """Place within the file, field and message of each problem."""
    file = tmp_path / "bindings.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BindingsError) as caught:
        load_bindings(file)
    found: tuple[Problem, ...] = caught.value.problems
    assert str(caught.value) == "\n".join(map(str, found))
    return [(one.where.removeprefix(f"{file}:"), one.field, one.message) for one in found]


def test_the_file_that_the_mistakes_are_made_in_is_good(tmp_path: Path) -> None:
    """Each mistake below is the only one in its file."""
    file = tmp_path / "bindings.yaml"
    file.write_text(GOOD_YAML)
    assert len(load_bindings(file).edge) == len(load_bindings(file).search) == 1


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("cluster: c1", "cluster: c1\n    colour: red", "5:13: edge[0].colour", "there is no such key here"),
        ("search:", "nodes: []\nsearch:", "6:8: nodes", "there is no such key here"),
        ("cluster: c1", "cluster: c1\n    mode: on", "5:11: edge[0].mode", "'plan' or 'apply'"),
        ("cluster: c1", "cluster: c1/../c2", "4:14: edge[0].cluster", _ID),
        ("cluster: c1", "cluster: ''", "4:14: edge[0].cluster", _ID),
        ("cluster: c1", "cluster: 12", "4:14: edge[0].cluster", "must be a text; put it in quotes"),
        ("cluster: c1", "cluster: c1\n    nodepool: a b", "5:15: edge[0].nodepool", _ID),
        ("    cluster: c1\n", "", "2:5: edge[0].cluster", "required"),
        ("    region: cn-hangzhou\n", "", "2:5: edge[0].region", "required"),
        ("    region: cn-beijing\n", "", "7:5: search[0].region", "required"),
        ("cn-hangzhou", "hangzhou", "5:13: edge[0].region", _REGION),
        ("cn-hangzhou", "cn-hangzhou.example.com", "5:13: edge[0].region", _REGION),
        ("name: one", "name: -one", "2:11: edge[0].name", _NAME),
        ("name: one", "name: oné", "2:11: edge[0].name", _NAME),
        ("name: one", f"name: {'a' * 64}", "2:11: edge[0].name", _NAME),
        ("    match: {cpu: [4]}\n", "", "2:5: edge[0].match", "required"),
        ("{cpu: [4]}", "{}", "3:12: edge[0].match", "must not be empty"),
        ("{cpu: [4]}", "{cpus: [4]}", "3:19: edge[0].match.cpus", "no such fact: cpus; known facts: cpu, "),
        ("{cpu: [4]}", "{cpu: {a: [4]}}", "3:18: edge[0].match.cpu", "no such fact: cpu.a; known facts: "),
        ("{cpu: [4]}", "{tags: [a]}", "3:19: edge[0].match.tags", "no such fact: tags; known facts: "),
        ("{cpu: [4]}", "{cpu: 4}", "3:18: edge[0].match.cpu", "cpu: expected an array of expressions"),
        ("{cpu: [4]}", "{cpu: [.inf]}", "3:18: edge[0].match.cpu", "cpu[0]: expected a finite number"),
        ("{cpu: [4]}", "{cpu: [{numerc: [1]}]}", "3:18: edge[0].match.cpu", "(did you mean 'numeric'?)"),
        (
            "{vpcId: [vpc-1]}",
            "{cpu: [4]}",
            "8:18: search[0].match.cpu",
            "no such fact: cpu; known facts: arch",
        ),
        ("cluster: c1", "cluster: c1\n    os: CentOS", "5:9: edge[0].os", "must be a list; write ["),
        ("cluster: c1", "cluster: c1\n    os: []", "5:9: edge[0].os", "must not be empty"),
        ("cluster: c1", "cluster: c1\n    os: [{x: 1}]", "5:9: edge[0].os", "unknown operator 'x'"),
        ("[es-cn-hub1]", "es-cn-hub1", "10:12: search[0].peers", _PEERS),
        ("[es-cn-hub1]", "", "10:5: search[0].peers", _PEERS),
        ("cluster: c1", "cluster:", "4:5: edge[0].cluster", "must be a text; put it in quotes"),
        ("[es-cn-hub1]", "[]", "10:12: search[0].peers", "must not be empty"),
        ("[es-cn-hub1]", "[es-1, i-1]", "10:19: search[0].peers[1]", _SEARCH_ID),
        ("[es-cn-hub1]", "{vpcId: [a]}", "10:20: search[0].peers.vpcId", "there is no such key here"),
        (
            "[es-cn-hub1]",
            "{match: {vpc: [a]}}",
            "10:26: search[0].peers.match.vpc",
            "no such fact: vpc; known",
        ),
    ],
)
def test_a_mistake_is_shown_where_it_is(tmp_path: Path, old: str, new: str, place: str, message: str) -> None:
    """The problem carries the value's place, or its binding's when the value is missing."""
    assert GOOD_YAML.count(old) == 1
    found = {
        f"{where}: {field}": said for where, field, said in problems(tmp_path, GOOD_YAML.replace(old, new))
    }
    assert message in found[place]


SHIPPED = (Path(__file__).parents[3] / "bindings.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Slip:
    """`old` in the shipped file becomes `new`; what begins with `at` is complained about, in these words."""

    old: str
    new: str
    at: str
    words: str


SLIPS = {
    "a misspelt key": Slip("max_per_run:", "max_per_rn:", "20\n", "did you mean max_per_run?"),
    "a kind that is not there": Slip("search:", "edges: []\nsearch:", "[]\nsearch", "did you mean edge?"),
    "a key of nobody's": Slip(
        "cluster: c1", "colour: red\n    cluster: c1", "red\n", "take it out; known are cluster, "
    ),
    "another mode": Slip("    mode: plan\n", "    mode: dry\n", "dry\n", "'plan' or 'apply'"),
    "no region": Slip("    region: cn-hangzhou #", "    #", "name: hangzhou-edge", "add `region`"),
    "no cluster": Slip("    cluster: ", "    # ", "name: hangzhou-edge", "add `cluster`"),
    "a number as a cluster": Slip("c1f0a2b3c4d5e6f708192a3b4c5d6e7f8", "12", "12\n", "put it in quotes"),
    "a host as a region": Slip("cn-hangzhou #", "cs.example.com #", "cs.example.com", "such as cn-hangzhou"),
    "a time without a zone": Slip("00:00:00Z", "00:00:00", "2026-11-01T", "end the time in Z"),
    "a day as a time": Slip(
        "2026-11-01T00:00:00Z", "2026-11-01", "2026-11-01", "such as 2026-11-01T00:00:00Z"
    ),
    "a limit of none": Slip("max_per_run: 20", "max_per_run: 0", "0\n\n", "greater than or equal to 1"),
    "an empty match": Slip(
        "match:\n      vpcId: [vpc-logs]\n      tags: {enlist: [logs]}",
        "match: {}",
        "{}\n",
        "give at least one entry",
    ),
    "a fact of the other kind": Slip("vpcId: [vpc-logs]", "cpu: [4]", "[4]", "known facts: archType"),
    "a value without its list": Slip("[vpc-logs]", "vpc-logs", "vpc-logs\n", "expected an array"),
    "an operator that is not there": Slip(
        "[{prefix: cn-hangzhou}]", "[{prefx: cn}]", "[{prefx", "did you mean 'prefix'?"
    ),
    "peers of another kind": Slip("[es-cn-hub000000000001]", "everybody", "everybody", "or same-binding"),
    "a peer by another id": Slip("es-cn-hub000000000001", "i-1", "i-1", "such as es-cn-"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_the_shipped_file_is_refused_with_a_fix(tmp_path: Path, name: str) -> None:
    """The shipped file with one mistake is refused at its line and column, and told what to write."""
    slip = SLIPS[name]
    assert slip.old in SHIPPED
    text = SHIPPED.replace(slip.old, slip.new, 1)
    before = text[: text.index(slip.at)]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = {where: said for where, _, said in problems(tmp_path, text)}
    assert slip.words in found[place]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-11-01T00:00:00", "timezone"),
        ("2026-11-01 00:00:00", "timezone"),
        ("'2026-11-01T00:00:00'", "timezone"),
        ("2026-11-01", _TIME),
        ("2026", _TIME),
        ("1793844930.5", _TIME),
        ("'1793844930'", _TIME),
        ("true", _TIME),
        ("soon", _TIME),
        ("2026-13-01T00:00:00Z", "month value is outside expected range of 1-12"),
    ],
)
def test_created_after_is_a_time_with_a_zone_and_nothing_else(
    tmp_path: Path, value: str, message: str
) -> None:
    """A number is no time: read as seconds since 1970 it would keep no machine out."""
    text = GOOD_YAML.replace("cluster: c1", f"cluster: c1\n    created_after: {value}")
    [(where, field, said)] = problems(tmp_path, text)
    assert (where, field) == ("5:20", "edge[0].created_after")
    assert message in said


@pytest.mark.parametrize("value", ["0", "-1", "1001", "'10'", "2.5", "true", "many"])
def test_max_per_run_is_a_number_from_1_to_1000(tmp_path: Path, value: str) -> None:
    """A limit that could mean something else is refused where it stands."""
    text = GOOD_YAML.replace("cluster: c1", f"cluster: c1\n    max_per_run: {value}")
    assert [one[:2] for one in problems(tmp_path, text)] == [("5:18", "edge[0].max_per_run")]


@pytest.mark.parametrize("value", ["0", "101", "'5'"])
def test_max_peers_is_a_number_from_1_to_100(tmp_path: Path, value: str) -> None:
    """The same for the number of peers."""
    text = f"{GOOD_YAML}    max_peers: {value}\n"
    assert [one[:2] for one in problems(tmp_path, text)] == [("11:16", "search[0].max_peers")]


def test_a_name_used_twice_is_shown_where_it_is_used_again(tmp_path: Path) -> None:
    """Outcomes and logs name bindings, so the second use is refused, in its place."""
    again = "search:\n  - {name: logs, match: {vpcId: [a]}, region: cn-a, peers: same-binding}"
    found = problems(tmp_path, GOOD_YAML.replace("search:", again))
    assert found == [("8:11", "search[1].name", "the name 'logs' is used twice in search; names are unique")]


def test_every_mistake_is_shown_at_once(tmp_path: Path) -> None:
    """One run of the check is enough to mend a file."""
    text = GOOD_YAML.replace("c1", "c/1").replace("cn-beijing", "beijing").replace("hub1]", "hub1, hub2]")
    assert [one[:2] for one in problems(tmp_path, text)] == [
        ("4:14", "edge[0].cluster"),
        ("9:13", "search[0].region"),
        ("10:25", "search[0].peers[1]"),
    ]


def test_what_a_merge_key_brought_in_is_shown_at_the_binding(tmp_path: Path) -> None:
    """A value that stands elsewhere has no place here; the nearest thing above it has."""
    text = "edge:\n  - &one {name: one, match: {cpu: [4]}, cluster: c/1, region: cn-a}\n  - <<: *one\n"
    found = problems(tmp_path, text)
    assert [one[:2] for one in found] == [("2:50", "edge[0].cluster"), ("3:5", "edge[1].cluster")]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "1:1", "expected a mapping with edge and search"),
        ("# nothing\n", "1:1", "expected a mapping with edge and search"),
        ("- name: one\n", "1:1", "expected a mapping with edge and search"),
        ("edge\n", "1:1", "expected a mapping with edge and search"),
        ("edge: []\nsearch: []\n", "1:1", "no binding: give at least one under edge or search"),
        ("edge: [\n", "2:1", "not YAML: expected the node content"),
        ("edge:\n\t- name: one\n", "2:1", r"not YAML: found character '\t' that cannot start any token"),
        ("edge: []\nedge: []\n", "2:1", 'not YAML: found duplicate key "edge"'),
        ("edge: *one\n", "1:7", "not YAML: found undefined alias 'one'"),
        ("edge: []\n---\nedge: []\n", "2:1", "not YAML: but found another document"),
    ],
)
def test_a_file_that_is_no_mapping_of_bindings_is_refused(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    """What is wrong with the file as a whole names no field, and its place as nearly as it is known."""
    [(found, field, said)] = problems(tmp_path, text)
    assert (found, field) == (where, "")
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("edge: \x00\n", "not YAML: "),
        ("edge: !!int x\n", "not YAML: "),
        (f"edge: {'9' * 5000}\n", "not YAML: "),
        (f"edge: {'[' * 600}\n", "nested too deep"),
    ],
)
def test_what_the_parser_gives_no_place_for_is_still_a_clear_error(
    tmp_path: Path, text: str, message: str
) -> None:
    """No file ends in a traceback."""
    [(_, field, said)] = problems(tmp_path, text)
    assert field == ""
    assert said.startswith(message)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused with the file's name."""
    file = tmp_path / "bindings.yml"
    file.write_bytes(b"edge: \xff\n")
    with pytest.raises(ConfigurationError, match=r"no bindings: .*bindings\.yml cannot be read"):
        load_bindings(file)
