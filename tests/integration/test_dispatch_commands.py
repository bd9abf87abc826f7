"""`shouwang community dispatch ...` and `rosters ...`: what an installer types, and what he reads."""

from pathlib import Path

import pytest

from community.dispatch_file import read_yaml
from shouwang.cli import main

CONFIG = """
name: 阳光社区
broker: {url: "mqtt://127.0.0.1:1883"}
homes:
  - id: home-501
    gateway: gw-demo-0001
    address: 3号楼2-501
    resident: {id: resident-0001, name: 王桂兰}
"""
EXAMPLE = Path(__file__).parents[2] / "community" / "examples" / "dispatch.yaml"


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "community.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return str(file)


def run(config: str, *words: str) -> int:
    return main(["community", *words, "-c", config])


def add_operators(config: str) -> None:
    for login in ("zhang", "li", "chen"):
        assert run(config, "user", "add", login, "--login-link") == 0


ROUND_THE_CLOCK = """
duties:
  - {post: operator, person: zhang, from: "08:00", to: "20:00"}
  - {post: operator, person: li, from: "20:00", to: "08:00"}
  - {post: operator, person: chen, as: backup, from: "00:00", to: "00:00"}
"""


def test_the_example_comes_in_and_is_listed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "dispatch", "import", str(EXAMPLE)) == 0
    said = capsys.readouterr().out
    assert "units: 9" in said
    assert "responders: 6" in said
    assert run(config, "dispatch", "list") == 0
    said = capsys.readouterr().out
    assert "liu-fang  刘芳, 网格员, 13900000001: tier 1" in said


def test_a_dry_run_changes_nothing(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "dispatch", "import", str(EXAMPLE), "--dry-run") == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert run(config, "dispatch", "list") == 0
    assert "nobody could be sent now" in capsys.readouterr().out


def test_csv_comes_in_after_its_units(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = tmp_path / "people.csv"
    people.write_text("id,name,unit,phone\nliu,刘芳,grid,13900000001\n", encoding="utf-8-sig")
    assert run(config, "dispatch", "import", str(people)) == 1
    assert "which nobody knows here" in capsys.readouterr().err
    units = tmp_path / "units.csv"
    units.write_text("id,name,kind\ngrid,网格,grid\n", encoding="utf-8")
    assert run(config, "dispatch", "import", str(units)) == 0
    assert run(config, "dispatch", "import", str(people)) == 0
    assert "responders: 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"\xff\xfe\x00", "is not UTF-8"), (b"units: 3\n", "dispatch.yaml:1")],
)
def test_a_file_of_no_use_is_told_in_words(
    config: str, tmp_path: Path, content: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dispatch.yaml"
    if content is not None:
        file.write_bytes(content)
    assert run(config, "dispatch", "import", str(file)) == 1
    assert said in capsys.readouterr().err


def test_the_check_tells_hours_grids_homes_and_telephones(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_operators(config)
    file = tmp_path / "dispatch.yaml"
    file.write_text(
        """
units: [{id: grid, name: 网格, kind: grid}]
responders:
  - {id: liu, name: 刘芳, unit: grid, phone: "13900000001"}
  - {id: mute, name: 无号码, unit: grid}
grids: [{id: grid-7, worker: liu, backup: mute}]
duties: [{post: operator, person: zhang, from: "08:00", to: "20:00"}]
""",
        encoding="utf-8",
    )
    assert run(config, "dispatch", "import", str(file)) == 0
    capsys.readouterr()
    assert run(config, "rosters", "check", "--days", "2") == 1
    said = capsys.readouterr().out
    assert "lacks an operator and a back-up" in said
    assert "lacks a back-up" in said
    assert "mute: no telephone number" in said
    assert "2 days from now:" in said


def test_a_roster_without_a_gap_passes_and_an_absence_is_found(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_operators(config)
    file = tmp_path / "dispatch.yaml"
    file.write_text(ROUND_THE_CLOCK, encoding="utf-8")
    assert run(config, "dispatch", "import", str(file)) == 0
    assert run(config, "rosters", "check") == 0
    assert "no hour and no grid is without a person and a back-up" in capsys.readouterr().out
    words = ("--from", "2026-12-01T08:00", "--to", "2126-12-02T08:00", "--reason", "病假")
    assert run(config, "rosters", "absent", "ghost", *words) == 1
    assert run(config, "rosters", "absent", "zhang", "--from", "2026-12-02T08:00", "--to", "2026-12-01T08:00") == 1
    assert run(config, "rosters", "absent", "chen", "--from", "2000-01-01T08:00", "--to", "2126-12-02T08:00") == 0
    capsys.readouterr()
    assert run(config, "rosters", "check", "--days", "1") == 1
    assert "lacks a back-up" in capsys.readouterr().out
    assert run(config, "rosters", "check", "--days", "0") == 1


def test_the_example_is_a_file_of_this_kind() -> None:
    file = read_yaml(EXAMPLE.read_text(encoding="utf-8"), name="dispatch.yaml")
    people = {one.id for one in file.responders or ()}
    assert {grid.worker for grid in file.grids or ()} | {grid.backup for grid in file.grids or ()} <= people
