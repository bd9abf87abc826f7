"""The organisation's provider of identities (OpenID Connect Core 1.0): code flow with PKCE, ID tokens checked here.

Everything that is asked of it has a time-out and a bound on its size, and follows no redirect. What it says counts only
as far as its signed token says it. A provider that is away keeps nobody from logging in with a password.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, Field, ValidationError

from community.access_settings import OidcEntry
from community.store.identities import Vouched
from shouwang.bilingual import Bilingual
from shouwang.errors import ShouwangError, TryLater

WITHIN_S = 10.0
"""For all that one log-in asks of the provider; the console answers within 15 s."""
ONE_ANSWER_S = 5.0
KEPT_FOR_S = 3600.0
"""How long the provider's description and keys are taken for true."""
KEYS_AGAIN_S = 60.0
"""A token with an unknown key makes us read the keys again, at most this often: a stranger must not make us ask."""
MAX_ANSWER_BYTES = 256 * 1024
MAX_KEYS = 64
LEEWAY_S = 60
"""How far the provider's clock may be from ours."""
LOG_IN_AGE_S = 300
"""Desks are shared: the provider asks anew who it is, and a log-in there that is older than this lets nobody in."""
ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "ES384", "RS512", "ES512", "EdDSA")
"""Signatures by the provider's own key; neither `none` nor a secret that both know."""
SCOPE = "openid profile email"

_Text = Annotated[str, Field(max_length=2048)]
_Model = TypeVar("_Model", bound=BaseModel)
_log = logging.getLogger(__name__)


class NotVouched(ShouwangError):
    """The provider's answer is not good; the message is for the log."""


class _Description(BaseModel):
    issuer: _Text
    authorization_endpoint: _Text
    token_endpoint: _Text
    jwks_uri: _Text
    userinfo_endpoint: _Text = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Keys(BaseModel):
    keys: Annotated[tuple[dict[str, object], ...], Field(max_length=MAX_KEYS)]


class _Tokens(BaseModel):
    id_token: Annotated[str, Field(max_length=32 * 1024)]
    access_token: Annotated[str, Field(max_length=32 * 1024)] = ""


class _Person(BaseModel):
    sub: Annotated[str, Field(min_length=1, max_length=255)]
    email: _Text = ""
    email_verified: bool | str = False
    preferred_username: _Text = ""


class _Claims(_Person):
    nonce: str
    exp: float
    iat: float
    auth_time: float | None = None
    amr: tuple[str, ...] = ()
    acr: str = ""


class Provider:
    """One provider. Its description and keys are read when they are needed first."""

    def __init__(
        self, entry: OidcEntry, *, secret: str | None, redirect_uri: str, clock: Callable[[], datetime]
    ) -> None:
        """`secret`: what it knows us by; `redirect_uri`: where it sends browsers back to."""
        self._entry, self._secret, self._redirect_uri, self._clock = entry, secret, redirect_uri, clock
        self._found: tuple[_Description, float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    async def ask_address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where a browser goes to say who it is. Raises TryLater where the provider is away, NotVouched."""
        async with _limited() as client:
            described = await self._description(client)
        asked = {
            "response_type": "code",
            "client_id": self._entry.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
            "prompt": "login",
            "max_age": str(LOG_IN_AGE_S),
        }
        address = described.authorization_endpoint
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def vouched(self, code: str, *, nonce: str, verifier: str) -> Vouched:
        """Whom the provider vouches for by this code. Raises TryLater where it is away, NotVouched."""
        async with _limited() as client:
            described = await self._description(client)
            tokens = await self._redeem(client, described, code, verifier)
            token = tokens.id_token
            try:
                claims = self._checked(token, await self._key_set(client, described), nonce)
            except InvalidKeyIdError:  # it may have a new key
                claims = self._checked_for_good(token, await self._key_set(client, described, is_new=True), nonce)
            except (JoseError, ValueError) as error:
                raise NotVouched(f"its token is not good: {error}") from error
            return self._as_vouched(await self._named(client, described, tokens.access_token, claims))

    async def _named(
        self, client: httpx.AsyncClient, described: _Description, access_token: str, claims: _Claims
    ) -> _Claims:
        """With address and name of a provider that tells them beside its token alone (OpenID Connect Core 5.4).

        They are needed by who is not linked by his subject yet: where they cannot be had, all others get in.
        """
        if claims.email or claims.preferred_username or not (described.userinfo_endpoint and access_token):
            return claims
        headers = {"authorization": f"Bearer {access_token}"}
        request = client.build_request("GET", described.userinfo_endpoint, headers=headers)
        try:
            told = await _answer(client, request, _Person)
        except (TryLater, NotVouched) as error:
            _log.warning("the provider does not tell a name: %s", error)
            return claims
        if told.sub != claims.sub:
            raise NotVouched("the provider tells the name of somebody else")
        return claims.model_copy(update=told.model_dump())

    def _checked_for_good(self, token: str, keys: KeySet, nonce: str) -> _Claims:
        try:
            return self._checked(token, keys, nonce)
        except (JoseError, ValueError) as error:
            raise NotVouched(f"its token is not good: {error}") from error

    def _checked(self, token: str, keys: KeySet, nonce: str) -> _Claims:
        now = self._clock().timestamp()
        read = jwt.decode(token, keys, algorithms=ALGORITHMS)
        wanted = {
            "iss": {"essential": True, "value": self._entry.issuer},
            "aud": {"essential": True, "value": self._entry.client_id},
        }
        told = {"nonce": nonce, "client_id": self._entry.client_id}
        CodeIDToken(read.claims, read.header, options=wanted, params=told).validate(now=int(now), leeway=LEEWAY_S)
        claims = _Claims.model_validate(read.claims)
        proved_at = claims.iat if claims.auth_time is None else claims.auth_time
        if now - proved_at > LOG_IN_AGE_S + LEEWAY_S:
            raise NotVouched("the log-in at the provider is too old")
        return claims

    def _as_vouched(self, claims: _Claims) -> Vouched:
        factor = self._entry.second_factor
        told = () if factor is None else claims.amr if factor.claim == "amr" else (claims.acr,)
        return Vouched(
            issuer=self._entry.issuer,
            subject=claims.sub,
            nonce=claims.nonce,
            until=datetime.fromtimestamp(claims.exp + LEEWAY_S, UTC),
            email=claims.email if claims.email_verified in (True, "true") else "",
            login=claims.preferred_username,
            has_second_factor=factor is not None and not set(told).isdisjoint(factor.values),
        )

    async def _redeem(self, client: httpx.AsyncClient, described: _Description, code: str, verifier: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
            "client_id": self._entry.client_id,
        }
        auth = None
        if self._secret is not None and "client_secret_basic" in described.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(self._entry.client_id, self._secret)
        elif self._secret is not None:
            form["client_secret"] = self._secret
        request = client.build_request("POST", described.token_endpoint, data=form)
        return await _answer(client, request, _Tokens, auth=auth)

    async def _description(self, client: httpx.AsyncClient) -> _Description:
        now = asyncio.get_running_loop().time()
        if self._found is not None and now - self._found[1] < KEPT_FOR_S:
            return self._found[0]
        address = f"{self._entry.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await _answer(client, client.build_request("GET", address), _Description)
        if found.issuer != self._entry.issuer:
            raise NotVouched(f"the provider calls itself {found.issuer}, not {self._entry.issuer}: correct `issuer`")
        named = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        for one in filter(None, named):
            if urlsplit(one).scheme not in {"https", urlsplit(self._entry.issuer).scheme}:
                raise NotVouched(f"the provider names an address without TLS: {one}")
        self._found = (found, now)
        return found

    async def _key_set(self, client: httpx.AsyncClient, described: _Description, *, is_new: bool = False) -> KeySet:
        """Its keys; `is_new`: those that we have lack one."""
        now = asyncio.get_running_loop().time()
        if self._keys is not None and now - self._keys[1] < (KEYS_AGAIN_S if is_new else KEPT_FOR_S):
            return self._keys[0]
        found = await _answer(client, client.build_request("GET", described.jwks_uri), _Keys)
        try:
            to_sign = [key for key in found.keys if key.get("use", "sig") == "sig"]
            keys = KeySet.import_key_set({"keys": cast("list[dict[str, str | list[str]]]", to_sign)})
        except (JoseError, ValueError, KeyError) as error:
            raise NotVouched(f"its keys cannot be read: {error}") from error
        self._keys = (keys, now)
        return keys


class _limited:  # noqa: N801 - used as a function
    """A client for one log-in: no redirects, no proxy of the environment, a time-out over all."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=ONE_ANSWER_S, follow_redirects=False, trust_env=False)
        self._limit = asyncio.timeout(WITHIN_S)

    async def __aenter__(self) -> httpx.AsyncClient:
        await self._limit.__aenter__()
        return self._client

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        await self._client.aclose()
        try:
            await self._limit.__aexit__(kind, error, None)
        except TimeoutError as late:
            raise TryLater(Bilingual("the provider of identities does not answer", zh="统一登录服务没有应答")) from late


async def _answer(
    client: httpx.AsyncClient, request: httpx.Request, model: type[_Model], *, auth: httpx.Auth | None = None
) -> _Model:
    try:
        sent = await client.send(request, stream=True, auth=auth)
        try:
            body = bytearray()
            async for part in sent.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise NotVouched(f"{request.url.path}: the answer is too long")
        finally:
            await sent.aclose()
    except httpx.HTTPError as error:
        raise TryLater(
            Bilingual(f"the provider of identities cannot be reached: {error!r}", zh=f"连不上统一登录服务：{error!r}")
        ) from error
    if sent.status_code >= 500 or sent.status_code == 429:
        raise TryLater(
            Bilingual(
                f"the provider of identities answers {sent.status_code}", zh=f"统一登录服务回答 {sent.status_code}"
            )
        )
    if sent.status_code != 200:
        raise NotVouched(f"{request.url.path}: answers {sent.status_code}")
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        raise NotVouched(f"{request.url.path}: the answer is not what it should be") from error
