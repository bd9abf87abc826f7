"""What the server says of alarms and to homes, in the two languages of the house; of steps: community.step_words."""

from datetime import timedelta

from community.lanes import LIFE_LANE
from shouwang.alert import Sentence

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


CAME_LATE = Sentence(zh="接班人员已到岗。", en="The colleague has come.")
SHIFT_SETTLED = Sentence(zh="主管已安排该班次。", en="The supervisor has seen to the shift.")


def told_of_no_show(person: str, leaver: str) -> Sentence:
    """A colleague has not come to his shift; `leaver` (empty: nobody) stays on in his place."""
    stays = Sentence(zh="无人留守", en="nobody has stayed on")
    if leaver:
        stays = Sentence(zh=f"{leaver} 继续值守", en=f"{leaver} stays on")
    return Sentence(zh=f"{person} 未到岗接班，{stays.zh}", en=f"{person} has not come to the shift: {stays.en}")


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


def told_on_the_way(name: str, eta_min: int | None) -> Sentence:
    """What the home says when somebody has set out; who it is where that is on file."""
    zh, en = name or "救助人员", name or "Somebody"
    if eta_min is None:
        return Sentence(zh=f"{zh}已经出发，正在赶来。", en=f"{en} is on the way to you.")
    return Sentence(
        zh=f"{zh}已经出发，大约{eta_min}分钟到。",
        en=f"{en} is on the way to you, about {eta_min} minute{'' if eta_min == 1 else 's'}.",
    )


MOVED_ON = Sentence(
    zh="您看到的内容已经有人改过。请看一遍现在的内容，再决定。没有做任何更改。",
    en="Somebody has changed this since you saw it. Look at it as it is now, then decide. Nothing has been changed.",
)
"""Of a form that was filled in over something older."""
