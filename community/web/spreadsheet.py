"""A table as a file for spreadsheets, in which no cell is a formula: names come from people, and may be anything."""

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi.responses import Response

_FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""A spreadsheet would carry out words that begin so, in full width as in half. Numbers are no words."""


def spreadsheet(rows: Iterable[Sequence[object]], *, name: str) -> Response:
    """The rows, the head first, as a file called so; UTF-8 with a mark, by which spreadsheets know it."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in row] for row in rows)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return "" if value is None else value
