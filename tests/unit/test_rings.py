"""What desks told, in short: how many rang and how soon, and whether a desk is mute by its last word."""

from datetime import UTC, datetime, timedelta

import pytest

from community.rings import Cause, DeskSound, Heard, Mute, Rung, heard_of, unheard_why
from community.web.ring_words import CAUSES, MUTES, after

OPENED = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def rung(login: str, rang_s: float | None) -> Rung:
    rang_at = None if rang_s is None else OPENED + timedelta(seconds=rang_s)
    return Rung(
        login=login,
        rang_at=rang_at,
        cause=None,
        seq=None,
        after_ms=None,
        was_visible=None,
        mute_at=OPENED if rang_at is None else None,
        mute=None,
    )


@pytest.mark.parametrize(
    ("rang", "desks", "after_s", "mute"),
    [((), 0, None, 0), ((2, 0.3, None), 2, 0.3, 1), ((None,), 0, None, 1), ((-5,), 1, 0, 0)],
)
def test_case_in_short(rang: tuple[float | None, ...], desks: int, after_s: float | None, mute: int) -> None:
    found = heard_of([rung(str(number), one) for number, one in enumerate(rang)], OPENED)
    first = None if after_s is None else timedelta(seconds=after_s)
    assert found == Heard(desks=desks, after=first, mute=mute)


@pytest.mark.parametrize(
    ("rang_s", "mute_s", "is_mute", "rings"),
    [
        (None, None, False, False),
        (1, None, False, True),
        (None, 1, True, False),
        (2, 1, False, True),
        (1, 2, True, False),
    ],
)
def test_last_word_of_a_desk_counts(rang_s: int | None, mute_s: int | None, *, is_mute: bool, rings: bool) -> None:
    rang_at, mute_at = (None if one is None else OPENED + timedelta(seconds=one) for one in (rang_s, mute_s))
    desk = DeskSound(login="zhang", rang_at=rang_at, mute_at=mute_at)
    assert (desk.is_mute, desk.rings) == (is_mute, rings)


@pytest.mark.parametrize(("seconds", "said"), [(0.3, "0.3 s"), (61, "1:01"), (3725, "1:02:05")])
def test_time_until_the_first_ring_is_short(seconds: float, said: str) -> None:
    assert after(timedelta(seconds=seconds)) == said


def test_everything_has_its_words() -> None:
    assert (set(CAUSES), set(MUTES)) == (set(Cause), set(Mute))
    assert "3" in unheard_why(3).zh
    assert "3" in unheard_why(3).en
