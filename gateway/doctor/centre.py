"""The way to the centre, step by step: name, port, encryption, the broker's door, and what its ACL allows this box.

The doctor comes as itself: with the box's own credentials, but a client id of its own, a session that ends with it, and
topics that nobody listens to. So it disturbs neither the gateway that may run nor anybody at the centre.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gateway.doctor.finding import Finding, Mark, fine, unproven, wrong
from gateway.doctor.papers import SOON
from gateway.doctor.patient import Patient
from gateway.equipment import uplink_settings
from messaging.broker import BrokerSettings
from messaging.refusals import untrusted
from messaging.session import PublishRefused, Session, connect
from messaging.tls import tls_context
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import Bilingual, chinese, told_by
from shouwang.errors import ConfigError, DeviceError
from shouwang.system_words import system_words
from shouwang.wire import VERSION, Path

STEP_S = 10.0
LISTEN_S = 1.0
"""What a broker retains for other homes comes right after it took the subscription, if it comes."""
CLIENT = "{gateway}.doctor"
"""No gateway's id holds a point, so this is nobody's."""
NOBODY = "shouwang-doctor-probe"
"""A gateway that there is not."""
_NOT_AUTHORISED = 0x87
"""PUBACK's reason code (MQTT 5, 3.4.2.1)."""
_TAKEN = frozenset({0x00, 0x10})
"""Success, and nobody listens."""

_NAME = Sentence(zh="域名", en="name of the centre's broker")
_PORT = Sentence(zh="端口", en="port of the broker")
_TLS = Sentence(zh="加密", en="encryption")
_DOOR = Sentence(zh="登录", en="login at the broker")
_OWN = Sentence(zh="权限：写本机的消息", en="ACL: this box may write what is its own")
_FOREIGN = Sentence(zh="权限：不能冒充别家", en="ACL: this box may not write for another home")
_PRIVATE = Sentence(zh="权限：不能偷看别家", en="ACL: this box hears nothing of other homes")
_RECEIPTS = Sentence(zh="中心的回执", en="receipts of the centre")


async def centre_findings(patient: Patient) -> AsyncIterator[Finding]:
    """Each step as far as the one before went."""
    try:
        settings = uplink_settings(patient.home)
    except ConfigError as error:
        yield wrong(Mark.FAULT, _DOOR, sentence_of(told_by(error)), _SEE_PAPERS)
        return
    for step in (_name, _port, _encryption):
        finding = await step(settings)
        if finding is not None:
            yield finding
        if finding is not None and finding.mark is Mark.FAULT:
            return
    receipts = _receipts(patient)
    async for finding in _at_the_broker(settings, is_confirmed=receipts.mark is Mark.FINE):
        yield finding
    yield receipts


_SEE_PAPERS = Sentence(zh="先处理上面的证书和密码", en="see to the certificates and passwords above first")


async def _name(settings: BrokerSettings) -> Finding:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_S):
            found = await loop.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        why = _why(error)
        return wrong(
            Mark.FAULT,
            _NAME,
            Sentence(zh=f"找不到 {settings.host}：{chinese(why) or why}", en=f"{settings.host} is not found: {why}"),
            Sentence(
                zh="网线或 Wi-Fi 通吗？ping 223.5.5.5；通的话看 DNS：resolvectl status；再核对 uplink.url",
                en="is there a network? ping 223.5.5.5; if so, look at DNS: resolvectl status; then at uplink.url",
            ),
        )
    addresses = ", ".join(dict.fromkeys(str(one[4][0]) for one in found))
    return fine(_NAME, f"{settings.host} 是 {addresses}", f"{settings.host} is {addresses}")


async def _port(settings: BrokerSettings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(STEP_S):
            _, writer = await asyncio.open_connection(settings.host, settings.port)
    except (OSError, TimeoutError) as error:
        why = _why(error)
        return wrong(
            Mark.FAULT,
            _PORT,
            Sentence(zh=f"{where} 连不上：{chinese(why) or why}", en=f"{where} cannot be reached: {why}"),
            Sentence(
                zh="问服务中心服务器是否在运行；路由器或防火墙要放行这个端口",
                en="ask the centre whether its broker runs; the router or firewall must let this port through",
            ),
        )
    writer.close()
    return fine(_PORT, f"{where} 可以连上", f"{where} answers")


async def _encryption(settings: BrokerSettings) -> Finding | None:
    if settings.tls is None:
        if settings.host in ("localhost", "127.0.0.1", "::1"):
            return None
        return wrong(
            Mark.LOOK,
            _TLS,
            Sentence(zh="没有加密：健康数据明文传输", en="none: health data travel in the clear"),
            Sentence(zh="uplink.url 改用 mqtts://", en="use mqtts:// in uplink.url"),
        )
    try:
        ends = await _trusted_until(settings, tls_context(settings.tls))
    except ssl.SSLError as error:
        return wrong(Mark.FAULT, _TLS, _told(untrusted(settings, error)), _ASK_CENTRE)
    except (OSError, TimeoutError) as error:
        why = _why(error)
        return wrong(
            Mark.FAULT, _TLS, Sentence(zh=f"握手中断：{chinese(why) or why}", en=f"it broke off: {why}"), _ASK_CENTRE
        )
    until = "?" if ends is None else f"{ends:%Y-%m-%d}"
    found = Sentence(
        zh=f"可信；中心的证书有效到 {until}", en=f"trusted; the broker's certificate is good until {until}"
    )
    if ends is not None and ends - datetime.now(UTC) < SOON:
        remedy = Sentence(zh="提醒服务中心换证书", en="tell the centre that it must be renewed")
        return wrong(Mark.LOOK, _TLS, found, remedy)
    return fine(_TLS, found.zh, found.en)


async def _trusted_until(settings: BrokerSettings, context: ssl.SSLContext) -> datetime | None:
    """One handshake; raises OSError, TimeoutError."""
    async with asyncio.timeout(STEP_S):
        _, writer = await asyncio.open_connection(settings.host, settings.port, ssl=context)
    told = writer.get_extra_info("peercert") or {}
    writer.close()
    if "notAfter" not in told:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)


_ASK_CENTRE = Sentence(
    zh="照上面说的核对；不行就问服务中心", en="check what it says; if that does not help, ask the centre"
)


def _why(error: OSError | UnicodeError | TimeoutError) -> str:
    if isinstance(error, TimeoutError) and not error.errno:
        return _NO_ANSWER
    return system_words(error) if isinstance(error, OSError) else str(error)


_NO_ANSWER = Bilingual(f"no answer in {STEP_S:.0f} s", zh=f"{STEP_S:.0f} 秒内没有应答")


def _told(error: DeviceError | ConfigError) -> Sentence:
    return sentence_of(told_by(error))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Topics:
    """`own` and `foreign` have a last word that no ingest listens to; `retained` is what every home has there."""

    own: str
    foreign: str
    retained: str
    own_retained: str


async def _at_the_broker(settings: BrokerSettings, *, is_confirmed: bool) -> AsyncIterator[Finding]:
    gateway = settings.client_id
    visitor = replace(settings, client_id=CLIENT.format(gateway=gateway), clean_start=True, session_expiry_s=0)
    topics = _Topics(
        own=f"{VERSION}/{gateway}/up/doctor",
        foreign=f"{VERSION}/{NOBODY}/up/doctor",
        retained=f"{VERSION}/+/lwt",
        own_retained=f"{VERSION}/{gateway}/lwt",
    )
    try:
        async with connect(visitor) as session:
            yield fine(_DOOR, f"以用户 {settings.username} 登录成功", f"let in as the user {settings.username}")
            if settings.version != "5":
                yield unproven(
                    _OWN, "MQTT 3.1.1 不说明拒绝，无法验证", "MQTT 3.1.1 tells no refusals: cannot be proven"
                )
                return
            yield await _own(session, topics, is_confirmed=is_confirmed)
            yield await _foreign(session, topics)
            yield await _private(session, topics)
    except (DeviceError, ConfigError) as error:
        yield wrong(Mark.FAULT, _DOOR, _told(error), _ASK_CENTRE)
    except BaseExceptionGroup as group:
        _, rest = group.split((DeviceError, ConfigError))
        if rest is not None:
            raise rest from None
        yield wrong(Mark.FAULT, _DOOR, _told(_first(group)), _ASK_CENTRE)


def _first(group: BaseExceptionGroup[BaseException]) -> DeviceError | ConfigError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DeviceError | ConfigError)  # noqa: S101 - what `split` has sorted out
    return error


async def _own(session: Session, topics: _Topics, *, is_confirmed: bool) -> Finding:
    code = await _answer(session, topics.own)
    if code != _NOT_AUTHORISED:
        return fine(_OWN, f"{topics.own} 可写", f"{topics.own} is taken")
    if is_confirmed:  # an ACL that names each topic of the wire
        return fine(_OWN, "网关的消息有回执", "what the gateway itself says is confirmed")
    return wrong(
        Mark.FAULT,
        _OWN,
        Sentence(zh=f"{topics.own} 被拒绝 (0x87)", en=f"{topics.own} is refused (0x87)"),
        Sentence(
            zh="中心的 ACL 需要：pattern write v1/%u/up/#；用户名必须就是网关的编号",
            en="the centre's ACL needs: pattern write v1/%u/up/#; and the user must be the gateway's id",
        ),
    )


async def _foreign(session: Session, topics: _Topics) -> Finding:
    code = await _answer(session, topics.foreign)
    if code == _NOT_AUTHORISED:
        return fine(_FOREIGN, "被拒绝 (0x87)，正确", "refused (0x87), as it must be")
    if code not in _TAKEN:  # a quota that is used up says nothing of the ACL
        return unproven(_FOREIGN, f"中心回答 0x{code:02X}，无法验证", f"answered with 0x{code:02X}: cannot be proven")
    return wrong(
        Mark.FAULT,
        _FOREIGN,
        Sentence(zh=f"{topics.foreign} 竟然可写", en=f"{topics.foreign} was taken, and must not be"),
        Sentence(
            zh="中心的 ACL 太松：每台网关都能冒充别家报警。请服务中心按 docs/wire.md 改正",
            en="the centre's ACL is open: any box could raise alarms of any home. Tell the centre (docs/wire.md)",
        ),
    )


async def _private(session: Session, topics: _Topics) -> Finding:
    """A broker may grant a subscription that its ACL then withholds: only what is delivered proves anything."""
    try:
        await session.subscribe([topics.retained])
    except DeviceError:
        return fine(_PRIVATE, "订阅被拒绝，正确", "the subscription is refused, as it must be")
    heard: set[str] = set()
    try:
        async with asyncio.timeout(LISTEN_S):
            async for message in session.messages():
                message.ack()
                heard.add(message.topic)
    except TimeoutError:
        pass
    strange = heard - {topics.own_retained}
    if not strange:
        return fine(_PRIVATE, "什么也没有收到，正确", "nothing of them was delivered, as it must be")
    return wrong(
        Mark.FAULT,
        _PRIVATE,
        Sentence(zh=f"收到了 {len(strange)} 家的消息", en=f"messages of {len(strange)} other homes were delivered"),
        Sentence(
            zh="中心的 ACL 太松：每台网关都能看到别家。请服务中心按 docs/wire.md 改正",
            en="the centre's ACL is open: any box can listen to any home. Tell the centre (docs/wire.md)",
        ),
    )


async def _answer(session: Session, topic: str) -> int:
    try:
        await session.publish(topic, b"", qos=1, expiry_s=1)
    except PublishRefused as error:
        return error.reason_code
    return 0


def _receipts(patient: Patient) -> Finding:
    """Only the gateway itself can tell: a message that deserves a receipt would be one for the centre's people."""
    if patient.is_silent:
        return unproven(_RECEIPTS, "问不了网关，无法验证", "the gateway could not be asked: cannot be proven")
    if patient.status is None:
        return unproven(_RECEIPTS, "网关没有在运行，无法验证", "the gateway does not run: cannot be proven")
    path = next((one for one in patient.status.paths if one.path == Path.INTERNET.value), None)
    if path is None or path.is_up is None:
        return unproven(_RECEIPTS, "网关刚启动，一分钟后再试", "the gateway has just started: try again in a minute")
    if not path.is_up:
        remedy = Sentence(
            zh="中心的服务器要在运行；ACL 需要：pattern read v1/%u/down/#",
            en="the centre's server must run, and its ACL needs: pattern read v1/%u/down/#",
        )
        return wrong(
            Mark.FAULT,
            _RECEIPTS,
            Sentence(zh=f"没有回执：{path.reason_zh or path.reason}", en=f"none: {path.reason}"),
            remedy,
        )
    if path.tested_at is None:
        return unproven(_RECEIPTS, "还没有", "none yet")
    ago = (patient.status.clock.now - path.tested_at) // timedelta(minutes=1)
    return fine(_RECEIPTS, f"{ago} 分钟前收到过", f"the last proof was {ago} min ago")
