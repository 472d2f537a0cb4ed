"""`./dev ram`, its check, and the page that explains the files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.enlist_bindings import GOOD_YAML
from tests.support.product import ACCOUNT, ROOT
from tools.ram.__main__ import main
from tools.ram.documents import NETWORK, SERVICE_LINKED
from tools.ram.table import EDGE, SEARCH

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"attach-instances.json", "add-connectable-cluster.json", "deploy.json", "trust.json", "vpc.json"}


@pytest.fixture
def bindings(tmp_path: Path) -> Path:
    """A good bindings file."""
    file = tmp_path / "bindings.yaml"
    file.write_text(GOOD_YAML)
    return file


def run(folder: Path, *arguments: str | Path, **environment: str) -> int:
    """The command's exit status; its files are in `folder`."""
    return main([*map(str, arguments), "--folder", str(folder)], environment)


def test_the_files_of_the_repository_are_rendered(capsys: pytest.CaptureFixture[str]) -> None:
    """`ram/` is what bindings.yaml and s.yaml need, for whoever takes it as it is."""
    assert main(["--check"], {}) == 0
    assert capsys.readouterr().out == "ram: what the bindings need\n"


def test_it_writes_what_it_checks(tmp_path: Path, bindings: Path) -> None:
    """What was rendered is good, for any account and either sight."""
    for number, options in enumerate(
        [[], ["--account", ACCOUNT], ["--sight", "bound"], ["--sight", "bound", "--account", ACCOUNT]]
    ):
        folder = tmp_path / str(number)
        assert run(folder, bindings, *options) == 0
        assert {file.name for file in folder.iterdir()} == FILES
        assert all(json.loads(file.read_text())["Version"] == "1" for file in folder.iterdir())
        assert run(folder, bindings, "--check") == 0


def test_the_environment_names_the_bindings(tmp_path: Path, bindings: Path) -> None:
    """ENLIST_BINDINGS is the file when none is named."""
    assert run(tmp_path / "ram", ENLIST_BINDINGS=str(bindings)) == 0
    assert "cluster/c1" in (tmp_path / "ram/attach-instances.json").read_text()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("cluster: c1", "cluster: c2"), "attach-instances.json"),
        (("region: cn-beijing", "region: cn-beijing\n    mode: apply"), "add-connectable-cluster.json"),
    ],
)
def test_a_change_of_bindings_is_noticed(
    tmp_path: Path, bindings: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], named: str
) -> None:
    """When bindings need something else, the check fails, names the file and says what to run."""
    assert run(tmp_path / "ram", bindings) == 0
    bindings.write_text(GOOD_YAML.replace(*change))
    assert run(tmp_path / "ram", bindings, "--check") == 1
    assert capsys.readouterr().err == f"ram: not what bindings and s.yaml need ({named}); run ./dev ram\n"


def test_a_change_of_a_file_is_noticed(tmp_path: Path, bindings: Path) -> None:
    """A policy that was widened by hand, or is gone, fails the check."""
    folder = tmp_path / "ram"
    assert run(folder, bindings) == 0
    file = folder / "attach-instances.json"
    file.write_text(file.read_text().replace("cs:DescribeTaskInfo", "cs:*"))
    assert run(folder, bindings, "--check") == 1
    file.unlink()
    assert run(folder, bindings, "--check") == 1


def test_bad_bindings_give_their_own_errors(
    tmp_path: Path, bindings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Problems of the bindings are told with file, line and column, and nothing is written."""
    bindings.write_text(GOOD_YAML.replace("region: cn-hangzhou", "region: nowhere"))
    assert run(tmp_path / "ram", bindings) == 1
    assert f"{bindings}:5:13: edge[0].region: expected a region id" in capsys.readouterr().err
    assert not (tmp_path / "ram").exists()


def test_another_stage(tmp_path: Path, bindings: Path) -> None:
    """A stage has policies of its own, with its own names."""
    stage = ("--template", ROOT / "s.prod.yaml")
    assert run(tmp_path / "ram/prod", bindings, *stage) == 0
    assert "enlist-prod-dead-letters" in (tmp_path / "ram/prod/attach-instances.json").read_text()
    assert run(tmp_path / "ram/prod", bindings, "--check", *stage) == 0
    assert run(tmp_path / "ram/prod", bindings, "--check") == 1


def test_a_function_without_a_role_is_refused(
    tmp_path: Path, bindings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An s.yaml that does not say what a policy must name is refused, and it says what is missing."""
    template = tmp_path / "s.yaml"
    folders = {key: str(ROOT / "functions" / key) for key in ("attach_instances", "add_connectable_cluster")}
    props = {key: {"props": {"code": folder, "role": ""}} for key, folder in folders.items()}
    template.write_text(json.dumps({"extend": str(ROOT / "s.yaml"), "resources": props}))
    assert run(tmp_path / "ram", bindings, "--template", template) == 1
    assert "attach_instances: s.yaml must name its role" in capsys.readouterr().err


def test_a_wrong_account_is_refused(
    tmp_path: Path, bindings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account is digits or `*`."""
    with pytest.raises(SystemExit):
        run(tmp_path / "ram", bindings, "--account", "acs:*")
    assert "expected digits or *" in capsys.readouterr().err


def test_the_page_explains_every_permission() -> None:
    """The tables of ram/README.md are those of the code."""
    page = (ROOT / "ram/README.md").read_text(encoding="utf-8")
    for one in (*EDGE, *SEARCH):
        actions = ", ".join(f"`{action}`" for action in one.actions)
        assert f"| {actions} | {one.reach.value} | {one.why} | {one.unsure} |" in page
    assert all(service.partition(".")[0] in page for service in SERVICE_LINKED)
    assert all(f"`{action}`" in page for action in NETWORK)
