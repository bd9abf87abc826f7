"""What the server says of storms and of alarms that flap, in the two languages of the house."""

from collections.abc import Mapping

from community.storms import LOW_BATTERY, POWER, SILENT
from shouwang.alert import Sentence

_KINDS: Mapping[str, Sentence] = {
    POWER: Sentence(zh="停电", en="lost the mains"),
    SILENT: Sentence(zh="网关没有消息", en="are not heard"),
    LOW_BATTERY: Sentence(zh="备用电池将空", en="have nearly empty batteries"),
    "path-lost": Sentence(zh="通道中断", en="lost a way to the centre"),
    "sensor-silent": Sentence(zh="传感器失联", en="have silent sensors"),
    "test-missing": Sentence(zh="测试报警未到", en="sent no test alarm"),
    "under-voltage": Sentence(zh="网关供电不足", en="have too low a voltage"),
    "clock-error": Sentence(zh="时钟错误", en="have wrong clocks"),
    "queue-age": Sentence(zh="信息积压", en="cannot send what they have"),
}
_OURS = Sentence(
    zh="。先查本中心的线路和消息服务器，此前不要逐户打电话",
    en=". Look at the centre's own line and broker first, and do not call the homes before",
)


def began(kind: str, area: str, homes: int, *, is_ours: bool) -> Sentence:
    """A storm began; `area` is empty for the whole community."""
    what = _KINDS[kind]
    said = Sentence(
        zh=f"{area or '全社区'} {homes} 户同时{what.zh}，其后同因警情暂缓，合并为一行",
        en=f"{homes} homes{f' of {area}' if area else ''} {what.en} at once: further cases wait behind one row",
    )
    return Sentence(zh=said.zh + _OURS.zh, en=said.en + _OURS.en) if is_ours else said


def over(homes: int, recovered: int) -> Sentence:
    """A storm is over."""
    if recovered == homes:
        return Sentence(zh=f"{homes} 户全部恢复", en=f"all {homes} homes have recovered")
    left = homes - recovered
    return Sentence(
        zh=f"合并结束：{homes} 户中 {recovered} 户已恢复，{left} 户各自列为警情",
        en=f"no longer told as one: {recovered} of {homes} homes have recovered, {left} have cases of their own",
    )


def flaps(key: str) -> Sentence:
    """A device wants mending."""
    return Sentence(
        zh=f"报警 {key} 半小时内反复出现，请检修该设备或调整其规则",
        en=f"the alarm {key} comes and goes within half an hour: mend the device, or its rule",
    )


CALM = Sentence(zh="不再反复", en="comes and goes no more")
