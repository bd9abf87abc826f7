"""Certificates, keys and passwords of the way to the centre: there, readable, fitting, and still good."""

import os
import pwd
import ssl
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.home import Home, UplinkPart
from gateway.doctor.certificate import Certificate, certificates_in
from gateway.doctor.finding import Finding, Mark, fine, unproven, wrong
from gateway.doctor.service import UNIT
from messaging.secret import read_secret
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import both, chinese, told_by
from shouwang.errors import ConfigError, DecodeError
from shouwang.system_words import system_words

SOON = timedelta(days=30)
"""A new certificate takes a visit. Set by this project."""
_ASK = Sentence(
    zh="向服务中心要一份新的，换上后：shouwang gateway reload",
    en="ask the centre for a new one; then: shouwang gateway reload",
)
_OTHER_KEY = "{key} does not belong to it", "{key} 与证书不符"
_NO_KEY = "{key} holds no key that can be used", "{key} 里没有能用的密钥"


def paper_findings(home: Home, now: datetime | None = None) -> Iterator[Finding]:
    """Of all that the uplink names; blocks."""
    now, uplink = now or datetime.now(UTC), home.uplink
    if uplink.password_file is not None:
        yield _password(uplink.password_file)
    if uplink.ca_file is not None:
        yield from _dated(
            Sentence(zh="中心的根证书", en="certificate of who vouches for the centre"), uplink.ca_file, now
        )
    if uplink.cert_file is not None:
        yield from _own(home, uplink, uplink.cert_file, now)
    for file in (uplink.password_file, uplink.ca_file, uplink.cert_file, uplink.key_file):
        if file is not None and _is_kept_from_service(file):
            yield _kept_from_service(file)


def _password(file: Path) -> Finding:
    what = Sentence(zh="连接中心的密码", en="password for the centre")
    try:
        read_secret(file)
    except ConfigError as error:
        remedy = Sentence(
            zh=f"检查 {file}：应属于 root、组 shouwang-gateway、权限 0640",
            en=f"look at {file}: it should belong to root, group shouwang-gateway, mode 0640",
        )
        return _unreadable(what, file, told_by(error), remedy)
    return fine(what, "可以读取", "can be read")


def _own(home: Home, uplink: UplinkPart, file: Path, now: datetime) -> Iterator[Finding]:
    what = Sentence(zh="本机的证书", en="certificate of this box")
    yield from _dated(what, file, now)
    try:
        names = [certificate.name for certificate in certificates_in(_text(file))][:1]
    except (OSError, DecodeError):
        return
    wanted = uplink.username or home.gateway.id
    if names != [wanted]:
        found = Sentence(zh=f"写的是 {names[0]}，不是 {wanted}", en=f"it is of {names[0]}, not of {wanted}")
        yield wrong(Mark.LOOK, what, found, _ASK)
    yield _key(file, uplink.key_file)


def _key(cert: Path, key: Path | None) -> Finding:
    what = Sentence(zh="证书的密钥", en="key of the certificate")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key)
    except ssl.SSLError as error:
        is_other = error.reason == "KEY_VALUES_MISMATCH"
        found = sentence_of(both(*(_OTHER_KEY if is_other else _NO_KEY), key=key or cert))
        return wrong(Mark.FAULT, what, found, _ASK)
    except OSError as error:
        return _unreadable(what, key or cert, system_words(error), _ASK)
    return fine(what, "与证书相符", "belongs to it")


def _dated(what: Sentence, file: Path, now: datetime) -> Iterator[Finding]:
    try:
        certificates = certificates_in(_text(file))
    except (OSError, DecodeError) as error:
        yield _unreadable(what, file, system_words(error) if isinstance(error, OSError) else told_by(error), _ASK)
        return
    first = min(certificates, key=lambda certificate: certificate.ends)
    yield _judged(what, first, now)


def _judged(what: Sentence, certificate: Certificate, now: datetime) -> Finding:
    until = f"{certificate.ends:%Y-%m-%d}"
    left = certificate.ends - now
    if certificate.begins > now:
        found = Sentence(
            zh=f"从 {certificate.begins:%Y-%m-%d} 起才有效", en=f"is valid from {certificate.begins:%Y-%m-%d} on only"
        )
        remedy = Sentence(zh="先检查时钟", en="look at the clock of this box first")
        return wrong(Mark.FAULT, what, found, remedy)
    if left <= timedelta(0):
        return wrong(Mark.FAULT, what, Sentence(zh=f"已于 {until} 过期", en=f"has expired on {until}"), _ASK)
    found = Sentence(zh=f"有效到 {until}，还有 {left.days} 天", en=f"valid until {until}, {left.days} days")
    return wrong(Mark.LOOK, what, found, _ASK) if left < SOON else fine(what, found.zh, found.en)


def _unreadable(what: Sentence, file: Path, why: str, remedy: Sentence) -> Finding:
    if _is_kept_from_us(file):
        return unproven(
            what, f"这个用户不能读 {file}；用 sudo 再试", f"this user may not read {file}; try again with sudo"
        )
    found = Sentence(zh=f"{file} 不能用：{chinese(why) or why}", en=f"{file} cannot be used: {why}")
    return wrong(Mark.FAULT, what, found, remedy)


def _is_kept_from_us(file: Path) -> bool:
    try:
        return file.exists() and not os.access(file, os.R_OK)
    except OSError:  # not even its folder may be looked into
        return True


def _is_kept_from_service(file: Path) -> bool:
    """Root may read all; what the doctor finds with sudo must hold for the gateway's user too."""
    if os.geteuid() != 0:
        return False
    try:
        user = pwd.getpwnam(UNIT)
        groups = os.getgrouplist(user.pw_name, user.pw_gid)
        way = [(file.stat(), stat.S_IRUSR), *((folder.stat(), stat.S_IXUSR) for folder in file.absolute().parents)]
    except (KeyError, OSError):  # no such user on this box; a file that is not there is told already
        return False
    return not all(_allows(one, wish, user.pw_uid, groups) for one, wish in way)


def _allows(one: os.stat_result, wish: int, uid: int, groups: Sequence[int]) -> bool:
    if one.st_uid == uid:
        return bool(one.st_mode & wish)
    return bool(one.st_mode & (wish >> 3 if one.st_gid in groups else wish >> 6))


def _kept_from_service(file: Path) -> Finding:
    return wrong(
        Mark.FAULT,
        Sentence(zh="网关用户的权限", en="what the gateway's user may read"),
        Sentence(zh=f"网关的用户 {UNIT} 不能读 {file}", en=f"the gateway's user {UNIT} may not read {file}"),
        Sentence(
            zh=f"sudo chown root:{UNIT} {file} && sudo chmod 0640 {file}；所在的文件夹也要让它进入",
            en=f"sudo chown root:{UNIT} {file} && sudo chmod 0640 {file}; its folder must let that user in too",
        ),
    )


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
