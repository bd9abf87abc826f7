"""What the server says to people in the two languages of the house: timeline entries, and words for the home."""

from collections.abc import Mapping
from datetime import timedelta

from community.alert_refs import AlertRef
from community.desk import Action, Disposition, State
from community.incidents import (
    LIFE_LANE,
    Acked,
    AlertJoined,
    Closed,
    Event,
    Noted,
    Opened,
    Refused,
    StepJoined,
)
from shouwang.alert import Alert, AlertState, Sentence

HELP_IS_COMING = Sentence(
    zh="值班人员已收到您的求助，正在联系您，帮助马上就到。", en="The centre has your call. Help is coming."
)
FAULT_IS_SEEN = Sentence(
    zh="值班人员已知道设备的问题，正在处理。", en="The centre has seen the fault in your equipment and looks after it."
)

UNREADABLE = Sentence(
    zh="这一户报警通道上的一条信息无法读取，可能是一次报警。请打电话到家中询问。",
    en="A message on the alarm channel of this home could not be read; it may be an alarm. Call the home.",
)

_ACTIONS: Mapping[Action, Sentence] = {
    Action.ACK: Sentence(zh="接警", en="take the case"),
    Action.CLOSE: Sentence(zh="结案", en="close the case"),
    Action.NOTE: Sentence(zh="记录", en="add a note"),
}
_DISPOSITIONS: Mapping[Disposition, Sentence] = {
    Disposition.HELPED: Sentence(zh="已在家中解决", en="helped at home"),
    Disposition.FALSE_ALARM: Sentence(zh="误报", en="false alarm"),
    Disposition.TEST: Sentence(zh="测试", en="test"),
    Disposition.TECHNICAL_FIXED: Sentence(zh="故障已排除", en="technical fault fixed"),
    Disposition.HOSPITAL: Sentence(zh="已送医院", en="taken to hospital"),
    Disposition.DECEASED: Sentence(zh="已故", en="deceased"),
}
_STATES: Mapping[State, Sentence] = {
    State.OPEN: Sentence(zh="待接警", en="waiting"),
    State.ACKED: Sentence(zh="处置中", en="in hand"),
    State.CLOSED: Sentence(zh="已结案", en="closed"),
}
_STEPS: Mapping[AlertState, Sentence] = {
    AlertState.PREALARM: Sentence(zh="家中询问中", en="asking at home"),
    AlertState.FIRING: Sentence(zh="报警", en="alarm"),
    AlertState.CANCELLED: Sentence(zh="家中已取消", en="cancelled at home"),
    AlertState.RESOLVED: Sentence(zh="家中已解除", en="ended at home"),
}


def told_late(why: Sentence, took: timedelta | None) -> Sentence:
    """The reason of an alarm that was raised long before it came, with how long it took where that is known."""
    if took is None or took < timedelta(minutes=1):
        return Sentence(zh=f"【迟到】{why.zh}", en=f"LATE: {why.en}")
    hours, minutes = divmod(took // timedelta(minutes=1), 60)
    days, hours = divmod(hours, 24)
    zh = f"{days}天" * (days > 0) + f"{hours}小时" * (hours > 0) + f"{minutes}分" * (days == 0)
    en = " ".join([f"{days} d"] * (days > 0) + [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (days == 0))
    return Sentence(zh=f"【迟到{zh}】{why.zh}", en=f"LATE by {en}: {why.en}")


def told_by_sms(why: Sentence) -> Sentence:
    """The reason of an alarm that came by SMS, since the home's internet was down."""
    return Sentence(zh=f"【短信】{why.zh}", en=f"by SMS: {why.en}")


def told_to_home(lane: str) -> Sentence:
    """What the home says when an operator takes a case of this lane."""
    return HELP_IS_COMING if lane == LIFE_LANE else FAULT_IS_SEEN


def told_in_timeline(
    event: Event, state: State, actor: str, alerts: Mapping[str, Alert], notes: Mapping[str, str]
) -> Sentence:
    """One event as a sentence. `alerts` by id and `notes` by id give the words; what was erased is said to be so."""
    match event:
        case Opened() | AlertJoined() | StepJoined():
            return _of_alerts(event.alerts, alerts)
        case Acked():
            return Sentence(zh=f"{actor} 接警", en=f"{actor} took the case")
        case Noted():
            return _with_note(Sentence(zh=f"{actor} 记录", en=f"{actor} noted"), event.note_id, notes)
        case Closed():
            how = _DISPOSITIONS[event.disposition]
            ended = Sentence(zh=f"{actor} 结案（{how.zh}）", en=f"{actor} closed the case ({how.en})")
            return _with_note(ended, event.note_id, notes)
        case Refused():
            wish, now = _ACTIONS[event.action], _STATES[state]
            return Sentence(
                zh=f"{actor} 想{wish.zh}，未执行：警情{now.zh}，已有变化或不允许",
                en=f"{actor} wanted to {wish.en}: not done, the case is {now.en} and had changed or does not allow it",
            )


def _of_alerts(refs: tuple[AlertRef, ...], alerts: Mapping[str, Alert]) -> Sentence:
    said = [_of_alert(ref, alerts.get(ref.alert_id)) for ref in refs]
    return Sentence(zh="；".join(words.zh for words in said), en="; ".join(words.en for words in said))


def _of_alert(ref: AlertRef, alert: Alert | None) -> Sentence:
    step = _STEPS[ref.state]
    why = alert.why if alert else Sentence(zh=ref.hazard, en=ref.hazard)
    late = Sentence(
        zh=f"（迟到：发生于 {ref.since:%Y-%m-%d %H:%M} UTC）", en=f" (LATE: of {ref.since:%Y-%m-%d %H:%M} UTC)"
    )
    is_late = ref.is_late
    return Sentence(
        zh=f"{step.zh}：{why.zh}{late.zh if is_late else ''}", en=f"{step.en}: {why.en}{late.en if is_late else ''}"
    )


def _with_note(said: Sentence, note_id: str, notes: Mapping[str, str]) -> Sentence:
    words = notes.get(note_id)
    if words is None:
        return Sentence(zh=f"{said.zh}：（文字已删除）", en=f"{said.en}: (words erased)")
    return Sentence(zh=f"{said.zh}：{words}", en=f"{said.en}: {words}") if words else said
