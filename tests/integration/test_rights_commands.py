"""`shouwang community user|token|agreement` as somebody at the terminal uses them."""

import re
import sqlite3
import sys
from pathlib import Path

import pytest

from community import qr
from shouwang.cli import main

YAML = """
name: 阳光社区
store: {url: "sqlite:///community.db"}
broker: {url: "mqtt://127.0.0.1:1883"}
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "community.yaml"
    file.write_text(YAML, encoding="utf-8")
    monkeypatch.setattr("getpass.getpass", lambda _: "four words make sense")

    def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["community", *words, "-c", str(file)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return command


def test_user_from_the_first_day_to_the_last(run) -> None:
    assert run("user", "add", "zhang", "--name", "张琳", "--area", "north", "--area", "south") == (0, "added zhang\n")
    code, said = run("user", "add", "li", "--role", "responder", "--person", "r-7", "--login-link")
    assert (code, "/login/once/" in said) == (0, True)
    assert run("user", "role", "zhang", "supervisor")[0] == 0
    assert run("user", "area", "zhang", "--area", "*", "--organisation", "care-co")[0] == 0
    code, said = run("user", "totp", "zhang")
    assert (code, "otpauth://totp/" in said) == (0, True)
    assert run("user", "disable", "li")[0] == 0
    lines = run("user", "list")[1].splitlines()
    assert lines == [
        "li (li) responder areas *; organisations *; r-7 DISABLED",
        "zhang (张琳) supervisor areas *; organisations care-co;  app",
    ]
    assert run("user", "totp", "zhang", "--remove")[0] == 0
    assert run("user", "enable", "li")[0] == 0
    assert run("user", "log-out", "li")[0] == 0
    code, said = run("user", "role", "nobody", "admin")
    assert code != 0
    assert "no user with the login nobody" in said
    assert run("user", "area", "zhang", "--area", "two words")[0] != 0


def test_token_and_agreement(run) -> None:
    words = ("token", "add", "clinic", "--role", "auditor", "--scope", "residents:read", "--area", "north")
    code, said = run(*words)
    assert code != 0
    assert "needs an agreement" in said
    made = ("agreement", "add", "a1", "--organisation", "clinic", "--purpose", "随访", "--area", "*")
    assert run(*made, "--field", "name", "--days", "30")[0] == 0
    code, said = run(*words, "--agreement", "a1")
    assert code == 0
    assert re.search(r"^  swt_[\w-]{43}$", said, re.MULTILINE)
    listed = run("token", "list")[1]
    assert "clinic auditor residents:read; areas north; until" in listed
    assert "swt_" not in listed
    number = listed.split()[0]
    assert run("token", "revoke", number) == (0, f"token {number} (clinic) opens nothing any more\n")
    assert "opens nothing; never used" in run("token", "list")[1]
    assert "a1 clinic name; areas *; until" in run("agreement", "list")[1]
    assert run("agreement", "end", "a1")[0] == 0
    assert "; ended; 随访" in run("agreement", "list")[1]
    assert run(*words, "--agreement", "a1", "--days", "400")[0] != 0


def test_check_names_who_would_be_kept_out(run, tmp_path: Path) -> None:
    run("user", "add", "wang", "--role", "supervisor")
    run("user", "add", "zhang")
    assert "authenticator" not in run("check")[1], "over http nobody needs an app"
    (tmp_path / "community.yaml").write_text(YAML + "web: {public_url: https://care.example.org}\n", encoding="utf-8")
    said = run("check")[1]
    assert "admin, supervisor need an authenticator app" in said
    assert "wang (supervisor) has none yet: shouwang community user totp wang" in said
    assert "zhang (" not in said
    run("user", "totp", "wang")
    assert "has none yet" not in run("check")[1]
    run("user", "totp", "wang", "--remove")
    with sqlite3.connect(tmp_path / "community.db") as database:
        his = "SELECT 'k', x'01', user_id, 'phone', x'02', 0, 0, NULL FROM users WHERE login = 'wang'"
        database.execute(f"INSERT INTO passkeys {his}")
    database.close()
    assert "has none yet" not in run("check")[1], "who has a passkey is not kept out"


def test_terminal_shows_the_app_as_a_picture_and_a_pipe_does_not(run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("user", "add", "zhang")
    assert "█" not in run("user", "totp", "zhang")[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = run("user", "totp", "zhang")[1]
    address = re.search(r"  (otpauth://\S+)", said)
    assert address is not None
    assert qr.blocks(address[1], "utf-8") in said


def test_user_is_linked_to_the_provider_of_the_settings(run, tmp_path: Path) -> None:
    run("user", "add", "zhang")
    code, said = run("user", "oidc", "zhang", "--subject", "u-1")
    assert (code, "names no provider" in said) == (1, True)
    oidc = "access: {oidc: {issuer: 'https://id.example.org', client_id: care, name: 统一登录}}\n"
    (tmp_path / "community.yaml").write_text(YAML + oidc, encoding="utf-8")
    run("user", "add", "li")
    assert run("user", "oidc", "zhang", "--subject", "u-1")[0] == 0
    code, said = run("user", "oidc", "li", "--subject", "u-1")
    assert (code, "linked to the login zhang already" in said) == (1, True)
    assert run("user", "oidc", "zhang", "--remove")[0] == 0
    assert run("user", "oidc", "li", "--email", "li@example.org")[0] == 0
