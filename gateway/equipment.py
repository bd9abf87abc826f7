"""What a home's configuration makes of itself: links, drivers, annunciators, the way to the centre. Opens nothing."""

from collections.abc import Mapping

from config.home import Home
from drivers import Links
from drivers.links import address_of, links_for, receivers_for
from drivers.mqtt.link import LocalBroker
from gateway.dashboard import Dashboard, last_will_of
from gateway.discovery import Names
from gateway.household import Household
from messaging.broker import BrokerSettings, TlsFiles, parse_broker_url
from messaging.secret import password_of
from messaging.tls import tls_context
from shouwang.driver import Notes

_SESSION_EXPIRY_S = 86_400
"""The broker keeps our commands for a day while we are away."""


def uplink_settings(home: Home) -> BrokerSettings:
    """How to reach the centre's broker; raises ConfigError where a secret or certificate cannot be read."""
    settings = way_to_centre(home)
    if settings.tls is not None:
        tls_context(settings.tls)
    password_of(settings)
    return settings


def way_to_centre(home: Home) -> BrokerSettings:
    """The same, unread: a file that is missing is a lost connection, and the home is watched without it."""
    uplink = home.uplink
    host, port, is_tls = parse_broker_url(uplink.url)
    tls = TlsFiles(ca_file=uplink.ca_file, cert_file=uplink.cert_file, key_file=uplink.key_file) if is_tls else None
    return BrokerSettings(
        host=host,
        port=port,
        client_id=home.gateway.id,
        username=uplink.username or home.gateway.id,
        password_file=uplink.password_file,
        tls=tls,
        version=uplink.version,
        session_expiry_s=_SESSION_EXPIRY_S,
        clean_start=False,
    )


def dashboard_of(home: Home, links: Links, household: Household) -> Dashboard | None:
    """What tells the home on its own broker; None where nobody asked for it."""
    broker = home.local_broker
    if broker is None or links.local_broker is None:
        return None
    if broker.publish is None:
        links.local_broker.mute(())
        return None
    part = broker.publish
    names = Names(home.gateway.id, part.topic, part.discovery_prefix, home.gateway.language)
    links.local_broker.mute(names.own_filters)  # what we say ourselves is no news to us
    link = LocalBroker(address_of(broker), name=names.base, testament=last_will_of(names))
    return Dashboard(link, names, household.sensors)


def links_of(home: Home, notes: Mapping[str, Notes]) -> Links:
    """The links of this home; `notes`: what its drivers noted so far."""
    return links_for(
        home.local_broker,
        bluetooth=home.bluetooth,
        modbus=home.modbus,
        receivers=receivers_for(home.enocean, home.rfxtrx),
        notes=notes,
        resident_id=home.resident.id,
        names=home.names(),
    )
