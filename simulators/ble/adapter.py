"""One adapter as bluetoothd keeps it: power, discovery, the devices it has heard, and a radio that may go deaf."""

import asyncio
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from dbus_fast import Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from simulators.ble import sightings
from simulators.ble.agents import Agents
from simulators.ble.air import Advert
from simulators.ble.monitors import MONITOR_MANAGER, Monitors
from simulators.ble.objects import NO, YES, ObjectTree
from simulators.ble.peer import FAILED
from simulators.ble.radio import Delivered, Radio
from simulators.ble.remote import ABORTED, DEVICE, IN_PROGRESS, Central, Remote
from simulators.ble.rounds import Rounds
from simulators.ble.sightings import Sighting, data_property

ADAPTER = "org.bluez.Adapter1"

TEMPORARY_S = 30.0
"""bluetoothd removes a device that is neither connected nor heard for this long (TemporaryTimeout in main.conf)."""
_STRENGTH_STEP_DB = 8
"""bluetoothd signals a change of RSSI from here on (RSSI_THRESHOLD in device.c)."""


class Deaf(IntEnum):
    """What ends the silence of an adapter that hears nothing more without an error; each includes those before."""

    UNTIL_NEW_SCAN = 1
    UNTIL_POWER_CYCLE = 2
    UNTIL_RESTART = 3
    UNTIL_PLUGGED_IN_AGAIN = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """What a client wants to discover (SetDiscoveryFilter)."""

    uuids: frozenset[str] = frozenset()
    wants_repeats: bool = False


class Adapter:
    """`hci0` or another. Calls raise DBusError with the names that bluetoothd uses."""

    def __init__(
        self,
        bus: MessageBus,
        tree: ObjectTree,
        radio: Radio,
        agents: Agents,
        *,
        name: str,
        address: str,
        delivered: Delivered,
        temporary_s: float,
    ) -> None:
        """Nothing is shown before `power_on`."""
        self.path = f"/org/bluez/{name}"
        self.address = address
        self.max_connections: int | None = None
        """Links at a time; one more is refused."""
        self.is_terse = False
        """As strict as bluetoothd and the kernel: discovery hears an unchanged advert once a round, and a passive scan
        (or one without any filter) is told of a strength from 8 dB on only."""
        self.rounds = Rounds()
        self.monitors = Monitors(bus)
        self._tree = tree
        self._device, self._controller = radio.adapter(address, name, self._heard)
        self._controller.lets_through = self._lets_through
        self._central = Central(self._device, delivered=delivered, consent=agents.consent)
        self._agents = agents
        self._temporary_s = temporary_s
        self._remotes: dict[str, Remote] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._filters: dict[str, Filter] = {}
        self._scanners: set[str] = set()
        self._is_powered = True
        self._deaf: Deaf | None = None

    async def power_on(self) -> None:
        """Start the radio."""
        await self._device.power_on()

    async def power_off(self) -> None:
        """Stop the radio."""
        await self._device.power_off()

    def show(self, *, is_experimental: bool) -> None:
        """Appear on the bus, powered, with the devices of which bonds are kept."""
        self._is_powered = True
        properties = {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", "simulated"),
            "Alias": Variant("s", "simulated"),
            "Class": Variant("u", 0),
            "Powered": YES,
            "Discoverable": NO,
            "DiscoverableTimeout": Variant("u", 180),
            "Pairable": YES,
            "PairableTimeout": Variant("u", 0),
            "Discovering": NO,
            "Roles": Variant("as", ["central", "peripheral"]),
            "UUIDs": Variant("as", []),
        }
        interfaces = {ADAPTER: properties}
        if is_experimental:
            interfaces[MONITOR_MANAGER] = {
                "SupportedMonitorTypes": Variant("as", ["or_patterns"]),
                "SupportedFeatures": Variant("as", []),
            }
        self._tree.add(self.path, interfaces)
        for address in self._central.bonded():
            remote = self._keep(address)
            self._tree.add(remote.path, {DEVICE: self._describe(remote, Sighting(structures=[]), "random")})

    async def let_go(self) -> None:
        """End all links and scans, and forget all devices but the bonds."""
        for expiry in self._expiries.values():
            expiry.cancel()
        remotes = [*self._remotes.values()]
        self._expiries.clear()
        self._remotes.clear()
        self._scanners.clear()
        self._filters.clear()
        self.monitors.forget()
        await _end_links(remotes)

    async def set_power(self, *, is_on: bool) -> None:
        """Switch it; off drops links and ends scans, and devices stay known."""
        if is_on == self._is_powered:
            return
        self._is_powered = is_on
        if is_on:
            self.hear_again(Deaf.UNTIL_POWER_CYCLE)
        else:
            self._end_discovery()
            await _end_links([*self._remotes.values()])
        if self.path in self._tree:
            self._tree.change(self.path, ADAPTER, {"Powered": YES if is_on else NO})

    def deafen(self, until: Deaf) -> None:
        """Hear nothing more, and say nothing of it; links stay. From a power cycle on, nothing can be connected."""
        self._deaf = until
        self._controller.is_deaf = until >= Deaf.UNTIL_POWER_CYCLE

    def hear_again(self, cure: Deaf) -> None:
        """A cure was tried; it helps against what it ends."""
        if self._deaf is not None and self._deaf <= cure:
            self._deaf = None
            self._controller.is_deaf = False

    async def forget_client(self, sender: str) -> None:
        """A client left the bus: its scans and subscriptions end."""
        self._filters.pop(sender, None)
        if sender in self._scanners:
            self._scanners.remove(sender)
            if not self._scanners:
                self._end_discovery()
        await self.monitors.forget_client(sender)
        for remote in [*self._remotes.values()]:
            await remote.forget_client(sender)

    def remote(self, path: str) -> Remote:
        """The device whose object, or an object below it, this is. Raises DBusError."""
        for remote in self._remotes.values():
            if path == remote.path or path.startswith(f"{remote.path}/"):
                return remote
        raise DBusError("org.bluez.Error.DoesNotExist", "Does Not Exist")

    # What clients ask.

    def set_filter(self, sender: str, wanted: dict[str, Variant]) -> None:
        """SetDiscoveryFilter; an empty one takes it back."""
        if not wanted:
            self._filters.pop(sender, None)
            return
        uuids = wanted.get("UUIDs")
        repeats = wanted.get("DuplicateData")
        self._filters[sender] = Filter(
            uuids=frozenset() if uuids is None else frozenset(uuid.lower() for uuid in uuids.value),
            wants_repeats=repeats is not None and repeats.value,
        )

    def start_discovery(self, sender: str) -> None:
        """StartDiscovery."""
        self._require_power()
        if sender in self._scanners:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        self._scanners.add(sender)
        self.rounds.begin()
        self.hear_again(Deaf.UNTIL_NEW_SCAN)
        self._tree.change(self.path, ADAPTER, {"Discovering": YES})

    def stop_discovery(self, sender: str) -> None:
        """StopDiscovery."""
        self._require_power()
        if sender not in self._scanners:
            raise DBusError(FAILED, "No discovery started")
        self._scanners.remove(sender)
        if not self._scanners:
            self._end_discovery()

    async def register_monitor(self, sender: str, root: str) -> None:
        """RegisterMonitor: a new scan, too."""
        self.hear_again(Deaf.UNTIL_NEW_SCAN)
        await self.monitors.register(sender, root)

    async def remove_device(self, path: str) -> None:
        """RemoveDevice: link, bond and object go."""
        remote = self.remote(path)
        self._require_power()
        if not remote.is_idle:
            await remote.disconnect()
        self._central.forget_bond(remote.address)
        if remote.address in self._remotes:
            self._forget(remote)

    async def connect(self, path: str) -> None:
        """Connect of a device."""
        remote = self.remote(path)
        self._require_power()
        self._require_slot(remote)
        await remote.connect()

    async def pair(self, path: str, sender: str) -> None:
        """Pair of a device."""
        remote = self.remote(path)
        self._require_power()
        self._require_slot(remote)
        await remote.pair(self._agents.capability_for(sender))

    def _require_power(self) -> None:
        if not self._is_powered:
            raise DBusError("org.bluez.Error.NotReady", "Resource Not Ready")

    def _require_slot(self, wanted: Remote) -> None:
        links = sum(not remote.is_idle for remote in self._remotes.values() if remote is not wanted)
        if self.max_connections is not None and links >= self.max_connections:
            raise DBusError(FAILED, ABORTED)  # as att_connect_cb() says of whatever the kernel refuses

    # What the air brings.

    def _lets_through(self, advert: Advert) -> bool:
        return not (self.is_terse and self._scanners) or self.rounds.lets_through(advert)

    def _heard(self, advert: Advert) -> None:
        if not self._is_powered or self._deaf is not None or self.path not in self._tree:
            return
        if not self._scanners and not self.monitors.is_used:
            return
        # Who only listens asks for no scan response.
        sighting = sightings.read(advert.data + advert.response if self._scanners else advert.data)
        address = advert.address.to_string(with_type_qualifier=False)
        filters = [self._filters.get(sender, Filter()) for sender in self._scanners]
        is_wanted = any(not wanted.uuids or wanted.uuids & set(sighting.uuids) for wanted in filters)
        if not self.monitors.match(sighting, self._path_of(address)) and not is_wanted:
            return
        remote = self._remotes.get(address)
        if remote is None:
            remote = self._keep(address)
            kind = "public" if advert.address.is_public else "random"
            described = self._describe(remote, sighting, kind) | {"RSSI": Variant("n", advert.strength_dbm)}
            self._tree.add(remote.path, {DEVICE: described})
        else:
            self._refresh(remote, sighting, advert.strength_dbm, filters)
        remote.is_connectable = advert.is_connectable
        self._expire_later(remote)

    def _refresh(self, remote: Remote, sighting: Sighting, strength: int, filters: list[Filter]) -> None:
        shown = self._tree.get_all(remote.path, DEVICE)
        repeated: tuple[str, ...] = ()
        if any(wanted.wants_repeats for wanted in filters):  # these start anew then, and are told each time
            repeated = ("ServiceData", "ManufacturerData")
        fields = _fields(sighting, {name: value for name, value in shown.items() if name not in repeated})
        changes = {name: value for name, value in fields.items() if name in repeated or shown.get(name) != value}
        if self._must_tell(shown.get("RSSI"), strength):
            changes["RSSI"] = Variant("n", strength)
        if changes:
            self._tree.change(remote.path, DEVICE, changes)

    def _must_tell(self, shown: Variant | None, strength: int) -> bool:
        is_filtered = not self._scanners.isdisjoint(self._filters)
        if shown is None or not self.is_terse or is_filtered:
            return True
        return abs(int(shown.value) - strength) >= _STRENGTH_STEP_DB

    def _describe(self, remote: Remote, sighting: Sighting, address_type: str) -> dict[str, Variant]:
        properties = {
            "Address": Variant("s", remote.address),
            "AddressType": Variant("s", address_type),
            "Alias": Variant("s", sighting.name or remote.address.replace(":", "-")),
            "Adapter": Variant("o", self.path),
            "UUIDs": Variant("as", []),
        }
        for flag in ("Trusted", "Blocked", "LegacyPairing", "Connected", "ServicesResolved"):
            properties[flag] = NO
        for flag in ("Paired", "Bonded"):
            properties[flag] = YES if remote.is_bonded else NO
        return properties | _fields(sighting, properties)

    def _keep(self, address: str) -> Remote:
        remote = self._remotes[address] = Remote(self._tree, self._path_of(address), address, self._central)
        return remote

    def _path_of(self, address: str) -> str:
        return f"{self.path}/dev_{address.replace(':', '_')}"

    def _expire_later(self, remote: Remote) -> None:
        if remote.address in self._expiries:
            self._expiries[remote.address].cancel()
        loop = asyncio.get_running_loop()
        self._expiries[remote.address] = loop.call_later(self._temporary_s, self._expire, remote)

    def _expire(self, remote: Remote) -> None:
        if not remote.is_idle:
            self._expire_later(remote)
        elif not remote.is_bonded:
            self._forget(remote)

    def _forget(self, remote: Remote) -> None:
        expiry = self._expiries.pop(remote.address, None)
        if expiry is not None:
            expiry.cancel()
        del self._remotes[remote.address]
        self._tree.remove(remote.path)

    def _end_discovery(self) -> None:
        """discovery_cleanup() of bluetoothd: strengths are taken back, and what cannot be connected is forgotten."""
        self._scanners.clear()
        for remote in [*self._remotes.values()]:
            if not remote.is_connectable and not remote.is_bonded and not self.monitors.is_used:
                self._forget(remote)
            else:
                self._tree.invalidate(remote.path, DEVICE, "RSSI")
                self._tree.invalidate(remote.path, DEVICE, "TxPower")
        if self.path in self._tree:
            self._tree.change(self.path, ADAPTER, {"Discovering": NO})


def _fields(sighting: Sighting, shown: dict[str, Variant]) -> dict[str, Variant]:
    """The properties that the advert sets; lists and dictionaries grow, as they do in bluetoothd (device_add_eir_*)."""
    fields: dict[str, Any] = {}
    if sighting.name:
        fields["Name"] = fields["Alias"] = Variant("s", sighting.name)
    if sighting.flags is not None:
        fields["AdvertisingFlags"] = Variant("ay", sighting.flags)
    if sighting.tx_power is not None:
        fields["TxPower"] = Variant("n", sighting.tx_power)
    if sighting.appearance is not None:
        fields["Appearance"] = Variant("q", sighting.appearance)
    known = list(shown["UUIDs"].value) if "UUIDs" in shown else []
    if new := [uuid for uuid in sighting.uuids if uuid not in known]:
        fields["UUIDs"] = Variant("as", known + new)
    if sighting.service_data:
        fields["ServiceData"] = data_property(_grown(shown.get("ServiceData"), sighting.service_data), "a{sv}")
    if sighting.manufacturer_data:
        grown = _grown(shown.get("ManufacturerData"), sighting.manufacturer_data)
        fields["ManufacturerData"] = data_property(grown, "a{qv}")
    return fields


def _grown(shown: Variant | None, new: dict[Any, bytes]) -> dict[Any, bytes]:
    known = {} if shown is None else {key: bytes(value.value) for key, value in shown.value.items()}
    return known | new


async def _end_links(remotes: list[Remote]) -> None:
    for remote in remotes:
        if not remote.is_idle:
            await remote.disconnect()
