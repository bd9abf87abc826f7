"""What is wrong or odd about what a home sounds, shines and closes with, before it has to."""

from collections.abc import Iterator

from config.annunciators import ConsoleAnnunciatorPart, GpioLampPart, SpeechPart
from config.cut_offs import SAID_BY, CutOffPart, Danger
from config.home import Home
from config.outputs import GpioOutput, MqttOutput, SerialOutput
from config.ports import outputs_of, written
from shouwang.document import Document
from shouwang.nodes import Path as Where
from shouwang.nodes import Problem

_RESERVED = {
    0: "for the identity of boards on top",
    1: "for the identity of boards on top",
    2: "for I2C, and always a little on",
    3: "for I2C, and always a little on",
    14: "the serial console unless it is off",
    15: "the serial console unless it is off",
}
"""BCM numbers with a use of their own (Raspberry Pi documentation, GPIO)."""


def annunciator_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What cannot be used."""
    yield from _repeated_ids(document)
    yield from _shared_outputs(document)
    if document.value.local_broker is None:
        for path, part in outputs_of(document.value):
            if isinstance(part, MqttOutput):
                message = (
                    'is behind MQTT, but the home has no broker; add "local_broker:" with "url: mqtt://127.0.0.1:1883"'
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
            yield document.problem(("annunciators", index, "id"), f'"{name}" is the id of {seen[name]} too')
        elif name is not None:
            seen[name] = f"annunciators[{index}]"
    taken = {sensor.id: f"sensors[{index}]" for index, sensor in enumerate(home.sensors)}
    for index, cut_off in enumerate(home.cut_offs):
        if cut_off.id in taken:
            message = f'"{cut_off.id}" is the id of {taken[cut_off.id]} too; the centre sees a cut-off as a sensor'
            yield document.problem(("cut_offs", index, "id"), message)
        taken.setdefault(cut_off.id, f"cut_offs[{index}]")


def _shared_outputs(document: Document[Home]) -> Iterator[Problem]:
    first: dict[object, Where] = {}
    for path, part in outputs_of(document.value):
        for key, output in _outputs(part):
            if output in first:
                message = f"is what {written(first[output])} switches too; each needs its own"
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
                message = f"GPIO{pin} is {_RESERVED[pin]}; take another, e.g. 17, 22, 23, 24, 25 or 27"
                yield document.problem((*path, key), message)


def _silent_in_gas(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    facts = home.facts()
    if not any(facts.sensors_with(quantity) for quantity in SAID_BY[Danger.GAS]):
        return
    sounds = [part for part in home.annunciators if not isinstance(part, ConsoleAnnunciatorPart | GpioLampPart)]
    if sounds and not any(isinstance(part, SpeechPart) or part.is_ex_safe for part in sounds):
        message = (
            "nothing can be heard in a gas alarm: none of these may be switched then; add speech, or write "
            "ex_safe: true for what is in a room where no gas can gather"
        )
        yield document.problem(("annunciators",), message)


def _cut_off_oddities(cut_off: CutOffPart, home: Home) -> Iterator[str]:
    facts = home.facts()
    if not any(facts.sensors_with(quantity) for danger in cut_off.closed_by for quantity in SAID_BY[danger]):
        dangers = ", ".join(sorted(danger.value for danger in cut_off.closed_by))
        yield f"nothing closes it: no sensor here tells {dangers}"
    if not cut_off.open_by:
        yield f"only `shouwang gateway open {cut_off.id}` opens it again; name a button under open_by"
    if isinstance(cut_off.by, MqttOutput) and not cut_off.by.words.state_topic:
        yield "nobody knows whether it has closed: it tells no state; give state_topic, or take another device"
    if isinstance(cut_off.by, GpioOutput | SerialOutput) and not cut_off.is_on_when_closed:
        yield "is closed from the installation on, until a person opens it once; and whenever the box has no power"
