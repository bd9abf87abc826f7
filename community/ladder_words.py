"""What each rung of a case's ladder does, in words."""

from collections.abc import Sequence

from community.around import Step
from community.casefile import Case
from community.step_words import name_of_audience
from community.workflow import Rung, kept_workflow
from shouwang.alert import Sentence

_OFFERS = Sentence(zh="自动派单给最合适的救助人员", en="the best responder is asked by itself")
_DIAL = Sentence(zh="全屏提示“请拨 120”", en="all consoles say CALL 120 NOW")


def rungs(case: Case) -> tuple[Step, ...]:
    """All of them, the first one first; none where its priority has no ladder."""
    ladder: Sequence[Rung] = kept_workflow(case.workflow, case.policy).ladder.get(case.priority, ())
    return tuple(Step(at=rung.at, says=_says(rung), is_climbed=place <= case.rung) for place, rung in enumerate(ladder))


def _says(rung: Rung) -> Sentence:
    called = [name_of_audience(one) for one in rung.call]
    told = [*([_OFFERS] if rung.do else []), *([_DIAL] if rung.prompt else [])]
    zh = ["呼叫" + "、".join(one.zh for one in called)] if called else []
    en = ["calls " + ", ".join(one.en for one in called)] if called else []
    return Sentence(zh="；".join([*zh, *(one.zh for one in told)]), en="; ".join([*en, *(one.en for one in told)]))
