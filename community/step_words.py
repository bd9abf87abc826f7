"""One step of a case as a sentence for its timeline, in both languages. Words only."""

from collections.abc import Iterable, Mapping

from community import first_cases
from community.alert_refs import AlertRef
from community.call_scripts import in_words
from community.casefile import Call, Card, Colour, Denied, Directed, Excused, Order, Reviewed, Step
from community.excuses import EXCUSES
from community.first_cases import FirstEvent
from shouwang.alert import Alert, AlertState, Sentence

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "ack": ("接警", "took the case"),
    "release": ("退回待接", "gave the case back"),
    "hand_over": ("移交给 {to}", "handed the case over to {to}"),
    "take_over": ("接管", "took the case over"),
    "dispatch": ("派单给 {to}", "sent for {to}"),
    "accept": ("接单", "accepted and sets out"),
    "decline": ("拒单", "declined"),
    "arrive": ("到达现场", "is at the door"),
    "call_unit": ("请求协助：{to}", "called in {to}"),
    "unit_accept": ("{to} 答应协助", "agreed to help {to}"),
    "unit_decline": ("{to} 不能协助", "cannot help {to}"),
    "offer_next": ("改派下一位 {to}", "asked the next one, {to}"),
    "ping": ("报平安", "said that all is well"),
    "resolve_remote": ("电话处置（{how}）", "settled it from here ({how})"),
    "report": ("反馈结果（{how}）", "reported the result ({how})"),
    "call_120": ("联系 120", "called 120"),
    "call_119": ("联系 119", "called 119"),
    "call_110": ("联系 110", "called 110"),
    "verify_ok": ("核实无误", "verified the result"),
    "verify_bad": ("核实有疑问，退回处置", "found the result wanting: back to work"),
    "revisit_missed": ("回访未接通", "called back: not reached"),
    "revisit_unreached": ("多次回访未接通，结案", "closed it: not reached by several calls"),
    "revisit_ok": ("回访满意", "called back: content"),
    "revisit_bad": ("回访不满意，重新处置", "called back: not content, back to work"),
    "mark_test": ("标记为测试", "marked it as a test"),
    "mark_false": ("标记为误报", "marked it as a false alarm"),
    "merge": ("并入 {into} 号", "merged it into no. {into}"),
    "note": ("记录", "noted"),
    "correct": ("更正", "corrected"),
    "let_go": ("放行", "let it go on"),
    "clear": ("原因已消除，自动结案", "closed it: its cause has ended"),
    "sample": ("原因已消除，抽查核实", "its cause has ended: sampled to be looked at"),
    "excuse": ("免责", "excused a card"),
    "close": ("结案", "closed the case"),
}
_DISPOSITIONS: Mapping[str, tuple[str, str]] = {
    "helped": ("已在家中解决", "helped at home"),
    "false_alarm": ("误报", "false alarm"),
    "test": ("测试", "test"),
    "technical_fixed": ("故障已排除", "technical fault fixed"),
    "hospital": ("已送医院", "taken to hospital"),
    "deceased": ("已故", "deceased"),
    "unreachable_handed_to_police": ("联系不上，已移交警方", "not reached: handed to the police"),
    "auto_cleared": ("自动消除", "ended by itself"),
    "merged": ("已合并", "merged"),
    "superseded": ("由新案接续", "went on as a new case"),
}
_ALARM_STEPS: Mapping[AlertState, tuple[str, str]] = {
    AlertState.PREALARM: ("家中询问中", "asking at home"),
    AlertState.FIRING: ("报警", "alarm"),
    AlertState.CANCELLED: ("家中已取消", "cancelled at home"),
    AlertState.RESOLVED: ("家中已解除", "ended at home"),
}
_CLOCKS: Mapping[str, tuple[str, str]] = {
    "hold": ("暂缓", "hold"),
    "ack": ("接警", "answer"),
    "triage": ("研判", "decision"),
    "total": ("首次有效处置", "first action"),
    "accept": ("接单", "acceptance"),
    "arrive": ("到场", "arrival"),
    "handle": ("处置", "work on scene"),
    "ping": ("报平安", "sign of life"),
    "silent": ("现场无回音", "silence on scene"),
    "verify": ("核实", "verification"),
    "revisit": ("回访", "call-back"),
    "close": ("结案", "whole case"),
    "quiet": ("静默", "quiet"),
}
_AUDIENCES: Mapping[str, tuple[str, str]] = {
    "operators": ("所有坐席", "all operators"),
    "owner": ("负责人", "the owner"),
    "supervisor": ("主管", "the supervisor"),
    "duty_leader": ("值班领导", "the duty leader"),
    "command_centre": ("指挥中心", "the command centre"),
    "responders": ("救助人员", "responders"),
    "units": ("协助单位", "units called in"),
    "family": ("家属", "family"),
    "keyholder": ("持钥匙人", "keyholder"),
    "team_lead": ("班组长", "the team lead"),
    "next_candidate": ("下一位救助人员", "the next responder"),
    "submitter": ("报送人", "whoever asked"),
}
_PROMPTS: Mapping[str, tuple[str, str]] = {
    "call_120": ("，请拨 120", ", dial 120 now"),
    "taken": ("，已由他人接单", ", somebody else was faster"),
    "withdrawn": ("，不再等候", ", is waited for no longer"),
}
_ALERTS_STEPS = frozenset({"opened", "alert", "told", "absorbed"})
_SYSTEM_STEPS: Mapping[str, Sentence] = {
    "superseded": Sentence(
        zh="处置结束后又有报警：本案结束，另立新案", en="a new alarm after its result: it goes on anew"
    ),
    "adopted": Sentence(zh="由旧版本接续", en="carried over from an earlier version"),
    "rung_failed": Sentence(zh="上一级无人应答，立即升级", en="nobody answered: the next rung at once"),
    "ladder": Sentence(zh="升级呼叫", en="ladder"),
}


def told_in_timeline(
    event: Step | Denied | Excused | Reviewed | Directed | FirstEvent,
    actor: Sentence,
    alerts: Mapping[str, Alert],
    notes: Mapping[str, str],
) -> Sentence:
    """One event as a sentence. `alerts` by id and `notes` by id give the words; what was erased is said to be so."""
    if isinstance(event, Step):
        return _of_step(event, actor, alerts, notes)
    if isinstance(event, Denied):
        wish = _command(event.order)
        return Sentence(
            zh=f"{actor.zh} 想{wish.zh}，未执行：{event.zh or event.reason}",
            en=f"{actor.en}: not done ({wish.en}): {event.reason}",
        )
    if isinstance(event, Excused):
        clock, why = name_of_clock(event.step), EXCUSES.get(event.code, _said((event.code, event.code)))
        return Sentence(
            zh=f"{actor.zh} 核销一张牌：{clock.zh}（{why.zh}）", en=f"{actor.en} excused a card: {clock.en} ({why.en})"
        )
    if isinstance(event, Reviewed):  # marks and words are for whoever was reviewed, and his supervisors
        return Sentence(
            zh=f"{actor.zh} 抽查复核了本案（{event.month}）", en=f"{actor.en} looked over this case ({event.month})"
        )
    if isinstance(event, Directed):
        return _of_direction(event, actor, notes)
    return _of_first(event, actor, alerts, notes)


def _of_direction(event: Directed, actor: Sentence, notes: Mapping[str, str]) -> Sentence:
    words = notes.get(event.note_id, "")
    if event.is_settled:
        return Sentence(
            zh=f"{actor.zh} 督办销号：{words}", en=f"{actor.en} settled what the joint meeting decided: {words}"
        )
    return Sentence(
        zh=f"{actor.zh} 督办决定（{event.owner}，{event.due_on} 前）：{words}",
        en=f"{actor.en}: the joint meeting decided ({event.owner}, by {event.due_on}): {words}",
    )


def name_of_clock(name: str) -> Sentence:
    """What people call this clock."""
    return _said(_CLOCKS.get(name, (name, name)))


def name_of_disposition(value: str) -> Sentence:
    """How a case ended, in words."""
    return _said(_DISPOSITIONS.get(value, (value, value)))


def name_of_audience(value: str) -> Sentence:
    """Whom a rung calls, in words."""
    return _said(_AUDIENCES.get(value, (value, value)))


def _of_step(step: Step, actor: Sentence, alerts: Mapping[str, Alert], notes: Mapping[str, str]) -> Sentence:
    if step.name in _ALERTS_STEPS:
        return _of_alerts(step.alerts, alerts)
    parts = [_head(step, actor, notes), *map(_of_card, step.cards)]
    if step.calls:
        parts.append(_of_calls(step.calls))
    return _joined(parts)


def _head(step: Step, actor: Sentence, notes: Mapping[str, str]) -> Sentence:
    if step.order is not None:
        did = _command(step.order)
        said = Sentence(zh=f"{actor.zh} {did.zh}", en=f"{actor.en} {did.en}")
        return _with_note(said, step.order.note_id, notes) if step.order.note_id else said
    if step.name in _SYSTEM_STEPS:
        return _SYSTEM_STEPS[step.name]
    name, _, colour = step.name.partition(".")
    clock = name_of_clock(name)
    if colour == Colour.YELLOW:
        return Sentence(zh=f"{clock.zh}时限将到", en=f"{clock.en}: time is running out")
    return Sentence(zh=f"{clock.zh}超时", en=f"{clock.en}: overdue")


def _command(order: Order) -> Sentence:
    zh, en = _COMMANDS.get(order.command, (order.command, order.command))
    how = name_of_disposition(order.disposition or "") if order.disposition else Sentence(zh="", en="")
    to = ", ".join(order.targets)
    reference = f" {order.reference}" if order.reference else ""
    return Sentence(
        zh=zh.format(to=to, how=how.zh, into=order.into) + reference,
        en=en.format(to=to, how=how.en, into=order.into) + reference,
    )


def _of_card(card: Card) -> Sentence:
    colour = ("黄牌", "yellow card") if card.colour is Colour.YELLOW else ("红牌", "red card")
    clock = name_of_clock(card.step)
    whose = card.responsible
    return Sentence(
        zh=f"{colour[0]}（{clock.zh}{'，' + whose if whose else ''}）",
        en=f"{colour[1]} ({clock.en}{', ' + whose if whose else ''})",
    )


def _of_calls(calls: Iterable[Call]) -> Sentence:
    said = [_of_call(call) for call in calls]
    return Sentence(zh="呼叫：" + "、".join(one.zh for one in said), en="calls " + ", ".join(one.en for one in said))


def _of_call(call: Call) -> Sentence:
    who = Sentence(zh=call.to, en=call.to) if call.to else name_of_audience(call.audience)
    missed = ("（无人可达）", " (nobody to be reached)") if call.is_missed else ("", "")
    prompt = _PROMPTS.get(call.prompt, ("", ""))
    return Sentence(zh=who.zh + missed[0] + prompt[0], en=who.en + missed[1] + prompt[1])


def _of_first(event: FirstEvent, actor: Sentence, alerts: Mapping[str, Alert], notes: Mapping[str, str]) -> Sentence:
    match event:
        case first_cases.Opened() | first_cases.AlertJoined() | first_cases.StepJoined():
            return _of_alerts(event.alerts, alerts)
        case first_cases.Acked():
            return Sentence(zh=f"{actor.zh} 接警", en=f"{actor.en} took the case")
        case first_cases.Noted():
            return _with_note(Sentence(zh=f"{actor.zh} 记录", en=f"{actor.en} noted"), event.note_id, notes)
        case first_cases.Closed():
            how = name_of_disposition(event.disposition)
            ended = Sentence(zh=f"{actor.zh} 结案（{how.zh}）", en=f"{actor.en} closed the case ({how.en})")
            return _with_note(ended, event.note_id, notes)
        case first_cases.Refused():
            zh, en = _COMMANDS.get(event.action, (event.action, event.action))
            return Sentence(zh=f"{actor.zh} 想{zh}，未执行", en=f"{actor.en}: not done ({en})")


def _of_alerts(refs: tuple[AlertRef, ...], alerts: Mapping[str, Alert]) -> Sentence:
    return _joined([_of_alert(ref, alerts.get(ref.alert_id)) for ref in refs])


def _of_alert(ref: AlertRef, alert: Alert | None) -> Sentence:
    step = _said(_ALARM_STEPS[ref.state])
    why = alert.why if alert else Sentence(zh=ref.hazard, en=ref.hazard)
    late = Sentence(
        zh=f"（迟到：发生于 {ref.since:%Y-%m-%d %H:%M} UTC）", en=f" (LATE: of {ref.since:%Y-%m-%d %H:%M} UTC)"
    )
    return Sentence(
        zh=f"{step.zh}：{why.zh}{late.zh if ref.is_late else ''}",
        en=f"{step.en}: {why.en}{late.en if ref.is_late else ''}",
    )


def _with_note(said: Sentence, note_id: str, notes: Mapping[str, str]) -> Sentence:
    words = notes.get(note_id)
    if words is None:
        return Sentence(zh=f"{said.zh}：（文字已删除）", en=f"{said.en}: (words erased)")
    if not words:
        return said
    note = in_words(words)
    return Sentence(zh=f"{said.zh}：{note.zh}", en=f"{said.en}: {note.en}")


def _joined(said: list[Sentence]) -> Sentence:
    return Sentence(zh="；".join(one.zh for one in said), en="; ".join(one.en for one in said))


def _said(pair: tuple[str, str]) -> Sentence:
    return Sentence(zh=pair[0], en=pair[1])
