"""Looking over a call: what makes a review whole."""

from fractions import Fraction

import pytest
from fixtures.casework import BEGIN

from community.call_review import CRITERIA, Review, checked
from community.casefile import NotNow

FULL = dict.fromkeys(CRITERIA, 4)
BOSS = frozenset({"boss", "person-7"})


def test_points_for_everything_and_words_make_a_review() -> None:
    assert checked(dict(reversed(FULL.items())), "well done", handler="li", reviewers=BOSS) == FULL
    assert list(checked(dict(reversed(FULL.items())), "well done", handler="li", reviewers=BOSS)) == list(CRITERIA)


@pytest.mark.parametrize(
    ("marks", "words", "handler"),
    [
        (FULL, "ok", "boss"),
        (FULL, "ok", "person-7"),
        (FULL, " \n", "li"),
        ({**FULL, "manner": 6}, "ok", "li"),
        ({**FULL, "manner": 0}, "ok", "li"),
        (dict.fromkeys(list(CRITERIA)[1:], 4), "ok", "li"),
        ({**FULL, "shoes": 4}, "ok", "li"),
    ],
)
def test_what_is_left_out_or_about_oneself_is_refused(marks: dict[str, int], words: str, handler: str) -> None:
    with pytest.raises(NotNow):
        checked(marks, words, handler=handler, reviewers=BOSS)


def test_the_mean_is_exact() -> None:
    review = Review(
        review_id=1,
        month="2026-11",
        handler="li",
        incident_id=1,
        by="boss",
        at=BEGIN,
        marks={**FULL, "manner": 5},
        words="",
    )
    assert review.mean == Fraction(25, 6)
