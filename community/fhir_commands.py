"""`shouwang community fhir export`: a resident's record as a FHIR R4 Bundle, into a file or onto the screen."""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from community.fhir.export import MOST_VALUES, Wish, export, permit_of_shell
from community.fhir.reading import Every
from community.fhir.record import Reader
from community.fhir.records import Records
from community.measurements.port import Span
from community.settings import CommunitySettings, load
from community.store.database import Store
from community.terminal import with_config, with_store
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

DEFAULT_SPAN = timedelta(days=30)
"""As long as single values are kept, if nothing else is set (docs/measurements.md)."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `fhir export`."""
    fhir = commands.add_parser("fhir", help="a resident's record for clinics (HL7 FHIR R4)")
    verbs = fhir.add_subparsers(required=True, metavar="COMMAND")
    parser = with_config(verbs.add_parser("export", help="write it as a Bundle"))
    parser.add_argument("--resident", required=True, metavar="ID", help="whose record")
    parser.add_argument(
        Bilingual("--from", zh="--from 要早于 --to"),
        dest="since",
        type=_moment,
        metavar="DAY",
        help="2026-11-01; default: 30 days before",
    )
    parser.add_argument("--to", dest="until", type=_moment, metavar="DAY", help="up to and without; default: now")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: the screen")
    parser.add_argument(
        "--every",
        choices=[one.value for one in Every],
        default=Every.HOUR.value,
        help="one Observation for each hour, each day, or each single value (default: hour)",
    )
    parser.add_argument("--limit", type=_number, default=MOST_VALUES, help="of single values of each series")
    parser.add_argument("--by", required=True, metavar="LOGIN", help="who takes it away")
    parser.add_argument("--reason", required=True, help="what for; both are kept in the record of reads")
    parser.set_defaults(func=_export)


def _export(options: argparse.Namespace) -> int:
    settings = load(options.config)
    now = datetime.now(UTC)
    end = now if options.until is None else settings.kpi.moment(options.until)
    start = end - DEFAULT_SPAN if options.since is None else settings.kpi.moment(options.since)
    if start >= end:
        raise ConfigError(Bilingual("--from must be before --to", zh="--from 要早于 --to"))
    wish = Wish(
        resident_id=options.resident,
        span=Span(start, end),
        reader=Reader(who=options.by, why=options.reason, at=now),
        every=Every(options.every),
        limit=options.limit,
    )
    with_store(settings, lambda store: _write(settings, store, wish, options.out))
    return 0


async def _write(settings: CommunitySettings, store: Store, wish: Wish, out: Path | None) -> None:
    async with (
        Records(settings, store).sources() as sources,
        aclosing(export(sources, wish, permit_of_shell(wish))) as pieces,
    ):
        await (_to_screen(pieces) if out is None else _to_file(pieces, out))


async def _to_screen(pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        sys.stdout.write(piece.decode())
    sys.stdout.write("\n")


async def _to_file(pieces: AsyncIterator[bytes], out: Path) -> None:
    """Whole or not at all, and for nobody else to read."""
    part = out.with_name(f"{out.name}.part")
    try:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: ASYNC230, PTH123 - the command does nothing else
            async for piece in pieces:
                file.write(piece)
        part.replace(out)
    except OSError as error:
        raise ConfigError(
            Bilingual(f"{out}: cannot be written: {error.strerror}", zh=f"{out}：写不进去：{error.strerror}")
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _moment(written: str) -> datetime:
    """By the centre's clock where no offset is written (`KpiEntry.moment`)."""
    try:
        if len(written) == len("2026-11-24"):
            return datetime.combine(date.fromisoformat(written), time())
        return datetime.fromisoformat(written)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{written}: write a day as 2026-11-24") from error


def _number(written: str) -> int:
    if not written.isdecimal() or not 1 <= int(written) <= 1_000_000:
        raise argparse.ArgumentTypeError("write a number from 1 to 1000000")
    return int(written)
