"""Any device that speaks MQTT: topics, where in the JSON the value stands, what it means, as the installer wrote it.

JSON paths are JMESPath (jmespath.org): `temperature`, `sensors[0].value`, `"DS18B20-1".Temperature`; `@` is the whole
message, also where it is plain text.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.links import Links
from drivers.mqtt.filters import matches
from drivers.mqtt.kind import Filter, MqttKind
from drivers.mqtt.payload import Plain, json_or_text, moment_of, text_of
from drivers.mqtt.said_as import SaidAs
from drivers.mqtt.sensor import Heard, MqttSensor, Presence
from drivers.mqtt.switchboard import Arrival
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Driver, Said
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

_MAX_PATH = 200
_WHOLE = "@"
GONE = Bilingual(
    "its availability topic says that the device is offline; is it powered, is it in reach?",
    zh="它的在线主题说设备已离线；有电吗？在范围内吗？",
)


def _path(written: str) -> str:
    if len(written) > _MAX_PATH:
        raise ValueError(Bilingual(f"a path of more than {_MAX_PATH} characters", zh=f"路径超过了 {_MAX_PATH} 个字符"))
    try:
        jmespath.compile(written)
    except JMESPathError:
        raise ValueError(
            Bilingual(
                f'"{written[:60]}" is no path into JSON; write e.g. temperature or sensors[0].value (see jmespath.org)',
                zh=f"“{written[:60]}”不是 JSON 里的路径；请写例如 temperature 或 sensors[0].value（见 jmespath.org）",
            )
        ) from None
    return written


Path = Annotated[str, AfterValidator(_path)]


class JsonValue(SaidAs):
    """One value in the message."""

    path: Path = Field(default=_WHOLE, description="where it stands in the JSON, e.g. sensors[0].value; @ is all of it")


class Availability(BaseModel):
    """Where the device, or who speaks for it, says whether it is there."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    topic: Filter = Field(description="topic on which it is said, e.g. greenhouse/status")
    path: Path = Field(default=_WHOLE, description="where it stands in the JSON; @ is the whole message")
    online: str = Field(default="online", description="what is said while it is there")
    offline: str = Field(default="offline", description="what is said when it is gone")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.online == self.offline:
            raise ValueError(
                Bilingual(
                    "online and offline are the same word; change one of them",
                    zh="online 和 offline 是同一个词；请改一个",
                )
            )
        return self


class MqttJson(MqttKind):
    """A device of any maker that speaks MQTT."""

    emits: ClassVar[frozenset[Quantity]] = frozenset(QUANTITIES)

    kind: Literal["mqtt_json"]
    topic: Filter = Field(description="topic of the device, + for one level and # for the rest, e.g. house/+/state")
    values: tuple[JsonValue, ...] = Field(min_length=1, description="the values in its messages, one entry each")
    time: Path | None = Field(
        default=None,
        description="where the device's own time stands: seconds or milliseconds since 1970, or ISO 8601 with offset",
    )
    availability: Availability | None = Field(default=None, description="where it is said whether the device is there")

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What is named."""
        return frozenset(value.quantity for value in self.values)

    @property
    def will_say(self) -> frozenset[Quantity]:
        """The same."""
        return self.can_say

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no local broker."""
        topics = [self.topic] if self.availability is None else [self.topic, self.availability.topic]
        subscription = links.broker_for(self.id).subscription(topics)
        return MqttSensor(self.id, subscription, self.decode, max_silence=self.max_silence)

    def decode(self, arrival: Arrival) -> list[Heard]:
        """What one message of this device means; raises DecodeError."""
        said = self.availability
        if said is not None and matches(said.topic, arrival.topic):
            return [_presence(said, arrival.payload)]
        return list(decode(arrival.payload, self.values, time=self.time))


def decode(payload: bytes, values: Sequence[JsonValue], *, time: str | None = None) -> list[Said]:
    """What one message means. A value that is not in it says nothing; raises DecodeError where none can be read."""
    document = json_or_text(payload)
    at = None if time is None else moment_of(_found(time, document))
    found: list[Said] = []
    flaw: DecodeError | None = None
    for value in values:
        try:
            sample = value.sample(_found(value.path, document), payload, at=at)
        except DecodeError as error:
            flaw = DecodeError(f"{value.path}: {error}")
            continue
        if sample is not None:
            found.append(sample)
    if flaw is not None and not found:
        raise flaw
    return found or [Alive()]


def _presence(said: Availability, payload: bytes) -> Presence:
    if not payload:
        return Presence(is_there=True)
    word = text_of(payload) if said.path == _WHOLE else str(_found(said.path, json_or_text(payload)))
    if word not in (said.online, said.offline):
        raise DecodeError(f"neither {said.online!r} nor {said.offline!r}: {word[:40]!r}")
    return Presence(is_there=word == said.online, why=GONE)


def _found(path: str, document: Plain) -> Plain:
    try:
        found: Plain = jmespath.search(path, document)
    except (JMESPathError, RecursionError) as error:
        raise DecodeError(f"{path}: {error}") from error
    return found
