"""What stands behind the page of files: a file comes, is tried without a trace, and is taken in once that was seen."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from community.casefile import NotNow
from community.dispatch_file import DispatchFile, read_file
from community.facts import Fact, fact, kept, words
from community.incoming import SHOWN, bring_in, take
from community.registry import (
    TABLES,
    AssessmentRow,
    CarePlanRow,
    ConsentRow,
    ContactRow,
    DeviceRow,
    HomeRow,
    MedicineRow,
    PlaceRow,
    Reading,
    ResidentRow,
    Row,
)
from community.registry_files import decoded, read_table, read_yaml
from community.store import tokens
from community.store.database import Connection, Store
from community.store.people_register import Hand
from community.users import User
from community.wording import MOVED_ON
from shouwang.alert import Sentence
from shouwang.bilingual import both
from shouwang.errors import ConfigError

MOST_BYTES = 2 * 1024 * 1024
"""Of one file: all tables of some 10,000 homes, or YAML of 2,000."""
MOST_ENTRIES = 2000
"""Of a file of units, responders and duties: it goes into the database in one piece, in less than a second."""
KEPT_FOR = timedelta(minutes=15)
"""So long a preview may be looked at, as a proof of who somebody is lasts."""
MOST_KEPT = 8
"""Files wait in memory, one of each session; the oldest goes first."""

_PERSONAL = (ResidentRow, ContactRow, ConsentRow, CarePlanRow, AssessmentRow, MedicineRow)
_PERSONAL_TABLES = frozenset(table for table, row in TABLES.items() if row in _PERSONAL)
_OPEN: tuple[type[Row], ...] = (PlaceRow, HomeRow, DeviceRow)
_PERSONAL_COLUMNS = frozenset(column for row in _PERSONAL for column in row.model_fields) - frozenset(
    column for row in _OPEN for column in row.model_fields
)
_PERSONAL_YAML = re.compile(rf"^[\"']?(?:{'|'.join(sorted(_PERSONAL_TABLES))})[\"']?\s*:", re.MULTILINE)
_MEDICAL_YAML = re.compile(
    r"^[ \t-]*[\"']?(?:conditions|allergies|medicines|flags|care_level|hearing)[\"']?\s*:", re.MULTILINE
)
_COMMAND = "shouwang community people import FILE --by LOGIN -c community.yaml"
_NOT_HERE = Sentence(
    zh="这个文件里有老人、联系人、同意书或健康信息。管理员无权看这些，这里不接收，也没有保存。"
    f"请由有权的人在服务器上用命令导入：{_COMMAND}",
    en="This file holds residents, contacts, consents or facts of health. An administrator has no right to those: it "
    f"is not taken here, and nothing of it was kept. Whoever may see them uses the command on the server: {_COMMAND}",
)
_EMPTY = Sentence(zh="文件是空的。请选一个文件。", en="The file is empty. Choose a file.")
_TOO_LARGE = Sentence(
    zh="文件超过 2 MB。请分成几个文件，或在服务器上用命令导入。",
    en="The file is larger than 2 MB. Make several of it, or use the command on the server.",
)
_TOO_MANY = Sentence(
    zh=f"文件里超过 {MOST_ENTRIES} 条。请在服务器上用命令导入："
    "shouwang community dispatch import FILE -c community.yaml",
    en=f"The file has more than {MOST_ENTRIES} entries. Use the command on the server: "
    "shouwang community dispatch import FILE -c community.yaml",
)
_GONE = Sentence(
    zh="这不是您刚才预览的文件，或者已过 15 分钟。没有做任何更改。请重新上传。",
    en="This is not the file that you looked at, or it was more than 15 minutes ago. Nothing has been changed. "
    "Send the file again.",
)


class Kind(StrEnum):
    """What a file is about."""

    DISPATCH = "dispatch"
    REGISTER = "register"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a file would change, or has changed; `complaints`: what is left out of it, by line."""

    kind: Kind
    name: str
    digest: str
    lines: tuple[str, ...]
    complaints: tuple[str, ...]
    usable: int

    @property
    def hidden(self) -> int:
        """How many complaints are not shown."""
        return max(0, len(self.complaints) - SHOWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    body: bytes
    preview: Preview
    at: datetime


class FileRoom:
    """Files on their way in."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], pinned: Mapping[str, str]) -> None:
        """`pinned`: the boxes of homes that community.yaml names, which has the last word there."""
        self._store, self._clock, self._pinned = store, clock, pinned
        self._kept: dict[str, _Kept] = {}

    async def look_at(self, session: str, by: User, kind: Kind, name: str, body: bytes) -> Preview:
        """What it would change; nothing is written. Raises NotNow, ConfigError for a file of no use."""
        if not body.strip():
            raise NotNow(_EMPTY)
        if len(body) > MOST_BYTES:
            raise NotNow(_TOO_LARGE)
        name = plain_name(name)
        preview = await self._run(by, kind, name, body, dry=True)
        self._let_go()
        self._kept.pop(session, None)
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[session] = _Kept(body=body, preview=preview, at=self._clock())
        return preview

    def kind_of(self, session: str, digest: str) -> Kind:
        """Of the file that this session has looked at. Raises NotNow for another one, or a later hour."""
        return self._found(session, digest).preview.kind

    async def take(self, session: str, by: User, digest: str) -> Preview:
        """Take the file in that this session has looked at. Raises NotNow, ConfigError."""
        kept = self._found(session, digest)
        seen = kept.preview
        if await self._run(by, seen.kind, seen.name, kept.body, dry=True) != seen:
            raise NotNow(MOVED_ON)
        if self._kept.pop(session, None) is not kept:  # pressed twice
            raise NotNow(_GONE)
        return await self._run(by, seen.kind, seen.name, kept.body, dry=False)

    def _found(self, session: str, digest: str) -> _Kept:
        self._let_go()
        kept = self._kept.get(session)
        if kept is None or kept.preview.digest != digest:
            raise NotNow(_GONE)
        return kept

    def _let_go(self) -> None:
        now = self._clock()
        self._kept = {session: one for session, one in self._kept.items() if now - one.at < KEPT_FOR}

    async def _run(self, by: User, kind: Kind, name: str, body: bytes, *, dry: bool) -> Preview:
        digest = hashlib.sha256(body).hexdigest()
        if kind is Kind.DISPATCH:
            lines, refused, usable = await self._dispatch(by, name, body, dry=dry)
        else:
            lines, refused, usable = await self._register(by, name, body, dry=dry)
        return Preview(kind=kind, name=name, digest=digest, lines=lines, complaints=refused, usable=usable)

    async def _dispatch(
        self, by: User, name: str, body: bytes, *, dry: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        file = await asyncio.to_thread(read_file, body, name=name)
        count = _entries(file)
        if count > MOST_ENTRIES:
            raise NotNow(_TOO_MANY)
        now = self._clock()

        def note(connection: Connection, lines: tuple[str, ...]) -> None:
            tokens.changed(connection, by.login, "file taken in", name, _said(body, lines), at=now)

        return await bring_in(self._store, file, now, dry=dry, note=note), (), count

    async def _register(
        self, by: User, name: str, body: bytes, *, dry: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        reading = await asyncio.to_thread(read_impersonal, body, name)
        hand = Hand(by=by.login, at=self._clock(), reason=name, dry=dry)
        taken = await take(self._store, reading, hand, self._pinned)
        lines = taken.lines()
        if not dry:
            counts = tuple(line for line in lines if line.partition(":")[0] in TABLES)
            await self._store.write(
                lambda connection: tokens.changed(
                    connection, by.login, "file taken in", name, _said(body, counts), at=hand.at
                )
            )
        complaints = tuple(one.told for one in taken.sifted.refusals)
        return lines, complaints, taken.tally.touched


def read_impersonal(body: bytes, name: str) -> Reading:
    """Places, homes and devices. Raises NotNow where anything of persons is in it, before a word of it is told."""
    text = decoded(body, "utf-8", name=name)
    if name.endswith(".csv"):
        heads = {head.strip().strip("\"'") for head in text.removeprefix("\ufeff").split("\n", 1)[0].split(",")}
        if name.removesuffix(".csv") in _PERSONAL_TABLES or heads & _PERSONAL_COLUMNS:
            raise NotNow(_NOT_HERE)
        return read_table(text, name=name)
    if not name.endswith((".yaml", ".yml")):
        raise ConfigError(both(*_OTHER_KIND, name=name))
    if _PERSONAL_YAML.search(text) or _MEDICAL_YAML.search(text):
        raise NotNow(_NOT_HERE)
    reading = read_yaml(text, name=name)
    is_personal = any(isinstance(one.row, _PERSONAL) for one in reading.register.entries)
    if is_personal or any(one.table in _PERSONAL_TABLES for one in reading.refusals):
        raise NotNow(_NOT_HERE)
    return reading


def plain_name(name: str) -> str:
    """The name of a file as a browser told it, without folders and what cannot be shown."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(sign for sign in last if sign.isprintable())[-100:] or "file"


def _entries(file: DispatchFile) -> int:
    parts = (file.units, file.responders, file.grids, file.duties, file.shifts, file.absences, file.homes)
    return sum(len(part) for part in parts if part is not None)


def _said(body: bytes, lines: tuple[str, ...]) -> str:
    told = [_counted(line) for line in lines[:_LINES_KEPT]]
    return kept((*told, fact("digest", digest=hashlib.sha256(body).hexdigest())))


def _counted(line: str) -> Fact:
    """A line of the counts as a fact; any other one as it is."""
    found = _COUNTS.fullmatch(line)
    if found is not None:
        return fact("counted", **found.groupdict())
    found = _PART.fullmatch(line)
    return words(line) if found is None else fact("part", **found.groupdict())


_OTHER_KIND = "{name}: is neither a .yaml file nor a .csv table", "{name}：既不是 .yaml 文件，也不是 .csv 表格"
_LINES_KEPT = 40
_COUNTS = re.compile(r"(?P<table>\w+): (?P<new>\d+) new, (?P<changed>\d+) changed, (?P<same>\d+) as before")
_PART = re.compile(r"(?P<table>\w+): (?P<count>\d+)")
