"""The gateway as systemd sees it, and as it answers itself."""

from collections.abc import Iterator

from gateway.doctor.finding import Finding, Mark, fine, unproven, wrong
from gateway.doctor.patient import Patient, properties
from shouwang.alert import Sentence

UNIT = "shouwang-gateway"
MANY_RESTARTS = 3
_KEYS = "LoadState,ActiveState,SubState,Result,NRestarts,WatchdogUSec,UnitFileState"
_WHAT = Sentence(zh="网关服务", en="the gateway as a service")
_ASKED = Sentence(zh="网关", en="the gateway")
_BOOT = Sentence(zh="开机自动启动", en="start at boot")
_DOG = Sentence(zh="看门狗", en="watchdog")


def service_findings(patient: Patient) -> Iterator[Finding]:
    """What runs; blocks."""
    status = patient.status
    if status is not None:
        yield fine(
            _ASKED,
            f"在运行，已 {status.uptime_s / 3600:.1f} 小时，版本 {status.version}",
            f"runs, for {status.uptime_s / 3600:.1f} h, version {status.version}",
        )
    told = properties(("systemctl", "show", UNIT, "-p", _KEYS))
    if not told:
        yield unproven(_WHAT, "本机没有 systemd", "this box has no systemd")
        return
    yield from _unit(told, is_answering=status is not None)


def _unit(told: dict[str, str], *, is_answering: bool) -> Iterator[Finding]:
    if told.get("LoadState") != "loaded":
        found = Sentence(zh="没有安装为服务", en="it is not installed as a service")
        remedy = Sentence(zh="见 docs/operations.md 第 2 步和第 5 步", en="steps 2 and 5 of docs/operations.md")
        yield wrong(Mark.LOOK, _WHAT, found, remedy)
        return
    state = f"{told.get('ActiveState')} ({told.get('SubState')})"
    if told.get("ActiveState") not in ("active", "reloading"):
        found = Sentence(zh=f"{state}，结果 {told.get('Result')}", en=f"{state}, result {told.get('Result')}")
        remedy = Sentence(
            zh="看原因：journalctl -u shouwang-gateway -n 50；启动：sudo systemctl start shouwang-gateway",
            en="see why: journalctl -u shouwang-gateway -n 50; start it: sudo systemctl start shouwang-gateway",
        )
        yield wrong(Mark.LOOK if is_answering else Mark.FAULT, _WHAT, found, remedy)
    else:
        yield _restarts(state, int(told.get("NRestarts") or 0))
    if told.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        found = Sentence(
            zh="没有打开：停电后网关不会自己启动", en="off: after a power cut it would not start by itself"
        )
        remedy = Sentence(zh=f"sudo systemctl enable {UNIT}", en=f"sudo systemctl enable {UNIT}")
        yield wrong(Mark.FAULT, _BOOT, found, remedy)
    if told.get("WatchdogUSec") in ("0", "infinity", ""):
        found = Sentence(zh="没有打开：卡住了也不会重启", en="off: if it hung, nobody would restart it")
        remedy = Sentence(
            zh="用本程序带来的 systemd/shouwang-gateway.service",
            en="use the systemd/shouwang-gateway.service that came along",
        )
        yield wrong(Mark.LOOK, _DOG, found, remedy)


def _restarts(state: str, count: int) -> Finding:
    found = Sentence(zh=f"{state}，自动重启过 {count} 次", en=f"{state}, restarted {count} times by itself")
    if count < MANY_RESTARTS:
        return fine(_WHAT, found.zh, found.en)
    remedy = Sentence(
        zh="把日志发给开发者：journalctl -u shouwang-gateway -n 500",
        en="send the log to the developers: journalctl -u shouwang-gateway -n 500",
    )
    return wrong(Mark.LOOK, _WHAT, found, remedy)
