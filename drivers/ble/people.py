"""Who used a device that several people share, and their consent to be told of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import Field

from shouwang.bilingual import Bilingual
from shouwang.document import Id
from shouwang.driver import Sample
from shouwang.errors import ConfigError
from shouwang.reading import GUEST

Users = dict[Annotated[int, Field(ge=0, le=254)], Id]
USERS = "who is behind the device's user numbers, e.g. {1: wang, 2: li}; left out: always the resident"


class People:
    """The users of one device."""

    def __init__(self, users: Mapping[int, str], resident_id: str) -> None:
        """`users` may be empty: then whoever uses it is the home's resident."""
        self._users = users
        self._resident_id = resident_id

    def of(self, user: int | None, samples: Iterable[Sample]) -> list[Sample]:
        """The samples, marked with whom this user number means."""
        person = self._person(user)
        return [msgspec.structs.replace(sample, resident_id=person) for sample in samples]

    def _person(self, user: int | None) -> str:
        if not self._users:
            return ""
        named = GUEST if user is None else self._users.get(user, GUEST)
        return "" if named == self._resident_id else named


_MAX_USER, _MAX_CODE = 254, 9999  # User Data Service 1.1, section 3.2.2.4


def consents_in(file: Path) -> dict[int, int]:
    """The consent code of each user number in this file. Raises ConfigError."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Bilingual(
                f"{file}: the consent codes cannot be read: {error}",
                zh=f"{file}：用户确认码读不出来：{error}；网关的用户必须能读这个文件",
            )
        ) from error
    found: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not all(word.isascii() and word.isdigit() for word in words):
            raise ConfigError(
                Bilingual(
                    f'{file}:{number}: "{line[:20]}" is not a user number and a code, e.g. 1 4711',
                    zh=f"{file}:{number}：“{line[:20]}”不是用户号和确认码，例如 1 4711",
                )
            )
        user, code = int(words[0]), int(words[1])
        if user > _MAX_USER or code > _MAX_CODE:
            raise ConfigError(
                Bilingual(
                    f"{file}:{number}: user numbers go up to {_MAX_USER}, codes up to {_MAX_CODE}",
                    zh=f"{file}:{number}：用户号最大 {_MAX_USER}，确认码最大 {_MAX_CODE}",
                )
            )
        found[user] = code
    return found
