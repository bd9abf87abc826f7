"""The picture of an authenticator app's address: what a telephone would read in it."""

import re

import pytest
import segno

from community import qr, totp

ADDRESS = totp.address("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "zhang", "阳光社区 · 一号楼")


def modules(svg: str) -> set[tuple[int, int]]:
    """The dark squares of the picture, from 0 without its border."""
    line = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert line is not None
    x, y, found = 0.0, 0.0, set()
    for kind, numbers in re.findall(r"([Mmh])([^Mmh]*)", line[1]):
        values = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
        if kind == "h":
            found |= {(int(x) + step - 4, int(y) - 4) for step in range(int(values[0]))}
            x += values[0]
        else:
            x, y = (values[0], values[1]) if kind == "M" else (x + values[0], y + values[1])
    return found


def test_picture_is_the_code_of_this_very_address() -> None:
    expected = segno.make(ADDRESS, micro=False, error="m").matrix
    dark = {(x, y) for y, row in enumerate(expected) for x, module in enumerate(row) if module}
    assert modules(qr.picture(ADDRESS, "x")) == dark


def test_picture_has_words_a_quiet_zone_and_nothing_that_the_policy_forbids() -> None:
    drawn = qr.picture(ADDRESS, 'code "of" <the> app')
    assert drawn.startswith('<svg role="img" aria-label="code &#34;of&#34; &lt;the&gt; app" viewBox="0 0 ')
    assert "style" not in drawn
    assert "script" not in drawn
    size = segno.make(ADDRESS, micro=False, error="m").symbol_size(border=4)[0]
    assert f'viewBox="0 0 {size} {size}"' in drawn
    assert ADDRESS not in drawn


def test_terminal_gets_white_on_black_whatever_its_own_colours_are() -> None:
    lines = qr.blocks(ADDRESS, "utf-8").splitlines()
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in lines)
    widths = {len(line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m")) for line in lines}
    assert widths == {segno.make(ADDRESS, micro=False, error="l").symbol_size(border=4)[0]}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no-such-thing"])
def test_terminal_without_such_letters_gets_none(encoding: str) -> None:
    assert qr.blocks(ADDRESS, encoding) == ""
