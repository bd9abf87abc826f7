"""What community.yaml says of reaching people: channels, and who is reached how. Secrets are named by file."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from community.channels.port import Way
from community.workflow import Audience
from shouwang.bilingual import Bilingual

_WORDS = {
    "电话": Way.VOICE,
    "phone": Way.VOICE,
    "call": Way.VOICE,
    "短信": Way.SMS,
    "text": Way.SMS,
    "推送": Way.PUSH,
    "app": Way.PUSH,
    "邮件": Way.MAIL,
    "e-mail": Way.MAIL,
    "email": Way.MAIL,
    "接口": Way.WEBHOOK,
}
_AUDIENCES = {
    "接警员": "operators",
    "主管": "supervisor",
    "组长": "team_lead",
    "值班领导": "duty_leader",
    "指挥中心": "command_centre",
    "家属": "family",
    "持钥人": "keyholder",
    "救助员": "responders",
}


def _way(written: object) -> object:
    word = str(written).strip().lower()
    return _WORDS.get(word, word)


def _audience(written: object) -> object:
    word = str(written).strip()
    if word in _AUDIENCES:
        return _AUDIENCES[word]
    if word not in get_args(Audience):
        raise ValueError(
            Bilingual(
                f'"{word[:20]}" is nobody; write one of: {", ".join((*_AUDIENCES.values(), *_AUDIENCES))}',
                zh=f"没有“{word[:20]}”这类人；请写其中之一：{', '.join((*_AUDIENCES.values(), *_AUDIENCES))}",
            )
        )
    return word


def _reachable_way(way: Way) -> Way:
    if way is Way.CONSOLE:
        raise ValueError(
            Bilingual(
                "the console is always used; write the other ways: voice, sms, push, mail, webhook",
                zh="坐席页面总会用到；请写其他方式：voice、sms、push、mail、webhook",
            )
        )
    return way


def _web(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError(
            Bilingual("write an address with http:// or https://", zh="请写 http:// 或 https:// 开头的地址")
        )
    return url


AnyWay = Annotated[Way, BeforeValidator(_way), AfterValidator(_reachable_way)]
AnyAudience = Annotated[str, BeforeValidator(_audience)]
Url = Annotated[str, AfterValidator(_web)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ChannelPart(_Part):
    timeout_s: Annotated[float, Field(gt=0, le=120)] = Field(
        default=20, description="how long one message may take, in seconds"
    )
    at_once: Annotated[int, Field(ge=1, le=50)] = Field(
        default=4, description="how many messages are under way at once; one more place is kept for life alarms"
    )
    test_to: str = Field(default="", description="where the monthly real test goes: a number or address of your own")


class MailChannel(_ChannelPart):
    """E-mail through a mail server."""

    kind: Literal["mail"]
    host: str = Field(description="the mail server")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=587, description="587, or 465 with security: tls")
    security: Literal["tls", "starttls", "none"] = Field(
        default="starttls", description="none only for a server on this machine"
    )
    sender: str = Field(description="the address that people see")
    username: str | None = Field(default=None, description="the login at the mail server")
    password_file: Path | None = Field(default=None, description="holds its password")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")


class SmsChannel(_ChannelPart):
    """SMS through a provider or an SMS gateway (kannel) with an HTTP interface."""

    kind: Literal["sms_http"]
    url: Url = Field(description="where messages are handed in")
    profile: Literal["plain", "kannel"] = Field(
        default="plain", description="kannel: its sendsms, with `fields: {username: ...}` and the password in the file"
    )
    form: Literal["query", "form", "json"] = Field(default="form", description="how the fields are given")
    fields: dict[str, str] = Field(
        default={}, description="names as the provider wants them; {to} {text} {key} {secret} {delivery} are filled in"
    )
    headers: dict[str, str] = Field(default={}, description='e.g. {Authorization: "Bearer {secret}"}')
    secret_file: Path | None = Field(default=None, description="holds the password or token, {secret} above")
    good: tuple[str, ...] = Field(
        default=(), description="words of an answer that mean taken; without them any good status does"
    )
    bad: tuple[str, ...] = Field(default=(), description="words that mean: this number is of no use")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")


class PushChannel(_ChannelPart):
    """A service that Apprise knows: WeCom, DingTalk, Feishu, PushPlus, ntfy and many more."""

    kind: Literal["apprise"]
    url_file: Path = Field(description="holds the Apprise URL; {to} in it is the person's own address there")
    way: Annotated[Way, BeforeValidator(_way), AfterValidator(_reachable_way)] = Field(
        default=Way.PUSH, description="what it is for people: push, or sms where the service sends SMS"
    )


class WebhookChannel(_ChannelPart):
    """Another system: signed JSON over HTTP (docs/notifications.md)."""

    kind: Literal["webhook"]
    url: Url = Field(description="where it is brought")
    secret_file: Path = Field(description="signs every message; the other side knows it too")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")


class AsteriskChannel(_ChannelPart):
    """Calls by an Asterisk of your own (ARI)."""

    kind: Literal["asterisk"]
    url: Url = Field(description="its HTTP server, e.g. http://127.0.0.1:8088")
    username: str = Field(description="as in ari.conf")
    password_file: Path = Field(description="as in ari.conf")
    endpoint: str = Field(description="how a number is called, e.g. PJSIP/{to}@trunk")
    media: str = Field(
        description="what is played: sound:shouwang/{language}, or sound:https://tts.example/say.wav?text={text}"
    )
    caller_id: str = Field(default="", description="what the telephone shows")
    timeout_s: Annotated[float, Field(gt=0, le=180)] = Field(default=90, description="how long one call may take")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")


class CallsChannel(_ChannelPart):
    """Calls by a provider: a signed webhook asks for one, the provider brings the answer to /inlet/answer."""

    kind: Literal["voice_http"]
    url: Url = Field(description="where calls are asked for")
    secret_file: Path = Field(description="signs what we ask; the provider knows it too")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")


AnyChannel = Annotated[
    MailChannel | SmsChannel | PushChannel | WebhookChannel | AsteriskChannel | CallsChannel,
    Field(discriminator="kind"),
]
FIXED_WAYS = {
    "mail": Way.MAIL,
    "sms_http": Way.SMS,
    "webhook": Way.WEBHOOK,
    "asterisk": Way.VOICE,
    "voice_http": Way.VOICE,
}


def way_of(channel: AnyChannel) -> Way:
    """What the channel is for people."""
    return channel.way if isinstance(channel, PushChannel) else FIXED_WAYS[channel.kind]


class ReachedEntry(_Part):
    """How a person is reached besides the console."""

    person: str = Field(
        min_length=1,
        max_length=64,
        description="a login, a responder's id, a contact's telephone number, or a name for a telephone of a duty",
    )
    name: str = Field(default="", description="how the person is called")
    language: Literal["zh", "en"] = Field(default="zh", description="of the messages")
    prefers: tuple[AnyWay, ...] = Field(
        default=(), description="电话 短信 推送 邮件 接口, or voice sms push mail webhook; left out: all that are given"
    )
    phone: str = Field(default="", description="for calls and SMS")
    mail: str = Field(default="", description="e-mail address")
    push: str = Field(default="", description="the {to} of the push service")
    webhook: str = Field(default="", description="the receiver's label in the other system")
    audiences: tuple[AnyAudience, ...] = Field(
        default=(),
        description="duties that this telephone shares: 接警员 主管 组长 值班领导 指挥中心, "
        "or operators supervisor team_lead duty_leader command_centre",
    )

    @model_validator(mode="after")
    def _has_addresses(self) -> "ReachedEntry":
        lacking = [way.value for way in self.prefers if not self._address(way)]
        if lacking:
            raise ValueError(
                Bilingual(
                    f"{self.person} prefers {', '.join(lacking)} and has no address for it; give phone, mail, ...",
                    zh=f"{self.person} 首选 {', '.join(lacking)}，却没有相应的地址；请写 phone、mail 等",
                )
            )
        if not self.ways:
            raise ValueError(
                Bilingual(
                    f"{self.person} has no address: give phone, mail, push or webhook",
                    zh=f"{self.person} 没有地址：请写 phone、mail、push 或 webhook",
                )
            )
        return self

    @property
    def ways(self) -> tuple[tuple[Way, str], ...]:
        """The dearest first."""
        order = self.prefers or tuple(way for way in Way if self._address(way))
        return tuple((way, self._address(way)) for way in order)

    def _address(self, way: Way) -> str:
        given = {Way.VOICE: self.phone, Way.SMS: self.phone, Way.PUSH: self.push, Way.MAIL: self.mail}
        return (given | {Way.WEBHOOK: self.webhook}).get(way, "")


class AnswersEntry(_Part):
    """Where providers bring keys that people pressed and what became of messages: /inlet/answer, /inlet/delivery."""

    token_file: Path = Field(description="what a provider must know; 20 characters at least")


class ChannelsEntry(_Part):
    """Reaching people (docs/notifications.md)."""

    ways: dict[Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")], AnyChannel] = Field(
        default={}, description="channels by a name of your own; of two for the same way the first one is used first"
    )
    people: tuple[ReachedEntry, ...] = Field(default=(), description="who is reached how, besides the console")
    answers: AnswersEntry | None = Field(default=None, description="where providers bring answers")

    @model_validator(mode="after")
    def _holds_together(self) -> "ChannelsEntry":
        names = [one.person for one in self.people]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                Bilingual(f"{', '.join(twice)} stands twice among the people", zh=f"人员里 {', '.join(twice)} 写了两次")
            )
        if "console" in self.ways:
            raise ValueError(
                Bilingual(
                    "no channel can be called console: that is the desk itself", zh="渠道不能叫 console：那是坐席页面"
                )
            )
        if self.answers is None and any(one.kind == "voice_http" for one in self.ways.values()):
            raise ValueError(
                Bilingual(
                    "a voice_http channel needs answers: {token_file: ...}, or nobody hears who pressed a key",
                    zh="voice_http 渠道要写 answers: {token_file: ...}，否则收不到对方按了什么键",
                )
            )
        return self

    def placed(self, folder: Path) -> "ChannelsEntry":
        """With the paths of its files from this folder."""
        ways = {name: one.model_copy(update=_placed(one, folder)) for name, one in self.ways.items()}
        answers = None if self.answers is None else AnswersEntry(token_file=folder / self.answers.token_file)
        return self.model_copy(update={"ways": ways, "answers": answers})


def _placed(part: BaseModel, folder: Path) -> dict[str, Path]:
    return {name: folder / file for name, file in part if isinstance(file, Path)}
