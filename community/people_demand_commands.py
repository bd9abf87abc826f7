"""`shouwang community people ...`: what a resident may demand, and the codes of key-safes."""

import argparse
import getpass
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from community import people_erase_command, people_photo_command
from community.consent import Consent, How, Purpose
from community.measurements.place import samples_of
from community.registry_checks import said_at
from community.registry_dossier import chapters
from community.registry_folder import pages_of, write_dossier, write_samples
from community.registry_sealing import Safe, open_safe, write_new_key
from community.settings import load
from community.store import logins, people_access, people_demands, people_dossier, people_key_safes, resident_photos
from community.store.database import Connection, Store
from community.store.people_register import Hand
from community.terminal import acting, say, with_config, with_store
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError
from shouwang.spoken import said_here


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add them to `people`."""
    told = with_config(verbs.add_parser("dossier", help="write all that is on file of a resident into a new folder"))
    told.add_argument("resident")
    told.add_argument("folder", type=Path)
    acting(told).set_defaults(func=_dossier)
    right = with_config(verbs.add_parser("correct", help="change one thing; what was said before is kept"))
    right.add_argument("resident")
    right.add_argument("field")
    right.add_argument("value", nargs="*", help="several for a list, none to empty it")
    acting(right).set_defaults(func=_correct)
    _register_consent(with_config(verbs.add_parser("consent", help="write down what somebody agreed to, or withdrew")))
    people_erase_command.register(verbs)
    people_photo_command.register(verbs)
    looked = with_config(
        verbs.add_parser("access", help="who looked at what of a resident, when and why (not why it was corrected)")
    )
    looked.add_argument("resident")
    looked.add_argument("--limit", type=int, default=500)
    looked.set_defaults(func=_access)
    _register_key_safe(verbs.add_parser("key-safe", help="codes of key-safes; they are read in open cases only"))


def _register_consent(agreed: argparse.ArgumentParser) -> None:
    agreed.add_argument("resident")
    agreed.add_argument("purpose", choices=[one.value for one in Purpose])
    agreed.add_argument("word", choices=["given", "withdrawn"])
    agreed.add_argument("--said-by", required=True, metavar="NAME", help="who said so")
    agreed.add_argument("--relation", default="", help="by what right, where it was not the resident")
    agreed.add_argument("--at", help="when it was said (default: now)")
    agreed.add_argument("--text-version", default="", help="which text was read out or signed")
    agreed.add_argument("--how", choices=[one.value for one in How], default=How.PAPER.value)
    agreed.add_argument("--by", required=True, metavar="LOGIN", help="who writes it down")
    agreed.set_defaults(func=_consent)


def _register_key_safe(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    new = verbs.add_parser("new-key", help="make the key file that seals the codes")
    new.add_argument("path", type=Path, metavar="FILE")
    new.set_defaults(func=_new_key)
    put = with_config(verbs.add_parser("set", help="set the code of a home; it is asked for"))
    put.add_argument("home")
    put.add_argument("--hint", default="", help="where it hangs")
    put.add_argument("--by", required=True, metavar="LOGIN", help="who sets it")
    put.set_defaults(func=_set_code)
    seal = with_config(verbs.add_parser("seal", help="seal what was stored without the key file, or under another"))
    seal.add_argument("--old-key", type=Path, metavar="FILE", help="the key file that was used until now")
    seal.set_defaults(func=_seal)


_DOSSIER = (
    "{folder}: dossier.json, dossier.txt and measurements.csv with {count} values",
    "{folder}：已写好 dossier.json、dossier.txt 和 measurements.csv（{count} 个测量值）",
)
_CORRECTED = "{who}: {field} is corrected", "{who}：{field} 已更正"
_SAYS_SO = "{who}: it says so already", "{who}：本来就是这样写的"
_NO_MOMENT = (
    '"{written}" is no moment; write 2026-11-24 or 2026-11-24T09:30+08:00',
    "“{written}”不是日期或时刻；请写 2026-11-24 或 2026-11-24T09:30+08:00",
)
_GIVEN = "{who}: {purpose} given", "{who}：已登记同意 {purpose}"
_WITHDRAWN = "{who}: {purpose} withdrawn", "{who}：已登记撤回 {purpose}"
_LOOK = "{number} {at} {who} {act}{case}{why}", "{number} {at} {who} {act}{case}{why}"
_NOBODY = Bilingual("nobody", zh="没有人查看过")
_NEW_KEY = (
    "{path}: name it in community.yaml, `registry: {{key_file: ...}}`, and keep a copy off this machine:",
    "{path}：请写进 community.yaml 的 `registry: {{key_file: ...}}`，并在这台机器以外另存一份：",
)
_KEEP_IT = Bilingual("without it no code can be read again", zh="没有它，密码就再也读不出来了")
_CODE = Bilingual("Code: ", zh="密码：")
_ONCE_MORE = Bilingual("Once more: ", zh="再输一次：")
_DIFFER = Bilingual("the two codes differ; try again", zh="两次输入的密码不一样；请重新输入")
_SET = "{home}: the code is set", "{home}：钥匙盒密码已设好"
_SET_OPEN = (
    "{home}: the code is set; name registry.key_file to have it sealed",
    "{home}：钥匙盒密码已设好；写上 registry.key_file 才会加密封存",
)
_NO_KEY_FILE = Bilingual(
    "community.yaml names no registry.key_file; make one with `people key-safe new-key FILE`",
    zh="community.yaml 里没有写 registry.key_file；请用 `people key-safe new-key 文件` 做一个",
)
_SEALED = (
    "{codes} codes and {apps} secrets of authenticator apps are sealed with {file}",
    "已用 {file} 封存 {codes} 个钥匙盒密码和 {apps} 个身份验证器密钥",
)


def _dossier(options: argparse.Namespace) -> int:
    settings = load(options.config)
    now = datetime.now(UTC)

    async def make(store: Store) -> int:
        told = await store.write(
            lambda connection: people_dossier.dossier(
                connection, options.resident, by=options.by, at=now, reason=options.reason
            )
        )
        face = await store.read(lambda connection: resident_photos.picture(connection, options.resident))
        write_dossier(options.folder, told, pages_of(chapters(told)), face)
        async with samples_of(settings.measurements, settings.store.url, store) as samples:
            parts = [part async for part in _measured(samples, told)]
        return write_samples(options.folder, parts)

    count = with_store(settings, make)
    say(both(*_DOSSIER, folder=options.folder, count=count))
    return 0


async def _measured(
    samples: Store, told: people_dossier.Dossier
) -> AsyncIterator[list[tuple[str, str, str, datetime, float, str]]]:
    for series in await samples.read(partial(people_dossier.series_of, claims=told.claims)):
        named, after = (series.gateway_id, series.sensor_id, series.quantity), None
        while part := await samples.read(partial(people_dossier.samples_of, series=series, after=after)):
            after = part[-1][:3]
            yield [(*named, at, value, quality) for at, _, _, value, quality in part]


def _correct(options: argparse.Namespace) -> int:
    hand = Hand(by=options.by, at=datetime.now(UTC), reason=options.reason)
    value = people_demands.value_of(options.field, options.value)
    is_new = with_store(
        load(options.config),
        lambda store: store.write(
            lambda connection: people_demands.correct(connection, options.resident, options.field, value, hand)
        ),
    )
    say(both(*(_CORRECTED if is_new else _SAYS_SO), who=options.resident, field=options.field))
    return 0


def _consent(options: argparse.Namespace) -> int:
    now, settings = datetime.now(UTC), load(options.config)
    try:
        at = now if options.at is None else said_at(options.at, now, settings.kpi.zone)
    except ValueError as error:
        raise ConfigError(both(*_NO_MOMENT, written=options.at)) from error
    said = Consent(
        purpose=Purpose(options.purpose),
        is_given=options.word == "given",
        given_by=options.said_by,
        relation=options.relation,
        at=at,
        text_version=options.text_version,
        how=How(options.how),
    )
    with_store(
        settings,
        lambda store: store.write(
            lambda connection: people_demands.say_consent(connection, options.resident, said, by=options.by, at=now)
        ),
    )
    say(both(*(_GIVEN if said.is_given else _WITHDRAWN), who=options.resident, purpose=options.purpose))
    return 0


def _access(options: argparse.Namespace) -> int:
    entries = with_store(
        load(options.config),
        lambda store: store.read(
            lambda connection: people_access.of_resident(connection, options.resident, limit=options.limit)
        ),
    )
    for one in people_access.without_reasons(entries):  # a shell's window is nobody's medical card
        at = one.at.astimezone().isoformat(sep=" ", timespec="seconds")
        case = "" if one.incident_id is None else both(" case {case}", " 警情 {case}", case=one.incident_id)
        why = both(": {why}", "：{why}", why=one.reason) if one.reason else ""
        say(both(*_LOOK, number=one.access_id, at=at, who=one.actor, act=one.act, case=case, why=why))
    if not entries:
        say(_NOBODY)
    return 0


def _new_key(options: argparse.Namespace) -> int:
    write_new_key(options.path)
    say(both(*_NEW_KEY, path=options.path))
    say(_KEEP_IT)
    return 0


def _set_code(options: argparse.Namespace) -> int:
    settings = load(options.config)
    safe = open_safe(settings.registry.key_file)
    code = getpass.getpass(said_here(_CODE))
    if code != getpass.getpass(said_here(_ONCE_MORE)):
        raise ConfigError(_DIFFER)
    now = datetime.now(UTC)

    def put(connection: Connection) -> None:
        people_key_safes.put(connection, options.home, code, safe, hint=options.hint, by=options.by, at=now)

    with_store(settings, lambda store: store.write(put))
    say(both(*(_SET if safe.key_name else _SET_OPEN), home=options.home))
    return 0


def _seal(options: argparse.Namespace) -> int:
    settings = load(options.config)
    safe = open_safe(settings.registry.key_file)
    if not safe.key_name:
        raise ConfigError(_NO_KEY_FILE)
    before: Safe = open_safe(options.old_key)

    def seal(connection: Connection) -> tuple[int, int]:
        return people_key_safes.seal_all(connection, before, safe), logins.seal_apps(connection, before, safe)

    codes, apps = with_store(settings, lambda store: store.write(seal))
    say(both(*_SEALED, codes=codes, apps=apps, file=settings.registry.key_file))
    return 0
