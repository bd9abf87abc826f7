"""Text can be read: WCAG 2.2 contrast, 4.5 : 1, of each pair of colours that the style sheet puts together."""

import re

import pytest

from community.web import assets

NAMED = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", (assets.folder() / "console.css").read_text(encoding="utf-8")))

PAIRS = [
    *(("on-p", priority) for priority in ("p1", "p2", "p3", "p4")),
    *((text, ground) for text in ("ink", "soft") for ground in ("paper", "ground", "p1-tint", "p2-tint")),
    *((text, "paper") for text in ("go", "ok", "bad", "p1")),
    ("on-go", "go"),
    ("on-top", "top"),
    ("on-warn", "warn"),
    *((f"on-{state}", state) for state in ("cut", "silent", "battery", "away", "test-due", "well")),
    *(
        (text, ground)
        for text in ("on-wall", "wall-soft", "wall-ok", "wall-warn", "wall-bad")
        for ground in ("wall", "wall-card")
    ),
]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out(text: str, ground: str) -> None:
    assert contrast(NAMED[text], NAMED[ground]) >= 4.5


def test_priorities_have_the_agreed_colours() -> None:
    assert [NAMED[p] for p in ("p1", "p2", "p3", "p4")] == ["#b00020", "#b45309", "#1d4ed8", "#374151"]
