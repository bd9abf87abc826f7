"""What a community server is: community.yaml, read and checked. Secrets are named by file, never written in it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from community.access_settings import AccessEntry
from community.channel_settings import ChannelsEntry
from community.dispatch_settings import DispatchEntry
from community.kpi_settings import KpiEntry, MetricsEntry
from community.map_settings import MapEntry
from community.measurement_settings import BackupEntry, MeasurementsEntry
from community.points import Latitude, Longitude, fault_of
from community.registry_settings import RegistryEntry
from community.retention_settings import RetentionEntry
from community.store.engines import parse_url
from messaging.broker import BrokerSettings, TlsFiles, parse_broker_url
from messaging.secret import read_secret
from messaging.tls import tls_context
from shouwang.bilingual import Bilingual, told_by
from shouwang.document import parse
from shouwang.errors import ConfigError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _read_by(reader: Callable[[str], object]) -> AfterValidator:
    def check(written: str) -> str:
        try:
            reader(written)
        except ConfigError as error:
            raise ValueError(told_by(error)) from error
        return written

    return AfterValidator(check)


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            Bilingual(
                "write the address that browsers use, e.g. https://care.example.org",
                zh="请写浏览器访问的地址，例如 https://care.example.org",
            )
        )
    return url.rstrip("/")


def _id(written: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", written):
        raise ValueError(
            Bilingual(
                f'"{written[:40]}" cannot be a name; use up to 64 letters, digits, "-" or "_", no spaces',
                zh=f"“{written[:40]}”不能作名称；最多 64 个英文字母、数字、“-”或“_”，不要空格",
            )
        )
    return written


def _of_length(least: int, most: int) -> AfterValidator:
    def check(written: str) -> str:
        if not least <= len(written) <= most:
            raise ValueError(
                Bilingual(
                    f"has {len(written)} characters; write {least} to {most}",
                    zh=f"有 {len(written)} 个字；请写 {least} 到 {most} 个",
                )
            )
        return written

    return AfterValidator(check)


Id = Annotated[str, AfterValidator(_id)]
Words = Annotated[str, _of_length(0, 2000)]
Line = Annotated[str, _of_length(1, 200)]


class StoreEntry(_Part):
    """The database: `sqlite:///folder/file.db` (relative to this file) or `postgresql://user@host:port/name`."""

    url: Annotated[str, _read_by(parse_url)] = "sqlite:///community.db"
    password_file: Path | None = None


class BrokerEntry(_Part):
    """The community's MQTT broker. `client_id` tells two servers on one broker apart."""

    url: Annotated[str, _read_by(parse_broker_url)]
    version: Literal["5", "3.1.1"] = "5"
    client_id: Id = "shouwang-community"
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class WebEntry(_Part):
    """Where the console listens; `public_url` is its address as browsers see it, behind a proxy with TLS.

    `map`: the tiles of a street map for the plan; without them the plan is drawn without streets.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: Annotated[str, AfterValidator(_web_address)] | None = None
    map: MapEntry | None = None


class ContactEntry(_Part):
    """A person to call."""

    name: Line
    relation: Words = ""
    phone: Line
    has_key: bool = False


class ResidentEntry(_Part):
    """The person whom the home watches over. `born` is a year."""

    id: Id
    name: Line
    born: Annotated[int, Field(ge=1880, le=2100)] | None = None
    living: Words = ""
    conditions: tuple[Line, ...] = ()
    allergies: tuple[Line, ...] = ()
    medicines: tuple[Line, ...] = ()
    notes: Words = ""
    contacts: tuple[ContactEntry, ...] = ()


class HomeEntry(_Part):
    """A home, its box, and who lives there.

    `offline_after`: for how many minutes its box may be silent (3, unless nobody must look so soon). Fewer than 2 need
    a box that beats more often: `gateway.heartbeat` in its home.yaml. `high_risk`: somebody is called at once then.
    `sms_key_file`: the key that signs what the box sends by SMS, the same as `second_path.key_file` in its home.yaml.
    `lat`, `lon`: where it stands, WGS-84; left out: what the register says.
    """

    id: Id
    gateway: Id
    address: Line
    resident: ResidentEntry
    offline_after: Annotated[int, Field(ge=1, le=1440)] = 3
    high_risk: bool = False
    sms_key_file: Path | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None

    @model_validator(mode="after")
    def _stands_somewhere(self) -> "HomeEntry":
        fault = fault_of(self.lat, self.lon)
        if fault:
            raise ValueError(fault)
        return self


class SmsInletEntry(_Part):
    """Where a provider or kannel brings what homes send by SMS: POST /inlet/sms. `token_file`: what it must know."""

    token_file: Path


class CommunitySettings(_Part):
    """A community server."""

    name: Line
    store: StoreEntry = StoreEntry()
    broker: BrokerEntry
    web: WebEntry = WebEntry()
    sms_inlet: SmsInletEntry | None = None
    registry: RegistryEntry = RegistryEntry()
    homes: tuple[HomeEntry, ...] = ()
    dispatch: DispatchEntry = DispatchEntry()
    channels: ChannelsEntry = ChannelsEntry()
    measurements: MeasurementsEntry = MeasurementsEntry()
    backup: BackupEntry | None = None
    access: AccessEntry = AccessEntry()
    kpi: KpiEntry = KpiEntry()
    retention: RetentionEntry = RetentionEntry()
    metrics: MetricsEntry | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "CommunitySettings":
        for what, ids in (
            ("home id", [home.id for home in self.homes]),
            ("gateway", [home.gateway for home in self.homes]),
            ("resident id", [home.resident.id for home in self.homes]),
        ):
            twice = sorted({one for one in ids if ids.count(one) > 1})
            if twice:
                raise ValueError(
                    Bilingual(
                        f"the {what} {', '.join(twice)} stands in more than one home; give each home its own",
                        zh=f"{', '.join(twice)}（{what}）写在了不止一个家里；请让每个家各用各的",
                    )
                )
        return self


def load(path: Path) -> CommunitySettings:
    """The settings in the file, with its relative paths made absolute from its folder. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            Bilingual(f"{path}: cannot be read: {error.strerror}", zh=f"{path}：读不出来：{error.strerror}")
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            Bilingual(f"{path}: is not UTF-8 text; save it as UTF-8", zh=f"{path}：不是 UTF-8 文本；请另存为 UTF-8")
        ) from error
    return _placed(parse(text, CommunitySettings, name=path.name), path.absolute().parent)


def broker_settings(broker: BrokerEntry, role: str, *, receive_maximum: int, session_expiry_s: int) -> BrokerSettings:
    """How the part of the server called `role` connects. Raises ConfigError for a secret or certificate of no use."""
    host, port, is_tls = parse_broker_url(broker.url)
    tls = TlsFiles(ca_file=broker.ca_file, cert_file=broker.cert_file, key_file=broker.key_file) if is_tls else None
    if tls is not None:
        tls_context(tls)  # files that cannot be used are told at the start; later they are a lost connection
    return BrokerSettings(
        host=host,
        port=port,
        client_id=f"{broker.client_id}-{role}",
        username=broker.username,
        password=secret(broker.password_file),
        tls=tls,
        version=broker.version,
        session_expiry_s=session_expiry_s,
        clean_start=session_expiry_s == 0,
        receive_maximum=receive_maximum,
    )


def secret(path: Path | None) -> str | None:
    """What the file holds; None where no file is named. Raises ConfigError."""
    return None if path is None else read_secret(path)


def _placed(settings: CommunitySettings, folder: Path) -> CommunitySettings:
    prefix = "sqlite:///"
    store, broker, inlet = settings.store, settings.broker, settings.sms_inlet
    url = store.url
    if url.startswith(prefix) and not url.startswith(prefix + "/") and len(url) > len(prefix):
        url = f"{prefix}{folder / url.removeprefix(prefix)}"
    files = {name: getattr(broker, name) for name in ("password_file", "ca_file", "cert_file", "key_file")}
    return settings.model_copy(
        update={
            "store": store.model_copy(update={"url": url, "password_file": _under(folder, store.password_file)}),
            "broker": broker.model_copy(update={name: _under(folder, file) for name, file in files.items()}),
            "web": settings.web.model_copy(update={"map": settings.web.map and settings.web.map.placed(folder)}),
            "sms_inlet": None if inlet is None else SmsInletEntry(token_file=folder / inlet.token_file),
            "channels": settings.channels.placed(folder),
            "measurements": settings.measurements.placed(folder),
            "metrics": settings.metrics and settings.metrics.placed(folder),
            "backup": settings.backup and settings.backup.placed(folder),
            "access": settings.access.placed(folder),
            "registry": RegistryEntry(key_file=_under(folder, settings.registry.key_file)),
            "homes": tuple(
                home.model_copy(update={"sms_key_file": _under(folder, home.sms_key_file)}) for home in settings.homes
            ),
        }
    )


def _under(folder: Path, file: Path | None) -> Path | None:
    return None if file is None else folder / file
