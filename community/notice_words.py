"""What people are told when a case calls them: short, in their language, and without what they need not know. Pure.

SMS, mail, push and webhooks pass through other people's machines: they hold the building and the name, never a
reading, an illness or what happened. Only who may hear it (consent) is told what happened; a call is spoken to a
person, and gives a responder the whole address.
"""

import re
from collections.abc import Callable, Mapping

from community.channels.port import Way
from community.notice_rules import BROKEN_GLASS, REQUEST_RESULT
from shouwang.alert import Sentence
from shouwang.bilingual import chinese

_BUILDING = re.compile(r"^.*?(?:号楼|號樓|栋|幢|座|号院|弄|小区)")
"""Up to the building, as addresses are written in Chinese: 3号楼2-501, 阳光小区7号楼1-202."""
_PRIORITIES = {
    "P1": Sentence(zh="急救", en="LIFE"),
    "P2": Sentence(zh="紧急", en="URGENT"),
    "P3": Sentence(zh="技术", en="TECHNICAL"),
    "P4": Sentence(zh="关怀", en="CARE"),
}
GOING = "1"
"""The key of a telephone that says: I am going."""


def building_of(address: str) -> str:
    """The building alone; empty where the address does not say which part that is."""
    longest = ""
    rest = address.strip()
    while found := _BUILDING.match(rest):
        longest += found[0]
        rest = rest[found.end() :]
    if longest:
        return longest
    head, comma, _ = address.partition(",")
    return head.strip() if comma and not head.strip().isdigit() else ""


def where_of(building: str, name: str) -> Sentence:
    """The place and the person, as far as both are known."""
    return Sentence(zh=f"{building}{name}" or "一户", en=", ".join(filter(None, (name, building))) or "a home")


def told(
    audience: str,
    *,
    incident_id: int,
    priority: str,
    way: Way,
    address: str,
    name: str,
    why: Sentence | None = None,
    prompt: str = "",
) -> Sentence:
    """The words for one person. `why`: what happened, only for who may hear it; `prompt`: as the ladder says."""
    if prompt in _AFTER_STORM:
        return _after_storm(where_of("", name), _AFTER_STORM[prompt])
    if audience in ("family", "keyholder"):
        return _to_family(audience, way, where_of("", name), why)
    if audience in ("responders", "units"):
        where = where_of(address if way is Way.VOICE else building_of(address), name)
        return (_to_unit if audience == "units" else _to_responder)(way, where, why, prompt)
    if prompt in _OF_ITSELF:
        return _OF_ITSELF[prompt](incident_id)
    where, rank = where_of(building_of(address), name), _PRIORITIES.get(priority, _PRIORITIES["P1"])
    wish = _WISHES.get(prompt) or _WISHES.get(audience) or _WISHES["operators"]
    told_why = Sentence(zh="", en="") if why is None else Sentence(zh=f"（{why.zh}）", en=f" ({why.en})")
    return Sentence(
        zh=f"【守望】{rank.zh} 警情{incident_id}，{where.zh}{told_why.zh}。{wish.zh}",
        en=f"[Shouwang] {rank.en}, case {incident_id}: {where.en}{told_why.en}. {wish.en}",
    )


_WISHES = {
    "operators": Sentence(zh="无人接警，请立即到接警台处理。", en="Nobody has taken it: go to the console now."),
    "owner": Sentence(zh="您负责的警情等待处理，请看接警台。", en="Your case waits for you: look at the console."),
    "supervisor": Sentence(zh="超时未处理，请主管立即介入。", en="It is overdue: the supervisor is needed now."),
    "team_lead": Sentence(zh="回访逾期，请安排。", en="Its call-back is overdue: please arrange it."),
    "duty_leader": Sentence(
        zh="主管未处理，请值班领导立即介入。", en="The supervisor has not acted: the duty leader is needed now."
    ),
    "command_centre": Sentence(
        zh="中心逐级未处理，请指挥中心立即接管。",
        en="Nobody of the centre has acted: the command centre is asked to take charge.",
    ),
    "next_candidate": Sentence(
        zh="无人前往，系统正在改派下一位，请留意。",
        en="Nobody is going: the next one is asked by itself, keep an eye on it.",
    ),
    "call_120": Sentence(zh="请立即拨打120！", en="CALL 120 NOW."),
}


_SHIFT_IS_EMPTY = Sentence(
    zh="【守望】有坐席到点未到岗接班，由上一班继续值守。请主管立即安排，详见“交接班”页。",
    en="[Shouwang] An operator has not come to the shift; whoever was to leave stays on. See to it now: page Shifts.",
)


def _glass(incident_id: int) -> Sentence:
    return Sentence(
        zh=f"【守望】警情{incident_id}的健康信息被凭理由查看，请主管在“凭理由查看”页核对。",
        en=f"[Shouwang] Somebody opened the medical card of case {incident_id} with a reason alone. "
        "Look at it: page Looked at with a reason.",
    )


def _result(incident_id: int) -> Sentence:
    return Sentence(
        zh=f"【守望】您的诉求 R-{incident_id} 已有处理结果，我们将回访；也可致电中心，并按1至5分评价。",
        en=f"[Shouwang] There is a result of your request R-{incident_id}. We will call back; "
        "you may ring the centre too, and rate it from 1 to 5.",
    )


_OF_ITSELF: Mapping[str, Callable[[int], Sentence]] = {
    "no_show": lambda _: _SHIFT_IS_EMPTY,
    BROKEN_GLASS: _glass,
    REQUEST_RESULT: _result,
}
"""What is told by its prompt alone, without home, person or what happened."""

_AFTER_STORM = {
    "storm_over": Sentence(zh="现已恢复，无需处理", en="it works again, there is nothing to do"),
    "storm_left": Sentence(zh="尚未恢复，中心正在处理", en="it does not work yet, and the centre looks after it"),
}


def _after_storm(who: Sentence, how: Sentence) -> Sentence:
    """The one message at the end of a storm (community.storms)."""
    return Sentence(
        zh=f"【守望】此前因停电或通信等片区故障，{who.zh}家中的守护设备受到影响，{how.zh}。",
        en=f"[Shouwang] A disturbance of the whole area (power or lines) touched the equipment at {who.en}: {how.en}.",
    )


def _to_family(audience: str, way: Way, who: Sentence, why: Sentence | None) -> Sentence:
    happened = Sentence(zh="", en="") if why is None else Sentence(zh=f"：{why.zh}", en=f": {why.en}")
    key = audience == "keyholder"
    wish = Sentence(
        zh="您有钥匙，请尽快前往开门。" if key else "请尽快联系或前往。",
        en="You hold a key: please go there now." if key else "Please call or go there now.",
    )
    press = Sentence(zh="能去请按1。", en="If you are going, press 1.") if way is Way.VOICE else Sentence(zh="", en="")
    return Sentence(
        zh=f"【守望】{who.zh}家中发出求助警报{happened.zh}。{wish.zh}{press.zh}",
        en=f"[Shouwang] An alarm came from the home of {who.en}{happened.en}. {wish.en} {press.en}".strip(),
    )


_AFTER_OFFER = {
    "taken": Sentence(zh="已有他人接单，您不必前往。谢谢！", en="Somebody else is going: you need not. Thank you."),
    "withdrawn": Sentence(
        zh="中心已改派他人。如您仍在途中，请致电中心。",
        en="The centre asks somebody else. If you are still on the way, ring the centre.",
    ),
    "ping": Sentence(
        zh="您在现场还好吗？请打开派单页报平安，或致电中心。",
        en="Is all well with you on site? Open your page and say so, or ring the centre.",
    ),
}


def _after_offer(where: Sentence, said: Sentence) -> Sentence:
    return Sentence(zh=f"【守望】{where.zh}：{said.zh}", en=f"[Shouwang] {where.en}: {said.en}")


def _to_responder(way: Way, where: Sentence, why: Sentence | None, prompt: str) -> Sentence:
    if prompt in _AFTER_OFFER:
        return _after_offer(where, _AFTER_OFFER[prompt])
    happened = Sentence(zh="", en="") if why is None else Sentence(zh=f"：{why.zh}", en=f": {why.en}")
    press = (
        Sentence(zh="接单请按1，不能去请按2。", en="To accept, press 1; if you cannot go, press 2.")
        if way is Way.VOICE
        else Sentence(zh="请打开派单页接单。", en="Open your page to accept it.")
    )
    return Sentence(
        zh=f"【守望】求助派单：{where.zh}{happened.zh}。{press.zh}",
        en=f"[Shouwang] You are asked to go to {where.en}{happened.en}. {press.en}",
    )


def _to_unit(way: Way, where: Sentence, why: Sentence | None, _: str) -> Sentence:
    """A unit has no page of its own: it presses a key, or rings back."""
    happened = Sentence(zh="", en="") if why is None else Sentence(zh=f"：{why.zh}", en=f": {why.en}")
    answer = Sentence(zh="请回电中心告知能否前往。", en="Please ring the centre and say whether you can.")
    if way is Way.VOICE:
        answer = Sentence(zh="能去请按1，不能请按2。", en="If you can, press 1; if not, press 2.")
    return Sentence(
        zh=f"【守望】请贵单位派人协助：{where.zh}{happened.zh}。{answer.zh}",
        en=f"[Shouwang] Your unit is asked to help at {where.en}{happened.en}. {answer.en}",
    )


def digest_of(count: int, cases: tuple[int, ...]) -> Sentence:
    """What was not told in time, in one message."""
    numbers = "、".join(map(str, cases))
    return Sentence(
        zh=f"【守望】系统中断期间有{count}条通知未及时发给您（警情 {numbers}）。请向中心了解现状。",
        en=f"[Shouwang] {count} messages did not reach you in time (case {', '.join(map(str, cases))}): "
        "ask the centre how things stand.",
    )


def test_of(channel: str) -> Sentence:
    """The monthly proof of a channel."""
    return Sentence(
        zh=f"【守望】通道“{channel}”的例行测试，无需处理。",
        en=f"[Shouwang] Routine test of the channel {channel}: nothing to do.",
    )


def subject_of(priority: str, incident_id: int) -> Sentence:
    """The subject line of a mail."""
    rank = _PRIORITIES.get(priority, _PRIORITIES["P1"])
    return Sentence(zh=f"守望 {rank.zh} 警情{incident_id}", en=f"Shouwang {rank.en} case {incident_id}")


def going(name: str, relation: str) -> Sentence:
    """What the case keeps when somebody pressed the key."""
    who = f"{name}（{relation}）" if relation else name
    return Sentence(zh=f"{who} 电话确认：我去", en=f"{name} confirmed by telephone: I am going")


def channel_down(channel: str, reason: str) -> Sentence:
    """Why there is a technical case of a channel."""
    return Sentence(
        zh=f"通知通道“{channel}”不可用：{chinese(reason) or reason}。警情将改用其他通道。",
        en=f"The channel {channel} does not work: {reason}. Cases use the other channels.",
    )


CHANNEL_BACK = Sentence(zh="通知通道已恢复。", en="The channel works again.")
