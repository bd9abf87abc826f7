"""Text in columns for a terminal, where a Chinese character is as wide as two Latin ones. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GAP = "  "


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """`rank`: where there is no room, the columns with the highest rank go first, 0 never.

    `least`: how narrow it may be cut; `is_number`: it stands to the right.
    """

    title: str
    rank: int = 0
    least: int = 4
    is_number: bool = False


def width_of(text: str) -> int:
    """How many cells it takes."""
    return sum(_cells(char) for char in text)


def cut(text: str, width: int) -> str:
    """As much of it as has room, with a mark where it was cut. Characters that would move the cursor go."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    if width_of(plain) <= width:
        return plain
    kept, used = "", 0
    for char in plain:
        if used + _cells(char) > width - 1:
            break
        kept, used = kept + char, used + _cells(char)
    return kept + "…" if width > 0 else ""


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The title and the rows, each not wider than `width`."""
    sizes = [
        max(width_of(cell) for cell in (column.title, *cells)) for column, *cells in zip(columns, *rows, strict=True)
    ]
    shown = list(range(len(columns)))
    while _total(sizes, shown) > width:
        spare = [index for index in shown if columns[index].rank]
        if not spare:
            break
        shown.remove(max(spare, key=lambda index: columns[index].rank))
    while _total(sizes, shown) > width:
        wide = max(shown, key=lambda index: sizes[index] - columns[index].least)
        if sizes[wide] <= columns[wide].least:
            break
        sizes[wide] -= 1
    titles = [column.title for column in columns]
    return [
        cut(_row([columns[i] for i in shown], [row[i] for i in shown], [sizes[i] for i in shown]), width)
        for row in (titles, *rows)
    ]


def _total(sizes: Sequence[int], shown: Sequence[int]) -> int:
    return sum(sizes[index] for index in shown) + len(GAP) * (len(shown) - 1)


def _row(columns: Sequence[Column], cells: Sequence[str], sizes: Sequence[int]) -> str:
    return GAP.join(
        _padded(cell, size, column) for column, cell, size in zip(columns, cells, sizes, strict=True)
    ).rstrip()


def _padded(text: str, width: int, column: Column) -> str:
    shown = cut(text, width)
    room = " " * (width - width_of(shown))
    return room + shown if column.is_number else shown + room


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
