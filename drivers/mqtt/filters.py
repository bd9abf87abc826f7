"""Topic filters of MQTT: which topics a filter matches, and which filter makes another one needless."""

from collections.abc import Iterable

from paho.mqtt.client import topic_matches_sub

from shouwang.bilingual import Bilingual

_ONE, _REST = "+", "#"
_EMPTY = Bilingual("a topic is needed, without blanks at an end", zh="要写一个主题，首尾不能有空格")
_REST_INSIDE = Bilingual(
    '"#" stands for all the rest of a topic: it must be the last level and alone there, e.g. home/#',
    zh="“#”代表主题剩下的全部：它必须是最后一级，而且单独一级，例如 home/#",
)
_ONE_INSIDE = Bilingual(
    '"+" stands for one whole level of a topic, e.g. home/+/state', zh="“+”代表主题的整整一级，例如 home/+/state"
)


def is_pattern(written: str) -> bool:
    """Whether it holds a wildcard."""
    return _ONE in written or _REST in written


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a message on `topic` is for who subscribed to `topic_filter`."""
    return topic_matches_sub(topic_filter, topic)


def flaw(written: str) -> str:
    """What is wrong with a topic filter, as a sentence; empty where it can be used."""
    levels = written.split("/")
    if not written or "\0" in written or written != written.strip():
        return _EMPTY
    if any(_REST in level and level != _REST for level in levels) or _REST in levels[:-1]:
        return _REST_INSIDE
    if any(_ONE in level and level != _ONE for level in levels):
        return _ONE_INSIDE
    if levels[0] in (_ONE, _REST) and len(levels) == 1:
        return Bilingual(
            "this would take every message of the broker; begin with the part that all topics have in common",
            zh="这会收下服务器的每一条消息；请从各主题共有的开头写起",
        )
    return ""


def covers(wide: str, narrow: str) -> bool:
    """Whether all that `narrow` matches is matched by `wide` too, as far as the levels show."""
    if wide == narrow:
        return True
    wide_levels, narrow_levels = wide.split("/"), narrow.split("/")
    for index, level in enumerate(wide_levels):
        if level == _REST:
            return True
        if index >= len(narrow_levels) or narrow_levels[index] == _REST:
            return False
        if level not in (_ONE, narrow_levels[index]):
            return False
    return len(wide_levels) == len(narrow_levels)


def needed(filters: Iterable[str]) -> list[str]:
    """The filters without those that another one covers: a broker may send a message once for each that matches."""
    given = sorted(set(filters))
    wide = [one for one in given if is_pattern(one)]
    return [one for one in given if not any(other != one and covers(other, one) for other in wide)]
