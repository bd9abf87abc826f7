"""What is wrong or odd about what a home sounds, shines and closes with, before it has to."""

from collections.abc import Iterator

from config.annunciators import ConsoleAnnunciatorPart, GpioLampPart, SpeechPart
from config.cut_offs import SAID_BY, CutOffPart, Danger
from config.home import Home
from config.outputs import GpioOutput, MqttOutput, SerialOutput
from config.ports import outputs_of, written
from shouwang.bilingual import Bilingual, chinese
from shouwang.document import Document
from shouwang.nodes import Path as Where
from shouwang.nodes import Problem

_RESERVED = {
    **dict.fromkeys((0, 1), Bilingual("for the identity of boards on top", zh="识别扩展板")),
    **dict.fromkeys((2, 3), Bilingual("for I2C, and always a little on", zh="I2C，而且总带一点电")),
    **dict.fromkeys((14, 15), Bilingual("the serial console unless it is off", zh="串口控制台（除非已关掉）")),
}
"""BCM numbers with a use of their own (Raspberry Pi documentation, GPIO)."""


def annunciator_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What cannot be used."""
    yield from _repeated_ids(document)
    yield from _shared_outputs(document)
    if document.value.local_broker is None:
        for path, part in outputs_of(document.value):
            if isinstance(part, MqttOutput):
                message = Bilingual(
                    'is behind MQTT, but the home has no broker; add "local_broker:" with "url: mqtt://127.0.0.1:1883"',
                    zh="走 MQTT，但这个家没有 MQTT 服务器；请写 local_broker:，下面写 url: mqtt://127.0.0.1:1883",
                )
                yield document.problem(path, message)


def annunciator_oddities(document: Document[Home]) -> Iterator[Problem]:
    """What can be used, and will not do what was meant."""
    yield from _reserved_pins(document)
    yield from _silent_in_gas(document)
    for index, cut_off in enumerate(document.value.cut_offs):
        for message in _cut_off_oddities(cut_off, document.value):
            yield document.problem(("cut_offs", index), message)


def _repeated_ids(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    seen: dict[str, str] = {}
    for index, part in enumerate(home.annunciators):
        name = getattr(part, "id", None)
        if name in seen:
            yield document.problem(
                ("annunciators", index, "id"),
                Bilingual(f'"{name}" is the id of {seen[name]} too', zh=f"“{name}”也是 {seen[name]} 的编号"),
            )
        elif name is not None:
            seen[name] = f"annunciators[{index}]"
    taken = {sensor.id: f"sensors[{index}]" for index, sensor in enumerate(home.sensors)}
    for index, cut_off in enumerate(home.cut_offs):
        if cut_off.id in taken:
            message = Bilingual(
                f'"{cut_off.id}" is the id of {taken[cut_off.id]} too; the centre sees a cut-off as a sensor',
                zh=f"“{cut_off.id}”也是 {taken[cut_off.id]} 的编号；中心把切断装置当作传感器看待",
            )
            yield document.problem(("cut_offs", index, "id"), message)
        taken.setdefault(cut_off.id, f"cut_offs[{index}]")


def _shared_outputs(document: Document[Home]) -> Iterator[Problem]:
    first: dict[object, Where] = {}
    for path, part in outputs_of(document.value):
        for key, output in _outputs(part):
            if output in first:
                message = Bilingual(
                    f"is what {written(first[output])} switches too; each needs its own",
                    zh=f"也是 {written(first[output])} 控制的；每个要用各自的",
                )
                yield document.problem((*path, key), message)
            first.setdefault(output, path)


def _outputs(part: object) -> Iterator[tuple[str, object]]:
    """What it switches, by the key that says so."""
    for key in ("pin", "red", "yellow"):
        pin = getattr(part, key, None)
        if pin is not None:
            yield key, ("pin", pin)
    if isinstance(part, SerialOutput):
        yield "channel", ("relay", part.port, part.channel)
    elif isinstance(part, MqttOutput):
        yield "topic", ("topic", part.make, part.topic, part.channel)


def _reserved_pins(document: Document[Home]) -> Iterator[Problem]:
    for path, part in outputs_of(document.value):
        for key, _ in _outputs(part):
            pin = getattr(part, key)
            if key in ("pin", "red", "yellow") and pin in _RESERVED:
                message = Bilingual(
                    f"GPIO{pin} is {_RESERVED[pin]}; take another, e.g. 17, 22, 23, 24, 25 or 27",
                    zh=f"GPIO{pin} 用于{chinese(_RESERVED[pin])}；请换一个，如 17、22、23、24、25 或 27",
                )
                yield document.problem((*path, key), message)


def _silent_in_gas(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    facts = home.facts()
    if not any(facts.sensors_with(quantity) for quantity in SAID_BY[Danger.GAS]):
        return
    sounds = [part for part in home.annunciators if not isinstance(part, ConsoleAnnunciatorPart | GpioLampPart)]
    if sounds and not any(isinstance(part, SpeechPart) or part.is_ex_safe for part in sounds):
        message = Bilingual(
            "nothing can be heard in a gas alarm: none of these may be switched then; add speech, or write "
            "ex_safe: true for what is in a room where no gas can gather",
            zh="燃气报警时什么也听不到：那时这些都不许动作；请加上语音，或给装在不会积聚燃气的房间里的写 ex_safe: true",
        )
        yield document.problem(("annunciators",), message)


def _cut_off_oddities(cut_off: CutOffPart, home: Home) -> Iterator[str]:
    facts = home.facts()
    if not any(facts.sensors_with(quantity) for danger in cut_off.closed_by for quantity in SAID_BY[danger]):
        dangers = ", ".join(sorted(danger.value for danger in cut_off.closed_by))
        yield Bilingual(
            f"nothing closes it: no sensor here tells {dangers}", zh=f"没有什么会让它关闭：这里没有传感器报 {dangers}"
        )
    if not cut_off.open_by:
        yield Bilingual(
            f"only `shouwang gateway open {cut_off.id}` opens it again; name a button under open_by",
            zh=f"只有 `shouwang gateway open {cut_off.id}` 才能再打开它；请在 open_by 写一个按键",
        )
    if isinstance(cut_off.by, MqttOutput) and not cut_off.by.words.state_topic:
        yield Bilingual(
            "nobody knows whether it has closed: it tells no state; give state_topic, or take another device",
            zh="没人知道它关上没有：它不报状态；请写 state_topic，或换一种设备",
        )
    if isinstance(cut_off.by, GpioOutput | SerialOutput) and not cut_off.is_on_when_closed:
        yield Bilingual(
            "is closed from the installation on, until a person opens it once; and whenever the box has no power",
            zh="从安装起就是关着的，要由人打开一次；网关断电时也是关着的",
        )
