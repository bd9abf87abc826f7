"""The rooms behind the pages for administrators, made from what the server is."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo

from community.accounts import Accounts
from community.catalogue_room import CatalogueRoom
from community.centre_room import CentreRoom, Means
from community.daily_backup import source_of
from community.file_room import FileRoom
from community.passkey_room import PasskeyRoom
from community.passkeys import site_of
from community.place_room import PlaceRoom
from community.policy_room import PolicyRoom
from community.post import Line
from community.registry_sealing import Safe
from community.roster_room import RosterRoom
from community.screen_room import ScreenRoom
from community.settings import CommunitySettings
from community.staff_room import StaffRoom
from community.store.database import Store


def means_of(settings: CommunitySettings, lines: Sequence[Line], *, undone: Callable[[], Mapping[str, str]]) -> Means:
    """What this server has; `undone`: of its nightly round. Raises ConfigError for a secret of no use."""
    return Means(
        lines=lines,
        source=source_of(settings),
        backup=settings.backup,
        keep=settings.measurements.keep,
        retention=settings.retention,
        undone=undone,
    )


def admin_rooms(
    store: Store,
    accounts: Accounts,
    *,
    clock: Callable[[], datetime],
    safe: Safe,
    centre: str,
    address: str,
    means: Means,
    zone: tzinfo | None,
    pinned: Mapping[str, str],
) -> tuple[object, ...]:
    """Users and their passkeys, policies, files, rosters, places, screens, and the centre itself.

    `centre`: its name; `address`: of its console; `zone`: of its days; `pinned`: the boxes of the homes that
    community.yaml names.
    """
    site = site_of(address, centre)
    return (
        StaffRoom(store, accounts, clock=clock, safe=safe, centre=centre, address=address),
        PolicyRoom(store, clock=clock),
        CentreRoom(store, clock=clock, means=means),
        FileRoom(store, clock=clock, pinned=pinned),
        RosterRoom(store, clock=clock, zone=zone),
        PlaceRoom(store, clock=clock),
        CatalogueRoom(store),
        ScreenRoom(store, accounts, clock=clock, address=address),
        *(() if site is None else (PasskeyRoom(store, accounts, site, clock=clock),)),
    )
