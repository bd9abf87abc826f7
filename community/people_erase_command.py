"""`shouwang community people erase`: a resident goes, out of every place; what cannot be reached is said."""

import argparse
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from community.daily_backup import backups_of
from community.measurements.forgetting import forget_copied, forget_stored
from community.settings import CommunitySettings, load
from community.store import people_erasure, people_forgetting
from community.store.database import Store
from community.terminal import acting, say, with_config, with_store
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import ConfigError, TryLater
from shouwang.spoken import said_here


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add it to `people`."""
    gone = with_config(verbs.add_parser("erase", help="erase a resident: identity, contacts, words, measurements"))
    gone.add_argument("resident")
    gone.add_argument("--yes", action="store_true", help="do not ask again")
    acting(gone).set_defaults(func=_erase)


def _erase(options: argparse.Namespace) -> int:
    settings = load(options.config)
    if not options.yes and input(said_here(both(*_SURE, who=options.resident))) != options.resident:
        raise ConfigError(_NOTHING)
    return with_store(settings, lambda store: _carry_out(settings, store, options))


async def _carry_out(settings: CommunitySettings, store: Store, options: argparse.Namespace) -> int:
    resident, now = str(options.resident), datetime.now(UTC)
    claims = await store.read(partial(people_forgetting.claims_of, resident_id=resident))
    if claims:
        say(both(*_BEFORE, who=resident))
    else:
        erase = partial(people_erasure.erase, resident_id=resident, by=options.by, at=now, reason=options.reason)
        gone = await store.write(erase)
        claims = gone.claims
        for line in _told(settings, gone, now):
            say(line)
    series = await forget_stored(settings.measurements, settings.store.url, store, claims)
    say(both(*_FORGOTTEN, number=series))
    try:
        left = await forget_copied(settings.measurements, settings.store.url, claims)
    except TryLater as error:
        say(both(*_AGAIN, error=told_by(error)))
        return 1
    for line in left:
        say(line)
    await store.write(partial(people_forgetting.drop_claims, resident_id=resident))
    return 0


def _told(settings: CommunitySettings, gone: people_erasure.Erased, now: datetime) -> Iterable[str]:
    """What went with the cases, and what this command cannot reach."""
    counts = {"contacts": gone.contacts, "notes": gone.notes, "alerts": gone.alerts, "photos": gone.photos}
    yield both(*_ERASED, who=gone.resident_id, letters=gone.letters, **counts)
    if any(home.resident.id == gone.resident_id for home in settings.homes):
        yield both(*(_HOME_IS_NAMED if gone.was_last else _IS_NAMED), who=gone.resident_id)
    yield from _left_in_backups(settings, now.astimezone().date())


def _left_in_backups(settings: CommunitySettings, today: date) -> Iterable[str]:
    """Daily ones are let go when enough newer ones are there."""
    if settings.backup is not None:
        keep = settings.backup.keep
        for age, file in enumerate(reversed(backups_of(settings.backup.folder))):
            day = today + timedelta(days=max(keep - age, 1))
            yield both(*_IN_DAILY, file=file, day=day.isoformat())
    yield _IN_OTHERS


_SURE = "Erase {who} for ever? Write the id again: ", "永久删除 {who}？请再输入一次编号："
_NOTHING = Bilingual("nothing was erased", zh="什么都没有删除")
_BEFORE = (
    "{who} was erased before; its measurements are forgotten now",
    "{who} 以前已删除；现在清除剩下的测量数据",
)
_FORGOTTEN = "the values of {number} series are forgotten", "已清除 {number} 组测量数据"
_AGAIN = (
    "{error}; give the same command again when it can be reached",
    "{error}；等连得上以后，再执行一次同样的命令",
)
_ERASED = (
    (
        "{who} is erased: {contacts} contacts, the words of {notes} notes and {alerts} alerts, {photos} photos, "
        "{letters} messages that nobody could read"
    ),
    (
        "{who} 已删除：联系人 {contacts} 位，备注 {notes} 条和报警 {alerts} 条里的文字，照片 {photos} 张，"
        "无法识别的消息 {letters} 条"
    ),
)
_HOME_IS_NAMED = (
    "community.yaml still names {who}: take the home out of it",
    "community.yaml 里还写着 {who}：请把这一家删去",
)
_IS_NAMED = (
    "community.yaml still names {who}: take the resident out of it",
    "community.yaml 里还写着 {who}：请把这位老人删去",
)
_IN_DAILY = (
    "the backup {file} still holds it, until it is let go on {day} (one backup a day)",
    "备份 {file} 里还有，到 {day} 才会淘汰（按每天一份备份算）",
)
_IN_OTHERS = Bilingual(
    "backups that were made by hand before today still hold it: throw them away as docs/people.md says",
    zh="今天以前手工做的备份里还有：请按 docs/people.md 的说明销毁",
)
