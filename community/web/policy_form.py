"""The form over the numbers of a workflow: what stands in its fields, and what people have written into them. Pure."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from community.policy import ON_LADDER, Numbers, RungNumbers
from shouwang.alert import Sentence
from shouwang.complaint import duration_text
from shouwang.document import Duration

Written = Mapping[str, tuple[str, ...]]
"""By the name of a field, what stands in it; of checkboxes, those that are set."""

_MS = timedelta(milliseconds=1)
_duration = TypeAdapter(Duration)


def written(numbers: Numbers) -> Written:
    """These numbers, as the fields hold them."""
    found: dict[str, tuple[str, ...]] = {}
    for name, limits in numbers.limits.items():
        for priority, ms in limits.items():
            found[f"limit.{name}.{priority}"] = (text_of(ms),)
    for name, shares in numbers.yellow.items():
        for priority, share in shares.items():
            found[f"yellow.{name}.{priority}"] = (str(share),)
    for priority, rungs in numbers.ladder.items():
        for number, rung in enumerate(rungs):
            found[f"at.{priority}.{number}"] = (text_of(rung.at_ms),)
            found[f"call.{priority}.{number}"] = rung.call
            if rung.again_ms is not None:
                found[f"again.{priority}.{number}"] = (text_of(rung.again_ms),)
    return found


def read(form: Written, like: Numbers) -> tuple[Numbers, tuple[Sentence, ...]]:
    """The numbers of a form of this shape, and what in it cannot be read."""
    problems: list[Sentence] = []

    def ms(field: str) -> int:
        return _read(form, field, _ms, problems)

    def per_cent(field: str) -> int:
        return _read(form, field, lambda text: int(text.removesuffix("%").strip()), problems)

    limits = {name: {priority: ms(f"limit.{name}.{priority}") for priority in row} for name, row in like.limits.items()}
    yellow = {
        name: {priority: per_cent(f"yellow.{name}.{priority}") for priority in row} for name, row in like.yellow.items()
    }
    ladder = {
        priority: tuple(
            RungNumbers(
                at_ms=ms(f"at.{priority}.{number}"),
                call=tuple(one for one in ON_LADDER if one in form.get(f"call.{priority}.{number}", ())),
                again_ms=None if rung.again_ms is None else ms(f"again.{priority}.{number}"),
            )
            for number, rung in enumerate(rungs)
        )
        for priority, rungs in like.ladder.items()
    }
    return Numbers(limits=limits, yellow=yellow, ladder=ladder), tuple(problems)


def text_of(ms: int) -> str:
    """A time as it is written: 90s, 3m, 2h."""
    return duration_text(ms * _MS)


def _read(form: Written, field: str, reader: Callable[[str], int], problems: list[Sentence]) -> int:
    text = next(iter(form.get(field, ())), "").strip().replace(" ", "")
    try:
        return reader(text)
    except (ValidationError, ValueError, OverflowError):
        said = text[:20] or "–"
        problems.append(
            Sentence(
                zh=f"看不懂“{said}”：时间写作 90s、3m 或 2h，黄牌写百分数",
                en=f'"{said}" cannot be read: write a time as 90s, 3m or 2h, and yellow in per cent',
            )
        )
        return 0


def _ms(text: str) -> int:
    return _duration.validate_python(text) // _MS
