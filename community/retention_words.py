"""What the nightly round says at a terminal and keeps in the record, in both languages."""

from community.retention_settings import RetentionEntry
from community.store import round_clock
from community.store.round_clock import Reckoned
from shouwang.bilingual import Bilingual, both

_NAMES = {
    "cases": "已结警情的内容",
    "alarms without a case": "不属于任何警情的报警",
    "reasons of looks": "查阅记录中的理由",
    "details of changes": "权限和设置变更的明细",
    "photos": "处置人员拍摄的照片",
    "calls": "联系过的家属和号码",
    "hand-overs": "交接班留言",
    "old entries of the register": "档案变更前的内容",
    "people": "服务已终止的老人",
    "absences": "请假及事由",
    "who did not come": "未到岗记录",
    "unreadable messages": "无法识别的上报消息",
    "answers to orders": "指令的应答（防重复）",
    "sessions": "已结束的会话",
    "log-in links": "已过期的登录链接",
    "nonces": "已用过的统一登录凭据",
    "failed log-ins": "失败的登录",
    "measurements": "已删除老人的测量数据",
}
"""Of the kinds, as the administration page calls them; short."""


def named(kind: str) -> str:
    """The name of a kind."""
    return Bilingual(kind, zh=_NAMES.get(kind, kind))


def runs_or_not(entry: RetentionEntry) -> Bilingual:
    """Whether anything ends by itself."""
    return both(*_RUNS, hour=entry.hour) if entry.runs else _RUNS_NOT


def held_back(reckoned: Reckoned) -> str:
    """Why the clock is not believed; empty where it is."""
    if reckoned.now is None:
        return _NOTHING_IS_OLD
    if not reckoned.is_held_back:
        return ""
    return both(*_LEAPT, clock=f"{reckoned.clock:%Y-%m-%d}", days=round_clock.LEAP.days, now=f"{reckoned.now:%Y-%m-%d}")


_RUNS = (
    "what is over ends by itself each night from {hour} o'clock on; it cannot be brought back",
    "到期的内容每晚 {hour} 点起自动清除，清除后无法恢复",
)
_RUNS_NOT = Bilingual(
    "nothing is ended by itself; look at `community retention --dry-run`, then write retention: {runs: true}",
    zh="不会自动清除任何内容；先看 `shouwang community retention --dry-run`，再写 retention: {runs: true}",
)
_NOTHING_IS_OLD = Bilingual(
    "nothing is sealed in the record yet, so nothing can be old: nothing ends",
    zh="记录里还没有封存任何内容，谈不上到期：什么都不清除",
)
_LEAPT = (
    (
        "the clock says {clock}, which is more than {days} days after the last round or entry: it is reckoned as if it "
        "were {now}. Where the clock is right this is made good night by night; where it is wrong, set it"
    ),
    (
        "时钟显示 {clock}，比上一次清理或上一条记录晚了 {days} 天以上：先按 {now} 计算。"
        "时钟若是对的，会一晚一晚补上；若是错的，请校准"
    ),
)
