"""The status of a home as people read it: lines for a terminal, in Chinese or English. Pure."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.columns import Column, cut, table
from gateway.status import PathLine, SensorLine, Status
from rules import words
from shouwang.alert import Sentence

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MB = 1024 * 1024


def lines_of(status: Status, *, language: str, width: int) -> list[str]:
    """All of it, each line not wider than `width`."""
    say = _Words(language)
    now = status.clock.now
    found = [
        *_head(status, say),
        *_alarms(status, say),
        "",
        *table(_columns(say), [_sensor(one, now, say) for one in status.sensors], width),
        "",
        *_reasons(status, say),
        *_rules(status, say),
        "",
        *_queue(status, say),
        *(_path(one, now, say) for one in status.paths),
        _clock(status, say),
        _card(status, say),
    ]
    return [cut(line, width) for line in found]


class _Words:
    """Picks one of the two languages."""

    def __init__(self, language: str) -> None:
        self._is_zh = language == "zh"

    def __call__(self, zh: str, en: str) -> str:
        return zh if self._is_zh else en

    def of(self, sentence: Sentence) -> str:
        return sentence.zh if self._is_zh else sentence.en

    def span(self, seconds: float) -> str:
        """In the largest unit, short."""
        for size, zh, en in ((_DAY, "天", "d"), (_HOUR, "小时", "h"), (_MINUTE, "分", "min")):
            if seconds >= size:
                return self(f"{seconds // size:.0f} {zh}", f"{seconds // size:.0f} {en}")
        return self(f"{max(seconds, 0):.0f} 秒", f"{max(seconds, 0):.0f} s")

    def since(self, moment: datetime | None, now: datetime) -> str:
        return "-" if moment is None else self.span((now - moment).total_seconds())


_STATES = {
    "": Sentence(zh="还未听到", en="not heard yet"),
    "up": Sentence(zh="正常", en="heard"),
    "silent": Sentence(zh="无声", en="SILENT"),
    "down": Sentence(zh="断开", en="DOWN"),
}
_MODES = {
    "home": Sentence(zh="在家", en="at home"),
    "away": Sentence(zh="外出", en="away"),
    "hospital": Sentence(zh="住院", en="in hospital"),
    "visitor": Sentence(zh="有访客", en="visitors"),
}
_ALARM_STATES = {
    "prealarm": Sentence(zh="询问中，可取消", en="asking, may be cancelled"),
    "firing": Sentence(zh="报警中", en="on"),
}
_LANES = {
    "life-safety": Sentence(zh="报警", en="alarms"),
    "state": Sentence(zh="状态", en="states"),
    "telemetry": Sentence(zh="读数", en="readings"),
    "bulk": Sentence(zh="其他", en="others"),
}
_PATHS = {
    "internet": Sentence(zh="互联网", en="internet"),
    "sms": Sentence(zh="短信", en="SMS"),
    "voice": Sentence(zh="电话", en="voice"),
}
_SOURCES = {
    "ntp": Sentence(zh="网络校时 (NTP)", en="time servers (NTP)"),
    "centre": Sentence(zh="服务中心", en="the centre"),
}


def _head(status: Status, say: _Words) -> Iterator[str]:
    mode = _MODES.get(status.mode, Sentence(zh=status.mode, en=status.mode))
    yield say(f"守望网关 {status.gateway}", f"Shouwang gateway {status.gateway}") + f"  {status.version}"
    yield "  ".join(
        (
            say("已运行 ", "running for ") + say.span(status.uptime_s),
            say("内存 ", "memory ") + f"{status.memory_bytes / _MB:.0f} MiB",
            say("家中：", "the home is set to: ") + say.of(mode),
        )
    )


def _columns(say: _Words) -> list[Column]:
    return [
        Column(title=say("传感器", "sensor"), least=8),
        Column(title=say("类型", "kind"), rank=4, least=8),
        Column(title=say("状态", "state"), least=6),
        Column(title=say("持续", "for"), rank=3, is_number=True),
        Column(title=say("最近读数", "last reading"), least=10),
        Column(title=say("距今", "ago"), is_number=True),
        Column(title=say("电量", "battery"), rank=1, is_number=True),
        Column(title=say("信号", "signal"), rank=2, is_number=True),
    ]


def _sensor(one: SensorLine, now: datetime, say: _Words) -> list[str]:
    reading = "-"
    if one.quantity is not None:
        reading = f"{say.of(words.name(one.quantity))} {say.of(words.value(one.quantity, one.value))}"
    state = _STATES.get(one.state, Sentence(zh=one.state, en=one.state))
    return [
        one.id,
        one.kind,
        say.of(state),
        say.since(one.since, now),
        reading,
        say.since(one.at, now),
        "-" if one.battery is None else f"{one.battery:.0f} %",
        "-" if one.signal_dbm is None else f"{one.signal_dbm:.0f} dBm",
    ]


def _alarms(status: Status, say: _Words) -> Iterator[str]:
    if not status.alarms:
        yield say("没有报警", "no alarm is on")
    for alarm in status.alarms:
        state = _ALARM_STATES.get(alarm.state, Sentence(zh=alarm.state, en=alarm.state))
        for_ = say.since(alarm.since, status.clock.now)
        yield (
            say(f"报警 {alarm.severity} {alarm.key}：", f"ALARM {alarm.severity} {alarm.key}: ")
            + say.of(state)
            + f", {for_}"
        )


def _reasons(status: Status, say: _Words) -> Iterator[str]:
    """Each once: where a broker or a line is gone, all that hang on it have the same."""
    found: dict[str, list[str]] = {}
    for sensor in status.sensors:
        if sensor.reason:
            found.setdefault(say(sensor.reason_zh or sensor.reason, sensor.reason), []).append(sensor.id)
    for reason, ids in found.items():
        others = say(f" 等 {len(ids)} 个", f" and {len(ids) - 1} more") if len(ids) > 1 else ""
        yield f"! {ids[0]}{others}: {reason}"


def _rules(status: Status, say: _Words) -> Iterator[str]:
    yield say(
        f"规则 {status.rules} 条（按传感器计），{status.waiting_count} 条在计时",
        f"{status.rules} rules watch (each counted once a sensor), {status.waiting_count} of them count down",
    )
    for wait in status.waiting:
        yield f"  {wait.key}  " + say("还有 ", "in ") + say.span(wait.seconds)


def _queue(status: Status, say: _Words) -> Iterator[str]:
    waiting = [lane for lane in status.lanes if lane.waiting]
    if not waiting:
        yield say("没有待中心确认的消息", "nothing waits for the centre")
    for lane in waiting:
        name = say.of(_LANES.get(lane.lane, Sentence(zh=lane.lane, en=lane.lane)))
        if lane.oldest_s is None:
            age = say("存储卡没有应答", "the card does not answer")
        else:
            age = say("最早的已等 ", "the oldest for ") + say.span(lane.oldest_s)
        yield (
            say(f"待中心确认：{name} {lane.waiting} 条，", f"waiting for the centre: {lane.waiting} of {name}, ") + age
        )


def _path(one: PathLine, now: datetime, say: _Words) -> str:
    name = say.of(_PATHS.get(one.path, Sentence(zh=one.path, en=one.path)))
    for_ = say.since(one.since, now)
    if one.is_up is None:
        state = say("还不知道", "not known yet")
    elif one.is_up:
        state = say(f"通，已 {for_}", f"works, for {for_}")
    else:
        state = say(f"不通，已 {for_}：{one.reason_zh or one.reason}", f"DOWN for {for_}: {one.reason}")
    tested = (
        ""
        if one.tested_at is None
        else say("；上次验证在 ", "; last proven ") + say.since(one.tested_at, now) + say(" 前", " ago")
    )
    return say(f"通道 {name}：", f"path {name}: ") + state + tested


def _clock(status: Status, say: _Words) -> str:
    clock = status.clock
    local = clock.now.astimezone(ZoneInfo(status.timezone))
    text = say("时钟 ", "clock ") + f"{local:%Y-%m-%d %H:%M:%S} {status.timezone}"
    if not clock.source:
        return text + say("：还没有校准", ": NOT SET by anybody yet")
    source = say.of(_SOURCES.get(clock.source, Sentence(zh=clock.source, en=clock.source)))
    error = (
        ""
        if clock.error_s is None
        else say(f"，误差不超过 {clock.error_s:.1f} 秒", f", right to {clock.error_s:.1f} s")
    )
    return text + say(f"，由{source}校准", f", set by {source}") + error


def _card(status: Status, say: _Words) -> str:
    card = status.card
    if card is None:
        return say("存储卡没有应答", "the card does not answer")
    free, outbox = card.free_bytes / _MB, card.outbox_bytes / _MB
    return say(
        f"存储卡已用 {card.used:.0f} %，剩 {free:.0f} MiB；待确认数据占 {outbox:.1f} MiB",
        f"the card is {card.used:.0f} % full, {free:.0f} MiB are free; the outbox takes {outbox:.1f} MiB",
    )
