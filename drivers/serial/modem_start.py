"""The first words with a modem: what it is, whether its SIM is open, and how it shall report. Same order every time."""

import asyncio
import logging
from pathlib import Path
from typing import Protocol

from drivers.serial.at_actor import ANY, NOTHING, Answer, AtActor
from drivers.serial.codec.at_errors import Refusal
from drivers.serial.codec.at_lines import fields_of
from drivers.serial.modem_models import Abilities, abilities_of
from shouwang.bilingual import Bilingual, both
from shouwang.errors import DecodeError, DeviceError

log = logging.getLogger(__name__)

SIM_BUSY_S = 30.0
"""A SIM is read for some seconds after power comes (SIM800: up to 10 s)."""
_SIM_PAUSE_S = 1.0
_PIN_S = 20.0
_PIN_LENGTHS = range(4, 9)
_PIN_MARK = "pin-tried"
_BUSY = 14
"""+CME ERROR of a SIM that has not looked at the PIN."""


class Memory(Protocol):
    """Marks that survive a restart."""

    async def mark(self, name: str) -> str:
        """What was noted; empty where nothing was. Raises TryLater."""
        ...

    async def set_mark(self, name: str, text: str) -> None:
        """Note it; on the card when this returns. Raises TryLater."""
        ...


async def start(actor: AtActor, *, pin_file: Path | None, centre: str | None, memory: Memory) -> Abilities:
    """Bring the modem to where it can send. Raises DeviceError with what is wrong, in plain words."""
    await _must(actor, "ATE0")
    await _must(actor, "AT+CMEE=1")
    model = await _model(actor)
    await _open_sim(actor, pin_file, memory)
    await _must(actor, "AT+CREG=2")
    await actor.ask("AT+CEREG=2", NOTHING)  # 2G modems do not know it
    await _must(actor, "AT+CMGF=0")
    await actor.ask('AT+CPMS="SM","SM","SM"', "+CPMS")  # where it cannot, its own memory will do
    await _report_arrivals(actor)
    if centre is not None:
        await _must(actor, f'AT+CSCA="{centre}",145')
    else:
        await _centre_is_there(actor)
    return abilities_of(model)


async def _must(actor: AtActor, command: str) -> Answer:
    answer = await actor.ask(command, NOTHING)
    if answer.refusal is not None:
        raise DeviceError(
            Bilingual(
                f"the modem refuses {command.split('=', 1)[0]}: {answer.refusal}; is it an SMS modem?",
                zh=f"调制解调器拒绝了 {command.split('=', 1)[0]}：{answer.refusal}；它是短信调制解调器吗？",
            )
        )
    return answer


async def _model(actor: AtActor) -> str:
    answer = await actor.ask("AT+CGMM", ANY)
    return answer.lines[0] if answer.lines else ""


async def _report_arrivals(actor: AtActor) -> None:
    """Messages and status reports into the SIM, with a word to us; reports straight to us where that is not known."""
    for setting in ("AT+CNMI=2,1,0,2,0", "AT+CNMI=2,1,0,1,0", "AT+CNMI=2,1,0,0,0"):
        if (await actor.ask(setting, NOTHING)).refusal is None:
            return
    log.warning("the modem does not tell of messages that come in; they are looked for now and then")


async def _centre_is_there(actor: AtActor) -> None:
    answer = await actor.ask("AT+CSCA?", "+CSCA")
    if answer.refusal is None and answer.lines and not fields_of(answer.lines[0])[0]:
        raise DeviceError(
            Bilingual(
                "the SIM names no SMS service centre; ask the operator for its number: smsc: under modem:",
                zh="SIM 卡里没有短信中心号码；请向运营商询问，写在 modem: 下的 smsc:",
            )
        )


# ---- the SIM ----


async def _open_sim(actor: AtActor, pin_file: Path | None, memory: Memory) -> None:
    state = await _settled_sim(actor)
    if state == "READY":
        return
    if state != "SIM PIN":
        raise DeviceError(_LOCKS.get(state) or both(*_LOCKED, state=state))
    if pin_file is None:
        raise DeviceError(
            Bilingual(
                "the SIM wants its PIN; write it into a file and name that with pin_file: under modem:",
                zh="SIM 卡需要 PIN；请写进文件，并在 modem: 下用 pin_file: 指明",
            )
        )
    pin, version = await asyncio.get_running_loop().run_in_executor(None, _read_pin, pin_file)
    if await memory.mark(_PIN_MARK) == version:
        raise DeviceError(
            Bilingual(
                f"the SIM's PIN in {pin_file} was tried once and was not right; it is not tried again, for the third "
                "wrong one locks the SIM. Try it in a telephone, then write the right one into the file",
                zh=f"{pin_file} 里的 SIM 卡 PIN 试过一次，不对；不再试了，因为错三次 SIM 卡就会锁住。"
                "请把卡放进手机试出正确的 PIN，再写进文件",
            )
        )
    await memory.set_mark(_PIN_MARK, version)  # before: a power cut now must not cost a second try
    answer = await actor.ask(f'AT+CPIN="{pin}"', NOTHING, timeout_s=_PIN_S)
    if answer.refusal is None or answer.refusal.code == _BUSY:
        await memory.set_mark(_PIN_MARK, "")
    if answer.refusal is not None:
        raise DeviceError(
            Bilingual(
                f"the SIM does not accept the PIN in {pin_file}: {answer.refusal}; it is not tried again",
                zh=f"SIM 卡不接受 {pin_file} 里的 PIN：{answer.refusal}；不会再试",
            )
        )
    await _settled_sim(actor)


_LOCKS = {
    "SIM PUK": Bilingual(
        "the SIM is locked after three wrong PINs; open it with its PUK in a telephone",
        zh="PIN 错了三次，SIM 卡已锁；请放进手机，用 PUK 解锁",
    ),
    "SIM PIN2": Bilingual("the SIM wants its PIN2; try another SIM", zh="SIM 卡要 PIN2；请换一张 SIM 卡"),
    "PH-SIM PIN": Bilingual(
        "the modem is locked to another SIM; put that one in, or take another modem",
        zh="调制解调器只认另一张 SIM 卡；请插那一张，或换一个调制解调器",
    ),
    "PH-NET PIN": Bilingual(
        "the modem is locked to another operator; take a SIM of that one, or another modem",
        zh="调制解调器只认另一家运营商；请用那家的 SIM 卡，或换一个调制解调器",
    ),
}
_LOCKED = (
    "the SIM is locked ({state}); open it in a telephone, then put it back",
    "SIM 卡锁住了（{state}）；请放进手机解锁，再插回来",
)


async def _settled_sim(actor: AtActor) -> str:
    """What +CPIN says once the SIM is not busy any more. Raises DeviceError, also where no SIM is there."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SIM_BUSY_S
    while True:
        answer = await actor.ask("AT+CPIN?", "+CPIN", timeout_s=_PIN_S)
        state = _sim_state(answer)
        if state in _ABSENT:
            raise DeviceError(
                Bilingual(
                    "there is no SIM in the modem, or it is not in right", zh="调制解调器里没有 SIM 卡，或没有插好"
                )
            )
        if state is not None:
            return state
        if loop.time() >= end:
            raise DeviceError(
                Bilingual(
                    f"the SIM cannot be read: {answer.refusal or 'the modem does not say why'}",
                    zh=f"SIM 卡读不出来：{answer.refusal or '调制解调器没有说明原因'}",
                )
            )
        await asyncio.sleep(_SIM_PAUSE_S)


_ABSENT = frozenset({"NOT INSERTED", "SIM REMOVED", "SIM NOT INSERTED"})
_NOT_YET = frozenset({"NOT READY"})


def _sim_state(answer: Answer) -> str | None:
    """None where it is not known yet."""
    found: Refusal | None = answer.refusal
    if found is not None:
        return {10: "NOT INSERTED", 12: "SIM PUK", 11: "SIM PIN"}.get(found.code or 0)
    try:
        state = fields_of(answer.lines[-1])[0] if answer.lines else ""
    except DecodeError:
        return None
    return None if not state or state in _NOT_YET else state


def _read_pin(file: Path) -> tuple[str, str]:
    """The PIN, and which version of the file it is from."""
    try:
        pin, version = file.read_text(encoding="ascii").strip(), f"{file}:{file.stat().st_mtime_ns}"
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(
            Bilingual(
                f"the SIM's PIN cannot be read from {file}: {error}", zh=f"无法从 {file} 读取 SIM 卡 PIN：{error}"
            )
        ) from error
    if not pin.isdecimal() or len(pin) not in _PIN_LENGTHS:
        raise DeviceError(
            Bilingual(
                f"{file} must hold the SIM's PIN, 4 to 8 digits, and nothing else; nothing was tried",
                zh=f"{file} 里只能写 SIM 卡 PIN（4 到 8 位数字）；没有尝试",
            )
        )
    return pin, version
