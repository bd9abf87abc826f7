"""The whole visit: each thing is looked at, one finding after the other is told, and the worst is the exit code."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from config.loader import check_home
from gateway.caller import NotAllowed, NotRunning, folders_for, line_to
from gateway.doctor.box import box_findings
from gateway.doctor.centre import centre_findings
from gateway.doctor.finding import Finding, Mark, exit_code, fine, lines_of, wrong
from gateway.doctor.hardware import hardware_findings
from gateway.doctor.papers import paper_findings
from gateway.doctor.patient import Patient
from gateway.doctor.service import service_findings
from gateway.status import Status
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import by_lines, told_by
from shouwang.errors import ConfigError, DeviceError
from shouwang.spoken import spoken_here

_FILE = Sentence(zh="配置文件", en="configuration")
_ASKED = Sentence(zh="网关", en="the gateway")


def doctor(path: Path, tell: Callable[[str], None], *, language: str | None = None) -> int:
    """Look over the box of this home; 0: all is fine, 1: somebody should look, 2: there is a fault."""
    return asyncio.run(_visit(path, tell, language))


async def _visit(path: Path, tell: Callable[[str], None], language: str | None) -> int:
    found: list[Finding] = []
    spoken = language or spoken_here()

    def say(finding: Finding) -> None:
        found.append(finding)
        for line in lines_of(finding, spoken):
            tell(line)

    try:
        checked = await asyncio.to_thread(check_home, path)
    except ConfigError as error:
        why = sentence_of(told_by(error))
        say(wrong(Mark.FAULT, _FILE, Sentence(zh=f"有错：\n{why.zh}", en=f"is wrong:\n{why.en}"), _MEND))
        return exit_code(found)
    spoken = language or checked.home.gateway.language
    for finding in _configuration(path, checked.warnings):
        say(finding)
    status, troubles = await asyncio.to_thread(_asked, checked.home.gateway.id, checked.home.gateway.data_dir)
    for finding in troubles:
        say(finding)
    is_silent = status is None and troubles != [_NOT_RUNNING]
    async for finding in _findings(Patient(path=path, home=checked.home, status=status, is_silent=is_silent)):
        say(finding)
    tell("")
    tell(_summary(found, spoken))
    return exit_code(found)


_MEND = Sentence(
    zh="改好后再检查：shouwang gateway check -c home.yaml",
    en="mend it and look again: shouwang gateway check -c home.yaml",
)


def _configuration(path: Path, warnings: Sequence[str]) -> Iterable[Finding]:
    if not warnings:
        yield fine(_FILE, f"{path} 正确", f"{path} is right")
        return
    count = len(warnings)
    found = Sentence(zh=f"可以用，有 {count} 处要看：", en=f"can be used; {count} to look at:")
    yield wrong(Mark.LOOK, _FILE, found, sentence_of(by_lines(warnings)))


def _asked(gateway_id: str, data_dir: Path) -> tuple[Status | None, list[Finding]]:
    """What the running gateway says of itself; None where none runs here."""
    try:
        with line_to(gateway_id, folders_for(data_dir)) as line:
            return msgspec.json.decode(line.ask("status").body, type=Status), []
    except NotAllowed:
        found = Sentence(zh="在运行，但这个用户无权问它", en="runs, but this user may not ask it")
        return None, [Finding(mark=Mark.UNPROVEN, what=_ASKED, found=found, remedy=_SUDO)]
    except NotRunning:
        return None, [_NOT_RUNNING]
    except (DeviceError, msgspec.MsgspecError) as error:  # busy with others, or of another version
        why = sentence_of(told_by(error))
        found = Sentence(zh=f"在运行，但现在问不了：{why.zh}", en=f"runs, but cannot be asked now: {why.en}")
        return None, [Finding(mark=Mark.UNPROVEN, what=_ASKED, found=found)]


_NOT_RUNNING = Finding(
    mark=Mark.UNPROVEN,
    what=_ASKED,
    found=Sentence(zh="没有在运行：能查的都查，其余无法验证", en="does not run: what can be looked at without it is"),
)
_SUDO = Sentence(zh="用 sudo 再试", en="try again with sudo")


async def _findings(patient: Patient) -> AsyncIterator[Finding]:
    for looked in (service_findings, box_findings):
        for finding in await asyncio.to_thread(_all, looked, patient):
            yield finding
    async for finding in hardware_findings(patient):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(paper_findings(patient.home))):
        yield finding
    async for finding in centre_findings(patient):
        yield finding


def _all(look: Callable[[Patient], Iterable[Finding]], patient: Patient) -> list[Finding]:
    return list(look(patient))


def _summary(found: Sequence[Finding], language: str) -> str:
    faults = sum(finding.mark is Mark.FAULT for finding in found)
    looks = sum(finding.mark is Mark.LOOK for finding in found)
    if language == "zh":
        return (
            f"共 {len(found)} 项：{faults} 项故障 (XX)，{looks} 项要看 (!!)"
            if faults + looks
            else f"{len(found)} 项都正常"
        )
    if faults + looks:
        return f"{len(found)} things looked at: {faults} faults (XX), {looks} to look at (!!)"
    return f"{len(found)} things looked at: all is well"
