"""The `shouwang` command: rooms on demand, plain words when something is missing or wrong."""

import io
import runpy
import sys
import types

import pytest

from shouwang import cli
from shouwang.bilingual import Bilingual, by_lines
from shouwang.errors import ConfigError, DeviceError
from shouwang.spoken import said_here, spoken_here


@pytest.fixture(autouse=True)
def english_terminal(monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


@pytest.fixture
def room(monkeypatch):
    """A `gateway` room whose one command does what a test says."""
    here = types.ModuleType("gateway.commands")
    here.does = lambda options: 0

    def register(parser):
        parser.add_argument("--flag", action="store_true")
        parser.set_defaults(func=lambda options: here.does(options))  # noqa: PLW0108 - set by the test

    here.register = register
    monkeypatch.setitem(sys.modules, "gateway.commands", here)
    return here


def fails(error):
    def does(_options):
        raise error

    return does


def test_a_commands_status_is_the_programs(room):
    room.does = lambda options: 3 if options.flag else 0
    assert cli.main(["gateway"]) == 0
    assert cli.main(["gateway", "--flag"]) == 3


def test_what_went_wrong_is_said_without_a_trace(room, capsys):
    room.does = fails(ConfigError("home.yaml:8: sensors[1].prot: unknown key"))
    assert cli.main(["gateway"]) == 1
    assert capsys.readouterr().err == "home.yaml:8: sensors[1].prot: unknown key\n"


def test_what_ended_a_group_of_tasks_is_said_line_by_line(room, capsys):
    inner = ExceptionGroup("inner", [DeviceError("second")])
    room.does = fails(ExceptionGroup("outer", [ConfigError("first"), inner]))
    assert cli.main(["gateway"]) == 1
    assert capsys.readouterr().err == "first\nsecond\n"


@pytest.mark.parametrize("errors", [[ValueError("bug")], [ConfigError("known"), ValueError("bug")]])
def test_a_bug_keeps_its_trace(room, errors):
    room.does = fails(ExceptionGroup("group", errors))
    with pytest.raises(ExceptionGroup):
        cli.main(["gateway"])


def test_ctrl_c_is_no_error_of_ours(room):
    room.does = fails(KeyboardInterrupt())
    assert cli.main(["gateway"]) == 130


def test_a_missing_library_names_the_extra_that_brings_it(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="sqlalchemy")

    monkeypatch.setattr(cli.importlib, "import_module", missing)
    assert cli.main(["community", "serve"]) == 1
    assert "pip install 'shouwang[community]'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["kitchen"]])
def test_misuse_is_answered_with_the_rooms(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "ROOM" in capsys.readouterr().err


def test_help_names_all_rooms(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    assert all(name in capsys.readouterr().out for name in ("gateway",))


def test_python_m_shouwang_is_the_same_command(room, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["shouwang", "gateway"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("shouwang", run_name="__main__")
    assert caught.value.code == 0


@pytest.mark.parametrize(
    ("set_to", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_a_terminal_is_spoken_to_in_the_language_of_whoever_is_logged_in(monkeypatch, set_to, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert spoken_here() == language
    assert said_here(Bilingual("no answer", zh="没有应答")) == {"zh": "没有应答", "en": "no answer"}[language]
    assert said_here("plain") == "plain"


def test_what_went_wrong_is_said_in_chinese_on_a_chinese_terminal(room, capsys, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    row = Bilingual("homes.csv:2: door: is missing", zh="homes.csv:2：door：缺少")
    room.does = fails(ConfigError(by_lines([row, "plain"])))
    assert cli.main(["gateway"]) == 1
    assert capsys.readouterr().err == "homes.csv:2：door：缺少\nplain\n"
    lost = DeviceError(Bilingual("the port is gone", zh="串口不见了"))
    room.does = fails(ExceptionGroup("outer", [lost, ConfigError("plain")]))
    assert cli.main(["gateway"]) == 1
    assert capsys.readouterr().err == "串口不见了\nplain\n"


@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_what_a_terminal_cannot_write_ends_no_command(room, monkeypatch, errors):
    """A Big5 terminal has no sign for the simplified 关: the command is done all the same, and says what it can."""
    said = io.BytesIO()
    screen = io.TextIOWrapper(said, encoding="big5", errors=errors)
    monkeypatch.setattr(sys, "stdout", screen)
    room.does = lambda _options: print("网关好") or 0
    assert cli.main(["gateway"]) == 0
    screen.flush()
    assert said.getvalue().decode("big5") == {"strict": "网\\u5173好\n", "replace": "网?好\n"}[errors]
