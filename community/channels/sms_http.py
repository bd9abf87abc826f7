"""SMS through a provider's HTTP interface, described in community.yaml; kannel's sendsms comes ready.

Values of `fields` and `headers` are templates: {to} {text} {key} {secret} {delivery} are filled in, nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from community.channels.http_call import HttpCall
from community.channels.knock import knock
from community.channels.port import Carried, Message
from shouwang.errors import GiveUp, TryLater

Form = Literal["query", "form", "json"]
KANNEL_FIELDS = {
    "password": "{secret}",
    "to": "{to}",
    "text": "{text}",
    "charset": "UTF-8",
    "coding": "2",  # UCS-2: Chinese needs it
}
KANNEL_REPORTS = {"dlr-mask": "3", "dlr-url": "{delivery}"}
"""Asks kannel to tell what was delivered and what failed; only with an address for it."""
KANNEL_GOOD = ("0: Accepted", "3: Queued")
"""What kannel answers a message that it has (sendsms, HTTP 202)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsProvider:
    """How a provider wants to be asked.

    `good`: one of these words stands in the answer to a message that was taken (none: 2xx is enough); `bad`: these say
    that the number is of no use. `delivery`: where it tells what became of a message, with {key}; empty: it does not.
    """

    url: str
    form: Form
    fields: Mapping[str, str]
    secret: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    delivery: str = ""


class SmsHttp:
    """One provider."""

    def __init__(self, http: HttpCall, provider: SmsProvider) -> None:
        """A key that the provider knows is sent once by it; others may send a repeat twice."""
        self._http = http
        self._provider = provider

    async def send(self, message: Message) -> Carried:
        """Raises TryLater, GiveUp, ConfigError."""
        provider = self._provider
        values = {
            "to": message.to,
            "text": message.text,
            "key": message.key,
            "secret": provider.secret,
            "delivery": filled(provider.delivery, {"key": message.key}),
        }
        fields = {name: filled(template, values) for name, template in provider.fields.items()}
        headers = {name: filled(template, values) for name, template in provider.headers.items()}
        if provider.form == "query":
            answer = await self._http.ask("GET", provider.url, params=fields, headers=headers)
        elif provider.form == "form":
            headers = {"content-type": "application/x-www-form-urlencoded", **headers}
            answer = await self._http.ask("POST", provider.url, body=urlencode(fields).encode(), headers=headers)
        else:
            headers = {"content-type": "application/json", **headers}
            answer = await self._http.ask("POST", provider.url, body=json.dumps(fields).encode(), headers=headers)
        if any(word in answer.text for word in provider.bad):
            raise GiveUp(answer.shown)
        if provider.good and not any(word in answer.text for word in provider.good):
            raise TryLater(answer.shown)  # 200 with "balance exhausted": a person must look, another way must serve
        return Carried(code=answer.shown)

    async def probe(self) -> None:
        """Raises TryLater."""
        await knock(self._provider.url)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its {names} replaced, once: braces in a person's words stay as they are."""
    parts: list[str] = []
    rest = template
    while rest:
        before, brace, after = rest.partition("{")
        name, end, tail = after.partition("}")
        if brace and end and name in values:
            parts += [before, values[name]]
            rest = tail
        else:
            parts += [before, brace]
            rest = after
    return "".join(parts)
