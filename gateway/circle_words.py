"""What people are told when the internet is down: the elder at home aloud, and the contact circle by SMS."""

from typing import Protocol

from shouwang.alert import Alert, AlertState, Sentence

_GSM_CHARS, _UCS_CHARS, _UCS_CHARS_IN_TWO = 160, 70, 134
"""One SMS in GSM-7; one and two in UCS-2."""
_LEAST_CHARS = 20
"""Of what has happened; where less fits, a second SMS is worth its price."""
EMERGENCY = "120"
"""China's number for an ambulance."""
_FAMILY = {
    "儿子": "son",
    "女儿": "daughter",
    "老伴": "partner",
    "丈夫": "husband",
    "妻子": "wife",
    "儿媳": "daughter-in-law",
    "女婿": "son-in-law",
    "孙子": "grandson",
    "孙女": "granddaughter",
    "哥哥": "brother",
    "弟弟": "brother",
    "姐姐": "sister",
    "妹妹": "sister",
    "邻居": "neighbour",
    "朋友": "friend",
    "护工": "carer",
}
_IN_CHINESE = {english: chinese for chinese, english in reversed(_FAMILY.items())}

ARRIVED = Sentence(zh="警报已送到中心。", en="The centre has your alarm.")
ARRIVED_AT_LAST = Sentence(zh="线路恢复了，警报已送到中心。", en="The line is back. The centre has your alarm.")
TEXTING = Sentence(zh="线路不通，正在用短信求助。", en="The line is down. I am sending for help by text message.")
NO_WAY = Sentence(
    zh=f"线路不通，警报还没有送到。我会一直重试。情况紧急，请拨打{EMERGENCY}，或请身边的人帮忙。",
    en="The line is down, and the alarm has not arrived yet. I keep trying. "
    f"If it is urgent, call {EMERGENCY}, or ask somebody near you.",
)
NOBODY = Sentence(
    zh=f"电话暂时没有人接。请不要着急，我会一直打。情况紧急，请拨打{EMERGENCY}。",
    en=f"Nobody has answered yet. Stay calm, I keep calling. If it is urgent, call {EMERGENCY}.",
)
TEXTED = Sentence(
    zh=f"短信已经发出，还没有回音。我会继续联系。情况紧急，请拨打{EMERGENCY}。",
    en=f"The text messages are out, and nobody has answered yet. I keep trying. If it is urgent, call {EMERGENCY}.",
)


class Contact(Protocol):
    """A person of the circle, as the configuration names them."""

    @property
    def name(self) -> str:
        """As the home says it."""
        ...

    @property
    def relation(self) -> str:
        """To the resident; may be empty."""
        ...


def calling(contact: Contact, *, is_first: bool) -> Sentence:
    """The elder hears whom the home is calling."""
    zh, en = _called(contact)
    if is_first:
        return Sentence(zh=f"线路不通，正在给{zh}打电话。", en=f"The line is down, I am calling {en}.")
    return Sentence(zh=f"正在给{zh}打电话。", en=f"I am calling {en}.")


def has_taken(contact: Contact) -> Sentence:
    """The elder hears who knows now."""
    zh, en = _called(contact)
    return Sentence(
        zh=f"{zh}已接到电话，知道您需要帮助。",
        en=f"{en[:1].upper()}{en[1:]} has answered and knows that you need help.",
    )


def sms_to_contact(alert: Alert, *, resident: str, home_phone: str | None, language: str) -> str:
    """The SMS to a person: who, what, and where to call; one message where the words allow it. Always the same."""
    is_call = alert.state is AlertState.FIRING
    if language == "zh":
        where = f"请马上打家中电话{home_phone}" if home_phone else "请马上联系"
        tail = f"。家中断网，{where}，危急拨{EMERGENCY}。" if is_call else "。"
        head = f"守望报警：{resident}，" if is_call else f"守望：{resident}的报警已结束，"
        return _fitted(head, alert.why.zh.rstrip("。；， "), tail)
    where = f"Call {home_phone} at once" if home_phone else "Get in touch at once"
    tail = f". No internet there. {where}; if in danger, call {EMERGENCY}." if is_call else "."
    head = f"Shouwang ALARM: {resident}: " if is_call else f"Shouwang: the alarm of {resident} is over: "
    return _fitted(head, alert.why.en.rstrip(". "), tail)


def _fitted(head: str, why: str, tail: str) -> str:
    frame = len(head) + len(tail)
    limit = _GSM_CHARS if (head + why + tail).isascii() else _UCS_CHARS
    if frame + min(len(why), _LEAST_CHARS) > limit:
        limit = _UCS_CHARS_IN_TWO
    room = max(_LEAST_CHARS, limit - frame)
    return head + (why if len(why) <= room else why[: room - 1] + ("." if why.isascii() else "…")) + tail


def _called(contact: Contact) -> tuple[str, str]:
    """The person in both languages: by relation where it is known, else by name."""
    relation = contact.relation.strip()
    if not relation:
        return contact.name, contact.name
    zh, en = _IN_CHINESE.get(relation.lower(), relation), _FAMILY.get(relation, relation)
    return contact.name if zh.isascii() else f"您{zh}", f"your {en.lower()}" if en.isascii() else contact.name
