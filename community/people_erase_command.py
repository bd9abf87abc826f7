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
from shouwang.errors import ConfigError, TryLater


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add it to `people`."""
    gone = with_config(verbs.add_parser("erase", help="erase a resident: identity, contacts, words, measurements"))
    gone.add_argument("resident")
    gone.add_argument("--yes", action="store_true", help="do not ask again")
    acting(gone).set_defaults(func=_erase)


def _erase(options: argparse.Namespace) -> int:
    settings = load(options.config)
    if not options.yes and input(f"Erase {options.resident} for ever? Write the id again: ") != options.resident:
        raise ConfigError("nothing was erased")
    return with_store(settings, lambda store: _carry_out(settings, store, options))


async def _carry_out(settings: CommunitySettings, store: Store, options: argparse.Namespace) -> int:
    resident, now = str(options.resident), datetime.now(UTC)
    claims = await store.read(partial(people_forgetting.claims_of, resident_id=resident))
    if claims:
        say(f"{resident} was erased before; its measurements are forgotten now")
    else:
        erase = partial(people_erasure.erase, resident_id=resident, by=options.by, at=now, reason=options.reason)
        gone = await store.write(erase)
        claims = gone.claims
        for line in _told(settings, gone, now):
            say(line)
    series = await forget_stored(settings.measurements, settings.store.url, store, claims)
    say(f"the values of {series} series are forgotten")
    try:
        left = await forget_copied(settings.measurements, settings.store.url, claims)
    except TryLater as error:
        say(f"{error}; give the same command again when it can be reached")
        return 1
    for line in left:
        say(line)
    await store.write(partial(people_forgetting.drop_claims, resident_id=resident))
    return 0


def _told(settings: CommunitySettings, gone: people_erasure.Erased, now: datetime) -> Iterable[str]:
    """What went with the cases, and what this command cannot reach."""
    yield (
        f"{gone.resident_id} is erased: {gone.contacts} contacts, the words of {gone.notes} notes and {gone.alerts} "
        f"alerts, {gone.photos} photos, {gone.letters} messages that nobody could read"
    )
    if any(home.resident.id == gone.resident_id for home in settings.homes):
        yield (
            f"community.yaml still names {gone.resident_id}: "
            f"take {'the home' if gone.was_last else 'the resident'} out of it"
        )
    yield from _left_in_backups(settings, now.astimezone().date())


def _left_in_backups(settings: CommunitySettings, today: date) -> Iterable[str]:
    """Daily ones are let go when enough newer ones are there."""
    if settings.backup is not None:
        keep = settings.backup.keep
        for age, file in enumerate(reversed(backups_of(settings.backup.folder))):
            day = today + timedelta(days=max(keep - age, 1))
            yield f"the backup {file} still holds it, until it is let go on {day.isoformat()} (one backup a day)"
    yield "backups that were made by hand before today still hold it: throw them away as docs/people.md says"
