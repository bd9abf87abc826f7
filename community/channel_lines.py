"""The channels of community.yaml, made: secrets are read and far ends named, nothing is called yet."""

from collections.abc import Sequence
from pathlib import Path

from community.channel_settings import (
    AnyChannel,
    AsteriskChannel,
    CallsChannel,
    ChannelsEntry,
    MailChannel,
    PushChannel,
    SmsChannel,
    WebhookChannel,
    way_of,
)
from community.channels.http_call import HttpCall
from community.channels.mail import Mail, MailServer
from community.channels.port import Channel
from community.channels.push import Push
from community.channels.sms_http import KANNEL_FIELDS, KANNEL_GOOD, KANNEL_REPORTS, SmsHttp, SmsProvider
from community.channels.voice import VoiceChannel
from community.channels.voice_http import VoiceHttp
from community.channels.webhook import Webhook
from community.post import Line
from community.store.ways import Reached
from messaging.secret import read_secret
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import ConfigError

TOKEN_CHARS = 20
"""The least that a provider's token holds; it travels in addresses."""
_MARGIN_S = 5.0
"""Our own time-out comes after the library's, which knows what was slow."""
_ORDER_S = 10.0
"""One order to an Asterisk, of the several that a call takes."""


def lines_of(entry: ChannelsEntry, *, public_url: str) -> tuple[Line, ...]:
    """All channels. `public_url`: where providers find us. Raises ConfigError with the channel's name."""
    token = None if entry.answers is None else answer_token(entry)
    found = []
    for name, channel in entry.ways.items():
        try:
            made = _channel(channel, public_url, token)
        except ConfigError as error:
            raise ConfigError(
                both(
                    "channels: ways: {name}: {error}",
                    "channels: ways: {name}：{error}",
                    name=name,
                    error=told_by(error),
                )
            ) from error
        found.append(
            Line(
                name=name,
                way=way_of(channel),
                channel=made,
                timeout_s=channel.timeout_s + _MARGIN_S,
                at_once=channel.at_once,
                test_to=channel.test_to,
            )
        )
    return tuple(found)


def people_of(entry: ChannelsEntry) -> Sequence[Reached]:
    """Who is reached how."""
    return tuple(
        Reached(
            person=one.person,
            name=one.name or one.person,
            language=one.language,
            audiences=tuple(one.audiences),
            ways=one.ways,
        )
        for one in entry.people
    )


def answer_token(entry: ChannelsEntry) -> str:
    """What providers must know; empty where there is no inlet. Raises ConfigError."""
    if entry.answers is None:
        return ""
    token = read_secret(entry.answers.token_file)
    if len(token) < TOKEN_CHARS:
        raise ConfigError(
            Bilingual(
                f"{entry.answers.token_file}: has {len(token)} characters, and needs {TOKEN_CHARS} at least; "
                "make one: openssl rand -hex 20",
                zh=f"{entry.answers.token_file}：有 {len(token)} 个字符，至少要 {TOKEN_CHARS} 个；请做一个："
                f"openssl rand -hex 20",
            )
        )
    return token


def _channel(entry: AnyChannel, public_url: str, token: str | None) -> Channel:
    match entry:
        case MailChannel():
            return _mail(entry)
        case SmsChannel():
            return _sms(entry, public_url, token)
        case PushChannel():
            return Push(read_secret(entry.url_file), timeout_s=entry.timeout_s, at_once=entry.at_once + 1)
        case WebhookChannel():
            return Webhook(_http(entry), entry.url, read_secret(entry.secret_file).encode())
        case AsteriskChannel():
            return _asterisk(entry)
        case CallsChannel():
            answer_url = f"{public_url}/inlet/answer?token={token}"
            secret = read_secret(entry.secret_file).encode()
            return VoiceChannel(VoiceHttp(_http(entry), entry.url, secret, answer_url=answer_url))


def _mail(entry: MailChannel) -> Mail:
    server = MailServer(
        host=entry.host,
        port=entry.port,
        sender=entry.sender,
        security=entry.security,
        username=entry.username,
        password=_secret(entry.password_file),
        ca_file=entry.ca_file,
    )
    return Mail(server, timeout_s=entry.timeout_s)


def _sms(entry: SmsChannel, public_url: str, token: str | None) -> SmsHttp:
    is_kannel = entry.profile == "kannel"
    delivery = f"{public_url}/inlet/delivery?token={token}&key={{key}}" + "&state=%d" * is_kannel if token else ""
    provider = SmsProvider(
        url=entry.url,
        form="query" if is_kannel else entry.form,
        fields={**KANNEL_FIELDS, **(KANNEL_REPORTS if token else {}), **entry.fields} if is_kannel else entry.fields,
        headers=entry.headers,
        secret=_secret(entry.secret_file) or "",
        good=entry.good or (KANNEL_GOOD if is_kannel else ()),
        bad=entry.bad,
        delivery=delivery,
    )
    if not any("{to}" in template for template in provider.fields.values()):
        raise ConfigError(
            Bilingual(
                'no field holds the number: write e.g. fields: {mobile: "{to}", content: "{text}"}',
                zh='没有哪个字段写了号码：请写例如 fields: {mobile: "{to}", content: "{text}"}',
            )
        )
    return SmsHttp(_http(entry), provider)


def _asterisk(entry: AsteriskChannel) -> VoiceChannel:
    try:
        from community.channels.ari import Ari, Asterisk  # noqa: PLC0415 - websockets is wanted by nobody else
    except ImportError as error:
        raise ConfigError(
            Bilingual(
                "an Asterisk needs the package websockets: pip install 'websockets>=14'",
                zh="Asterisk 需要 websockets 包：pip install 'websockets>=14'",
            )
        ) from error
    asterisk = Asterisk(
        url=entry.url,
        username=entry.username,
        password=read_secret(entry.password_file),
        endpoint=entry.endpoint,
        media=entry.media,
        caller_id=entry.caller_id,
    )
    return VoiceChannel(Ari(HttpCall(timeout_s=_ORDER_S, ca_file=entry.ca_file), asterisk))


def _http(entry: SmsChannel | WebhookChannel | CallsChannel) -> HttpCall:
    return HttpCall(timeout_s=entry.timeout_s, ca_file=entry.ca_file)


def _secret(file: Path | None) -> str | None:
    return None if file is None else read_secret(file)
