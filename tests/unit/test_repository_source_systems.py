"""The table of source systems names tests and files that are there, and leaves out no row of the core."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = [
    *(f"S{number:02d}" for number in (*range(1, 10), 15, 16, 17, 18, 19, 20, 27, 28, 29, 32)),
    *(f"S{number}" for number in (47, 48, 78, 79, 81, 82, 83, 84, 86, 88, 89, 90, 95, 96, 97, 98, 99, 107)),
]


def rows() -> dict[str, list[str]]:
    text = (ROOT / "docs/source-systems.md").read_text(encoding="utf-8")
    table = [line.split("|")[1:-1] for line in text.splitlines() if re.match(r"\| S\d", line)]
    return {cells[0].strip(): [cell.strip() for cell in cells] for cells in table}


def test_no_row_of_the_core_is_left_out() -> None:
    assert list(rows()) == CORE


@pytest.mark.parametrize("row", CORE)
def test_what_a_row_names_is_there(row: str) -> None:
    _, what, part, shown = rows()[row]
    assert what
    assert re.findall(r"`([^`]+)`", part), f"{row}: nothing does it"
    named = re.findall(r"`([^`]+)`", shown)
    assert named or "open" in shown, f"{row}: neither shown nor open"
    for name in named:
        file, _, function = name.partition("::")
        assert (ROOT / file).is_file(), name
        assert re.search(rf"def {re.escape(function)}\(", (ROOT / file).read_text(encoding="utf-8")), name


@pytest.mark.parametrize("row", CORE)
def test_parts_that_are_files_are_there(row: str) -> None:
    for name in re.findall(r"`([a-z]+/[^`]*)`", rows()[row][2]):
        assert list(ROOT.glob(name)), f"{row}: there is no {name}"
