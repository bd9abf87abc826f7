"""`shouwang community user|token|agreement ...`: who may what."""

import argparse
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from community import qr, totp
from community.accounts import Accounts
from community.app import address_of
from community.registry_sealing import Safe, open_safe
from community.settings import CommunitySettings, load
from community.staff import USUAL_TERM_DAYS, Newcomer, Staff, TokenWish
from community.store.database import Store
from community.store.identities import EMAIL, SUB
from community.terminal import asked_password, say, with_config, with_store
from community.tokens import USUAL_RATE, Agreement, Field, Scope, scope_of
from community.users import EVERYWHERE, GIVEN, Role, User
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

T = TypeVar("T")
_ROLES = [role.value for role in GIVEN]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `user`, `token` and `agreement`."""
    _register_users(commands.add_parser("user", help="people who work at the centre"))
    _register_tokens(commands.add_parser("token", help="programs that may use the HTTP API"))
    _register_agreements(commands.add_parser("agreement", help="who gets which data of residents, for what, how long"))


def _register_users(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    add = _verb(verbs, "add", "add a user", _user_add)
    add.add_argument("login")
    add.add_argument("--name", help="how the user is called (default: the login)")
    add.add_argument("--role", choices=_ROLES, default=Role.OPERATOR.value)
    add.add_argument("--language", choices=["zh", "en"], default="zh")
    add.add_argument("--person", default="", metavar="ID", help="the responder or contact who this is")
    add.add_argument("--login-link", action="store_true", help="print a link for the first login, ask for no password")
    _scoped(add)
    for name, words, function in (
        ("disable", "let a user in no more, and log him out", _user_disable),
        ("enable", "let a disabled user in again", _user_enable),
        ("log-out", "end all sessions of a user", _user_log_out),
    ):
        _verb(verbs, name, words, function).add_argument("login")
    role = _verb(verbs, "role", "give another role", _user_role)
    role.add_argument("login")
    role.add_argument("role", choices=_ROLES)
    area = _verb(verbs, "area", "say for which areas and organisations", _user_area)
    area.add_argument("login")
    _scoped(area)
    _verb(verbs, "link", "print a one-time link for a log-in within 15 minutes", _user_link).add_argument("login")
    app = _verb(verbs, "totp", "give a user a (new) authenticator app", _user_totp)
    app.add_argument("login")
    app.add_argument("--remove", action="store_true", help="he needs no code any more")
    oidc = _verb(verbs, "oidc", "link a user to the organisation's provider of identities", _user_oidc)
    oidc.add_argument("login")
    who = oidc.add_mutually_exclusive_group(required=True)
    who.add_argument("--subject", metavar="SUB", help="the provider's own id of him")
    who.add_argument("--email", metavar="ADDRESS", help="his address there, if the provider has verified it")
    who.add_argument("--remove", action="store_true", help="the provider lets him in no more")
    _verb(verbs, "list", "all users", _user_list)


def _register_tokens(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    add = _verb(verbs, "add", "make a token, and show it once", _token_add)
    add.add_argument("name", help="what the program is called in the record, e.g. hospital-3")
    add.add_argument("--role", choices=_ROLES, required=True)
    add.add_argument("--scope", action="append", choices=[scope.value for scope in Scope], required=True)
    add.add_argument("--person", default="", metavar="ID", help="the responder or contact for whom it asks")
    add.add_argument("--agreement", default="", metavar="ID", help="under which it reads residents")
    add.add_argument(
        "--days", type=int, default=USUAL_TERM_DAYS, help=f"how long it is good (default: {USUAL_TERM_DAYS})"
    )
    add.add_argument("--a-minute", type=int, default=USUAL_RATE, help=f"requests a minute (default: {USUAL_RATE})")
    _scoped(add, is_needed=True)
    _verb(verbs, "revoke", "make a token open nothing any more", _token_revoke).add_argument("token_id", metavar="ID")
    _verb(verbs, "list", "all tokens", _token_list)


def _register_agreements(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    add = _verb(verbs, "add", "write down an agreement", _agreement_add)
    add.add_argument("agreement_id", metavar="ID")
    add.add_argument("--organisation", required=True, metavar="ID")
    add.add_argument("--purpose", required=True, help="what the data is for, in words")
    add.add_argument("--field", action="append", choices=[one.value for one in Field], required=True)
    add.add_argument("--area", action="append", required=True, metavar="ID", help="a place, or * for all")
    add.add_argument("--days", type=int, required=True, help="how long it holds")
    _verb(verbs, "end", "end an agreement now", _agreement_end).add_argument("agreement_id", metavar="ID")
    _verb(verbs, "list", "all agreements", _agreement_list)


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    words: str,
    function: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = with_config(verbs.add_parser(name, help=words))
    parser.set_defaults(func=function)
    return parser


def _scoped(parser: argparse.ArgumentParser, *, is_needed: bool = False) -> None:
    parser.add_argument(
        "--area",
        action="append",
        required=is_needed,
        metavar="ID",
        help="a place; * for all; may be repeated",
    )
    parser.add_argument("--organisation", action="append", metavar="ID", help="the same with organisations")


def _user_add(options: argparse.Namespace) -> int:
    settings = load(options.config)
    password = None if options.login_link else asked_password()

    newcomer = Newcomer(
        login=options.login,
        name=options.name or options.login,
        role=Role(options.role),
        language=options.language,
        password=password,
        areas=_scope(options.area),
        organisations=_scope(options.organisation),
        person=options.person,
    )

    async def add(store: Store) -> str:
        return await _books(store, Safe()).take_on(Accounts(store), newcomer)

    token = with_store(settings, add)
    say(link_of(settings, token) if token else f"added {options.login}")
    return 0


def _user_link(options: argparse.Namespace) -> int:
    settings = load(options.config)

    async def make(store: Store) -> str:
        return await Accounts(store).make_link(options.login, now=datetime.now(UTC))

    say(link_of(settings, with_store(settings, make)))
    return 0


def link_of(settings: CommunitySettings, token: str) -> str:
    """The address of a one-time login link."""
    return f"{address_of(settings.web, settings.web.port)}/login/once/{token}"


def _user_disable(options: argparse.Namespace) -> int:
    return _told(_in_books(options, lambda books: books.disable(options.login)))


def _user_enable(options: argparse.Namespace) -> int:
    return _told(_in_books(options, lambda books: books.enable(options.login)))


def _user_log_out(options: argparse.Namespace) -> int:
    return _told(_in_books(options, lambda books: books.log_out(options.login)))


def _user_role(options: argparse.Namespace) -> int:
    return _told(_in_books(options, lambda books: books.set_role(options.login, Role(options.role))))


def _user_area(options: argparse.Namespace) -> int:
    areas, organisations = _scope(options.area), _scope(options.organisation)
    return _told(
        _in_books(options, lambda books: books.set_scope(options.login, areas=areas, organisations=organisations))
    )


def _user_totp(options: argparse.Namespace) -> int:
    if options.remove:
        return _told(_in_books(options, lambda books: books.take_app(options.login)))
    secret = _in_books(options, lambda books: books.give_app(options.login))
    say("Show this to the user only, as a picture or to type in; it is not shown again:")
    address = totp.address(secret, options.login, load(options.config).name)
    if sys.stdout.isatty():
        say(qr.blocks(address, sys.stdout.encoding))
    say(f"  {address}")
    return 0


def _user_oidc(options: argparse.Namespace) -> int:
    entry = load(options.config).access.oidc
    if entry is None:
        raise ConfigError(
            Bilingual(
                f"{options.config}: names no provider of identities; write access: {{oidc: ...}} first",
                zh=f"{options.config}：没有写统一登录服务；请先写 access: {{oidc: ...}}",
            )
        )
    kind = SUB if options.subject else EMAIL
    named = "" if options.remove else options.subject or options.email.casefold()
    return _told(_in_books(options, lambda books: books.link_identity(options.login, entry.issuer, kind, named)))


def _user_list(options: argparse.Namespace) -> int:
    for user in _in_books(options, lambda books: books.users()):
        _told(user)
    return 0


def _token_add(options: argparse.Namespace) -> int:
    wanted = TokenWish(
        name=options.name,
        role=Role(options.role),
        scopes=frozenset(Scope(scope) for scope in options.scope),
        areas=_scope(options.area),
        organisations=_scope(options.organisation),
        person=options.person,
        agreement=options.agreement,
        a_minute=options.a_minute,
        days=options.days,
    )
    token, word = _in_books(options, lambda books: books.issue(wanted))
    say(f"token {token.token_id} ({token.name}), good until {token.expires_at:%Y-%m-%d}; it is not shown again:")
    say(f"  {word}")
    return 0


def _token_revoke(options: argparse.Namespace) -> int:
    token = _in_books(options, lambda books: books.revoke_token(options.token_id))
    say(f"token {token.token_id} ({token.name}) opens nothing any more")
    return 0


def _token_list(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    for token in _in_books(options, lambda books: books.tokens()):
        used = f"last used {token.last_used_at:%Y-%m-%d %H:%M} UTC" if token.last_used_at else "never used"
        state = f"until {token.expires_at:%Y-%m-%d}" if token.is_good(now) else "opens nothing"
        where = _listed(token.areas)
        say(f"{token.token_id} {token.name} {token.role} {_listed(token.scopes)}; areas {where}; {state}; {used}")
    return 0


def _agreement_add(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    made = Agreement(
        agreement_id=options.agreement_id,
        organisation=options.organisation,
        purpose=options.purpose,
        fields=frozenset(Field(name) for name in options.field),
        areas=_scope(options.area),
        starts_at=now,
        ends_at=now + timedelta(days=options.days),
    )
    _in_books(options, lambda books: books.agree(made))
    say(f"agreement {made.agreement_id} holds until {made.ends_at:%Y-%m-%d}")
    return 0


def _agreement_end(options: argparse.Namespace) -> int:
    _in_books(options, lambda books: books.end_agreement(options.agreement_id))
    say(f"agreement {options.agreement_id} has ended")
    return 0


def _agreement_list(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    for one in _in_books(options, lambda books: books.agreements()):
        state = f"until {one.ends_at:%Y-%m-%d}" if one.stands(now) else "ended"
        what = f"{_listed(one.fields)}; areas {_listed(one.areas)}"
        say(f"{one.agreement_id} {one.organisation} {what}; {state}; {one.purpose}")
    return 0


def _in_books(options: argparse.Namespace, work: Callable[[Staff], Awaitable[T]]) -> T:
    settings = load(options.config)
    safe = open_safe(settings.registry.key_file)
    return with_store(settings, lambda store: work(_books(store, safe)))


def _books(store: Store, safe: Safe) -> Staff:
    return Staff(store=store, by=getpass.getuser(), clock=lambda: datetime.now(UTC), safe=safe)


def _scope(ids: list[str] | None) -> frozenset[str]:
    return EVERYWHERE if ids is None else scope_of(ids)


def _listed(ids: Iterable[str]) -> str:
    return ",".join(sorted(ids))


def _told(user: User) -> int:
    marks = [mark for mark, is_so in (("app", user.has_totp), ("DISABLED", user.is_disabled)) if is_so]
    where = f"areas {_listed(user.areas)}; organisations {_listed(user.organisations)}"
    say(" ".join([user.login, f"({user.name})", user.role, f"{where};", user.person, *marks]).rstrip())
    return 0
