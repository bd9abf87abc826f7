"""What people are told when a case calls them: short, in their language, and without what they need not know. Pure.

SMS, mail, push and webhooks pass through other people's machines: they hold the building and the name, never a
reading, an illness or what happened. Only who may hear it (consent) is told what happened; a call is spoken to a
person, and gives a responder the whole address.
"""

import re

from community.channels.port import Way
from shouwang.alert import Sentence

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
    if audience == "responders":
        place = address if way is Way.VOICE else building_of(address)
        if prompt in _AFTER_OFFER:
            return _after_offer(where_of(place, name), _AFTER_OFFER[prompt])
        return _to_responder(way, where_of(place, name), why)
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
    "next_candidate": Sentence(zh="无人接单，请改派。", en="Nobody has accepted: send somebody else."),
    "call_120": Sentence(zh="请立即拨打120！", en="CALL 120 NOW."),
}


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


def _to_responder(way: Way, where: Sentence, why: Sentence | None) -> Sentence:
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
        zh=f"通知通道“{channel}”不可用：{reason}。警情将改用其他通道。",
        en=f"The channel {channel} does not work: {reason}. Cases use the other channels.",
    )


CHANNEL_BACK = Sentence(zh="通知通道已恢复。", en="The channel works again.")


def on_the_way(name: str, eta_min: int | None) -> Sentence:
    """What the home says when somebody it may know by name has set out; without a name: somebody."""
    zh, en = name or "救助人员", name or "Somebody"
    if eta_min is None:
        return Sentence(zh=f"{zh}已经出发，正在赶来。", en=f"{en} is on the way.")
    minutes = "minute" if eta_min == 1 else "minutes"
    return Sentence(zh=f"{zh}正在赶来，大约{eta_min}分钟到。", en=f"{en} is on the way, about {eta_min} {minutes}.")
