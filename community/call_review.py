"""Looking over a call: what a supervisor judges, and what makes a review whole. Pure.

Which calls are looked over is drawn by lot (community.kpi_sample): two of each person and month, one of them a life
alarm from end to end (TSA code of practice, telecare service delivery module).
"""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction

import msgspec

from community.casefile import NotNow
from shouwang.alert import Sentence
from shouwang.reading import Moment

CRITERIA: Mapping[str, Sentence] = {
    "answer": Sentence(zh="接听及时，先报中心名称", en="answered at once, and said who was speaking"),
    "identity": Sentence(zh="核对姓名与住址", en="made sure who it was and where"),
    "script": Sentence(zh="按脚本询问，不漏关键问题", en="asked what the script asks, nothing needed left out"),
    "decision": Sentence(zh="处置决定恰当、及时", en="sent the right help, in time"),
    "manner": Sentence(zh="语气平和，安抚到位", en="spoke calmly, and stayed with the person"),
    "record": Sentence(zh="记录完整，交接清楚", en="wrote down all that the next one must know"),
}
"""What is judged, by code (ours): old codes stay, for reviews name them."""
LEAST, MOST = 1, 5
"""Points for each, as the score of a call-back has them."""
MAX_WORDS = 2000
_NO_WORDS = Sentence(zh="请写几句：好在哪里，哪里要改进", en="say in a few words what was good and what to do better")


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was looked over. `words` None: erased."""

    review_id: int
    month: str
    handler: str
    incident_id: int
    by: str
    at: Moment
    marks: dict[str, int]
    words: str | None
    seen_at: datetime | None = None

    @property
    def mean(self) -> Fraction:
        """Of its points."""
        return Fraction(sum(self.marks.values()), len(self.marks))


def checked(marks: Mapping[str, int], words: str, *, handler: str, reviewers: frozenset[str]) -> dict[str, int]:
    """The points in the order of the criteria. `reviewers`: all names of who reviews.

    Raises NotNow where something is left out, or he would review himself.
    """
    if handler in reviewers:
        raise NotNow(Sentence(zh="不能复核自己经手的警情", en="nobody reviews his own calls"))
    if set(marks) != set(CRITERIA):
        raise NotNow(Sentence(zh="请给每一项打分", en="give points for every criterion"))
    if any(not LEAST <= points <= MOST for points in marks.values()):
        raise NotNow(Sentence(zh=f"分数为 {LEAST} 至 {MOST} 分", en=f"points go from {LEAST} to {MOST}"))
    if not words.strip():
        raise NotNow(_NO_WORDS)
    return {code: marks[code] for code in CRITERIA}
