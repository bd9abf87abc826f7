"""Why a broker is not there, does not want us, or is not trusted, in words of both languages that name what to look at.

DeviceError
    Refused      trying again does not help until a person has mended something
"""

import socket
import ssl
from collections.abc import Mapping

from messaging.broker import BrokerSettings
from shouwang.bilingual import Bilingual, both
from shouwang.errors import DeviceError
from shouwang.system_words import system_words

_COME_LATER = frozenset({0x80, 0x88, 0x89, 0x97, 0x9F})
"""Reason codes of a CONNACK (MQTT 5, 3.2.2.2) that pass by themselves."""
_MOVED = frozenset({0x9C, 0x9D})
_TAKEN_OVER = 0x8E
_NOT_YET_VALID, _EXPIRED, _REVOKED = 9, 10, 23
_OTHER_HOST = frozenset({62, 64})
_NO_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""X509_V_ERR_... of OpenSSL's x509_vfy.h."""


class Refused(DeviceError):
    """The way is barred until a person has mended something: a certificate, a password, an ACL, a second box."""


def untrusted(settings: BrokerSettings, error: ssl.SSLError) -> DeviceError:
    """The handshake has failed."""
    where = _where(settings)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(both(*_UNTRUSTED, where=where, why=_distrust(settings, error)))
    if error.reason is not None and "ALERT" in error.reason:
        return turned_away(settings, error.reason)
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return Refused(both(*_UNTRUSTED, where=where, why=_NO_TLS))
    return DeviceError(both(*_UNTRUSTED, where=where, why=both(*_BROKE_OFF, error=error.reason or error)))


def unreached(settings: BrokerSettings, error: OSError | UnicodeError) -> DeviceError:
    """Nobody there to talk to; UnicodeError: a host name that no resolver takes."""
    why = system_words(error) if isinstance(error, OSError) else str(error)
    said = both(*_NOT_REACHED, where=_where(settings), why=why)
    if isinstance(error, ConnectionRefusedError):
        return DeviceError(both(*_ADVISED, said=said, advice=_LOOK_AT_PORT))
    if isinstance(error, socket.gaierror | UnicodeError):
        return DeviceError(both(*_ADVISED, said=said, advice=_LOOK_AT_NAME))
    return DeviceError(said)


def turned_away(settings: BrokerSettings, alert: str) -> DeviceError:
    """The broker hung up before it said a word of MQTT; `alert`: OpenSSL's name of what TLS said, empty for nothing."""
    where, cert = _where(settings), _cert(settings)
    for sign, words in _ALERTS.items():
        if alert.endswith(sign):
            told = _ALERTS["CERTIFICATE_REQUIRED"] if sign == "UNKNOWN_CA" and cert == _NONE else words
            return Refused(both(*_SAYS, where=where, what=both(*told, cert=cert)))
    if alert:
        return Refused(both(*_OTHER_ALERT, where=where, cert=cert, alert=alert))
    return DeviceError(both(*(_HUNG_UP_ON_TLS if settings.tls else _HUNG_UP), where=where))


def not_let_in(settings: BrokerSettings, code: int, reason: str, reference: str = "") -> DeviceError:
    """The broker answered CONNECT with a refusal; `reference`: where it sends us instead."""
    said = both(*_NOT_LET_IN, where=_where(settings), reason=reason, code=code)
    if code in _COME_LATER:
        return DeviceError(said)
    if code in _MOVED:
        return Refused(both(*_ADVISED, said=said, advice=_moved(reference)))
    advice = both(*_DOOR.get(code, _ASK_WHY), user=settings.username, id=settings.client_id, cert=_cert(settings))
    return Refused(both(*_ADVISED, said=said, advice=advice))


def sent_away(settings: BrokerSettings, code: int, reason: str, reference: str = "") -> DeviceError:
    """The broker ended a standing connection with a DISCONNECT."""
    said = both(*_SENT_AWAY, reason=reason, code=code)
    if code == _TAKEN_OVER:
        return Refused(both(*_ADVISED, said=said, advice=both(*_TWINS, id=settings.client_id)))
    if code in _MOVED:
        return Refused(both(*_ADVISED, said=said, advice=_moved(reference)))
    return DeviceError(said)


def _distrust(settings: BrokerSettings, error: ssl.SSLCertVerificationError) -> Bilingual:
    file = settings.tls.ca_file if settings.tls else None
    authority = _SYSTEM if file is None else str(file)
    words = _DISTRUST.get(error.verify_code, _OTHER_DISTRUST)
    return both(*words, authority=authority, why=error.verify_message)


def _moved(reference: str) -> Bilingual:
    return both(*_MOVED_TO, reference=reference) if reference else _MOVED_AWAY


def _where(settings: BrokerSettings) -> str:
    return f"{settings.host}:{settings.port}"


def _cert(settings: BrokerSettings) -> str:
    return str(settings.tls.cert_file) if settings.tls and settings.tls.cert_file else _NONE


_SYSTEM = Bilingual("this system's authorities", zh="系统自带的证书机构")
_NONE = Bilingual("none is set", zh="还没有设置")
_NOT_REACHED = "cannot reach the broker at {where}: {why}", "连不上消息服务器 {where}：{why}"
_LOOK_AT_PORT = Bilingual("is the port right, and does the broker run?", zh="端口对吗？消息服务器在运行吗？")
_LOOK_AT_NAME = Bilingual(
    "is the host name right, and has this box internet?", zh="主机名对吗？本机连得上网（或域名服务器）吗？"
)
_UNTRUSTED = "no trusted connection to {where}: {why}", "与 {where} 建立不了可信的连接：{why}"
_NO_TLS = Bilingual(
    "no TLS is spoken there; check the port, or write mqtt:// if the link is not to be encrypted",
    zh="对方这个端口没有加密（TLS）；请核对端口；如果本来就不加密，把 url 写成 mqtt://",
)
_BROKE_OFF = (
    "{error}; check the port in the url; if it goes on so, ask the centre",
    "{error}；请核对 url 里的端口；如果一直这样，请联系服务中心",
)
_SAYS = "the broker at {where} {what}", "消息服务器 {where} {what}"
_OTHER_ALERT = (
    "the broker at {where} refuses the certificate of this box ({cert}): {alert}; ask the centre for a new one",
    "消息服务器 {where} 不接受本机的证书（{cert}）：{alert}；请向服务中心要一份新的",
)
_HUNG_UP = (
    (
        "the broker at {where} hung up at the door; if it goes on so, look at its log, and check that it speaks "
        "unencrypted MQTT on this port; if it speaks TLS there, write mqtts://"
    ),
    (
        "消息服务器 {where} 一连上就断开；如果一直这样，请查看它的日志，并核对这个端口是否为不加密的 MQTT；"
        "如果它是加密的（TLS），把 url 写成 mqtts://"
    ),
)
_HUNG_UP_ON_TLS = (
    (
        "the broker at {where} hung up at the door; if it goes on so, look at its log, and check that it speaks TLS on "
        "this port and takes the certificate of this box"
    ),
    (
        "消息服务器 {where} 一连上就断开；如果一直这样，请查看它的日志，并核对这个端口是否加密（TLS）、"
        "是否接受本机的证书"
    ),
)
_NOT_LET_IN = (
    "the broker at {where} refuses us: {reason} (0x{code:02X})",
    "消息服务器 {where} 拒绝了我们：{reason} (0x{code:02X})",
)
_SENT_AWAY = "the broker ended the connection: {reason} (0x{code:02X})", "消息服务器断开了连接：{reason} (0x{code:02X})"
_ADVISED = "{said}; {advice}", "{said}；{advice}"
_TWINS = (
    "another box or program has connected with the id {id}: each needs an id of its own (a copied card or home.yaml?)",
    "另有机器或程序用编号 {id} 连接：每台都要有自己的编号（是不是复制了存储卡或 home.yaml？）",
)
_MOVED_TO = "change the url to {reference}", "请把 url 改为 {reference}"
_MOVED_AWAY = Bilingual("ask the centre for the new address, and change the url", zh="请向服务中心要新的地址，再改 url")
_ASK_WHY = "ask the centre why", "请向服务中心询问原因"
_WRONG_HOST = (
    "the broker's certificate is for another host ({why}); check the host in the url",
    "消息服务器的证书是发给别的主机的（{why}）；请核对 url 里的主机名",
)
_NOBODY_VOUCHES = (
    "nobody in {authority} vouches for the broker ({why}); check ca_file",
    "消息服务器的证书不是由可信的机构签发的（{why}；信任的机构：{authority}）；请核对 ca_file",
)
_OTHER_DISTRUST = (
    "{why}; check ca_file ({authority}) and the clock of this box",
    "{why}；请核对 ca_file（现在：{authority}）和本机的时钟",
)
_DISTRUST: Mapping[int, tuple[str, str]] = {
    _NOT_YET_VALID: (
        "the broker's certificate is not valid yet; check the clock of this box",
        "消息服务器的证书还没有到生效日期；请检查本机的时钟",
    ),
    _EXPIRED: (
        "the broker's certificate has expired; the centre must renew it (or the clock of this box is ahead)",
        "消息服务器的证书已过期；要由服务中心更换（也可能是本机的时钟走快了）",
    ),
    _REVOKED: (
        "the broker's certificate was revoked; ask the centre",
        "消息服务器的证书已被吊销；请联系服务中心",
    ),
    **dict.fromkeys(_OTHER_HOST, _WRONG_HOST),
    **dict.fromkeys(_NO_AUTHORITY, _NOBODY_VOUCHES),
}
_WHO = (
    (
        "check password_file, and that the broker knows the user {user}; where it goes by certificates, the common "
        "name of cert_file ({cert}) must be {user}"
    ),
    (
        "请核对 password_file，以及消息服务器上有没有用户 {user}；如果凭证书登录，"
        "cert_file（{cert}）的通用名（CN）必须是 {user}"
    ),
)
_DOOR: Mapping[int, tuple[str, str]] = {
    0x84: (
        'it does not speak this version of MQTT: write version: "3.1.1"',
        '它不支持这个 MQTT 版本：请写 version: "3.1.1"',
    ),
    0x85: (
        "it does not take the client id {id}; ask the centre under which id this box is known",
        "它不接受客户端编号 {id}；请向服务中心确认本机登记的编号",
    ),
    0x86: _WHO,
    0x87: _WHO,
    0x8A: ("it has banned {user}: ask the centre", "它封禁了用户 {user}：请联系服务中心"),
    0x8C: _WHO,
}
_ALERTS: Mapping[str, tuple[str, str]] = {
    "CERTIFICATE_EXPIRED": (
        "says that the certificate of this box has expired: renew {cert}",
        "说本机的证书已过期：请更换 {cert}",
    ),
    "CERTIFICATE_REVOKED": (
        "says that the certificate of this box was revoked: ask the centre for a new {cert}",
        "说本机的证书已被吊销：请向服务中心要新的 {cert}",
    ),
    "UNKNOWN_CA": (
        (
            "does not know who vouches for the certificate of this box: the authority that signed {cert} must be in "
            "the broker's cafile"
        ),
        "不认识给本机签发证书的机构：签发 {cert} 的机构必须写进消息服务器的 cafile",
    ),
    "CERTIFICATE_REQUIRED": (
        "asks for a certificate of this box: set cert_file and key_file (now: {cert})",
        "要求本机出示证书：请设置 cert_file 和 key_file（现在：{cert}）",
    ),
    "HANDSHAKE_FAILURE": (
        "takes no connection without a certificate that it likes: check cert_file and key_file (now: {cert})",
        "不接受没有合适证书的连接：请核对 cert_file 和 key_file（现在：{cert}）",
    ),
}
