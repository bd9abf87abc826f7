"""Files for spreadsheets: no word in them is carried out."""

import csv
import io

import pytest

from community.web.spreadsheet import spreadsheet


def cells(*values: object) -> list[str]:
    text = bytes(spreadsheet([values], name="x.csv").body).decode()
    (row,) = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return row


@pytest.mark.parametrize("sign", [*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r", "\n"])
def test_word_that_begins_like_a_formula_is_marked_as_a_word(sign: str) -> None:
    assert cells(f"{sign}cmd()", "a") == [f"'{sign}cmd()", "a"]


def test_names_and_numbers_stay_as_they_are() -> None:
    assert cells("王桂兰", -1, 2.5, None, "a=b", "") == ["王桂兰", "-1", "2.5", "", "a=b", ""]
