"""`shouwang community dispatch ...` and `rosters ...`: bring in who goes there, and see that nobody is missing."""

import argparse
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from community.dispatch_file import DispatchFile, read_file
from community.incoming import bring_in
from community.rosters import NO_SHOW_AFTER, Absence, Hole, grid_faults, holes
from community.settings import load
from community.store import dispatch, roster_check
from community.terminal import with_config, with_store
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

DAYS_AHEAD = 14
"""How far the check looks by default: as long as a roster is usually written ahead."""
_MOST_LINES = 40


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of sending people."""
    sending = commands.add_parser("dispatch", help="units, responders, grids: who goes there")
    parts = sending.add_subparsers(required=True, metavar="COMMAND")
    bring = with_config(parts.add_parser("import", help="bring in a YAML file, or a CSV list"))
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument("--dry-run", action="store_true", help="say what it would change, and change nothing")
    bring.set_defaults(func=_import)
    listed = with_config(parts.add_parser("list", help="who could be sent now, and who not, and why"))
    listed.set_defaults(func=_list)
    roster = commands.add_parser("rosters", help="who is on duty when")
    duties = roster.add_subparsers(required=True, metavar="COMMAND")
    check = with_config(duties.add_parser("check", help="find hours and grids for which somebody is missing"))
    check.add_argument(
        Bilingual("--days", zh="--days：请写往后 1 到 366 天"),
        type=int,
        default=DAYS_AHEAD,
        help=f"how far ahead (default: {DAYS_AHEAD})",
    )
    check.set_defaults(func=_check)
    absent = with_config(duties.add_parser("absent", help="somebody cannot come"))
    absent.add_argument("person", help="a login, or the id of a responder")
    absent.add_argument("--from", dest="start", required=True, metavar="2026-12-01T08:00", type=_moment)
    absent.add_argument("--to", dest="end", required=True, metavar="2026-12-02T08:00", type=_moment)
    absent.add_argument("--reason", default="")
    absent.set_defaults(func=_absent)


def _moment(written: str) -> datetime:
    """By the centre's clock where no offset is written (`KpiEntry.moment`)."""
    try:
        return datetime.fromisoformat(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{written} is no time; write 2026-12-01T08:00") from error


def _import(options: argparse.Namespace) -> int:
    file = read(options.file)
    now = datetime.now(UTC)
    lines = with_store(load(options.config), lambda store: bring_in(store, file, now, dry=options.dry_run))
    if options.dry_run:
        print("nothing was changed; it would be:")
    for line in lines:
        print(line)
    return 0


def read(path: Path) -> DispatchFile:
    """The file, YAML or CSV by its name. Raises ConfigError."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            Bilingual(f"{path}: cannot be read: {error.strerror}", zh=f"{path}：读不出来：{error.strerror}")
        ) from error
    return read_file(body, name=path.name)


def _list(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    free, others = with_store(
        load(options.config), lambda store: store.read(lambda connection: dispatch.staff(connection, now))
    )
    for one in free:
        print(f"{one.responder_id}  {one.name}, {one.unit}, {one.phone}: {'; '.join(why.en for why in one.reasons)}")
    for left in others:
        print(f"{left.responder_id}  {left.name}: not now, {left.reason.en}")
    if not free:
        print("nobody could be sent now")
    return 0


def _check(options: argparse.Namespace) -> int:
    if not 1 <= options.days <= 366:
        raise ConfigError(Bilingual("--days: look 1 to 366 days ahead", zh="--days：请写往后 1 到 366 天"))
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    end = start + timedelta(days=options.days)
    settings = load(options.config)
    seen = with_store(
        settings, lambda store: store.read(lambda connection: roster_check.gathered(connection, start, end))
    )
    missing = holes(seen.shifts, seen.absences, start, end)
    faults = [_said(hole, settings.kpi.zone) for hole in missing]
    faults += [fault.en for fault in grid_faults(seen.grids, seen.posts, seen.people)]
    faults += [f"home {home}: has no grid; give its place one (people import), or areas" for home in seen.gridless]
    faults += [f"{one}: no telephone number; nobody can send him a case" for one in seen.mute]
    for fault in faults[:_MOST_LINES]:
        print(fault)
    if len(faults) > _MOST_LINES:
        print(f"... and {len(faults) - _MOST_LINES} more")
    late = int(NO_SHOW_AFTER.total_seconds() // 60)
    verdict = f"{len(faults)} to be mended" if faults else "no hour and no grid is without a person and a back-up"
    print(f"{options.days} days from now: {verdict} (who is {late} min late counts as missing)")
    return 1 if faults else 0


def _said(hole: Hole, zone: tzinfo) -> str:
    lacks = " and ".join({"main": "an operator", "backup": "a back-up"}[place.value] for place in hole.lacks)
    begins, ends = (moment.astimezone(zone) for moment in (hole.starts_at, hole.ends_at))
    return f"{begins:%a %Y-%m-%d %H:%M} to {ends:%a %Y-%m-%d %H:%M}: lacks {lacks}"


def _absent(options: argparse.Namespace) -> int:
    settings = load(options.config)
    start, end = settings.kpi.moment(options.start), settings.kpi.moment(options.end)
    if end <= start:
        raise ConfigError(Bilingual("an absence ends after it starts", zh="缺勤的结束要晚于开始"))
    away = Absence(person=options.person, starts_at=start, ends_at=end, reason=options.reason)

    with_store(settings, lambda store: store.write(lambda connection: roster_check.excuse(connection, away)))
    print(f"{options.person} is absent until {end:%Y-%m-%d %H:%M}; look at: rosters check")
    return 0
