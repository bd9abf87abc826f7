"""The units load without complaint, are sandboxed, and never give up; users, folders and udev rules fit them."""

import configparser
import os
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from config.home import GatewayPart
from gateway.annunciators.sounding_flag import FLAG_FILE

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
PROGRAM = "/opt/shouwang/.venv/bin/shouwang"
UNITS = sorted(path.name for path in SYSTEMD.glob("*.service"))
# systemd's own scale: 0 (locked in) to 100 in tenths; a unit without sandbox stands at 96.
EXPOSURE_LIMIT = 20


def words(unit: str, key: str) -> list[str]:
    """All values of one key, over all its lines."""
    lines = (SYSTEMD / unit).read_text(encoding="utf-8").splitlines()
    return [word for line in lines if line.startswith(f"{key}=") for word in line.partition("=")[2].split()]


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name} (Debian package {package})")
    return found


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def installed(unit: str, tmp_path: Path) -> Path:
    """The unit with a program that exists, as on a box where it is installed."""
    program = tmp_path / "shouwang"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    copy = tmp_path / unit
    copy.write_text((SYSTEMD / unit).read_text(encoding="utf-8").replace(PROGRAM, str(program)), encoding="utf-8")
    return copy


def test_unit_loads_without_a_word(installed: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(installed)], capture_output=True, text=True, timeout=60, check=False
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "shouwang" in line]
    assert complaints == []
    assert done.returncode == 0, done.stderr


def test_sandbox_leaves_little_exposed(installed: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_LIMIT}", str(installed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_unit_never_gives_up(unit: str) -> None:
    assert words(unit, "Type") == ["notify"]
    assert words(unit, "NotifyAccess") == ["main"]
    assert words(unit, "Restart") == ["always"]
    assert words(unit, "StartLimitIntervalSec") == ["0"]
    assert int(words(unit, "WatchdogSec")[0]) > 0
    assert 0 < int(words(unit, "RestartSec")[0]) <= 10


def test_gateway_that_hangs_runs_again_within_30_s() -> None:
    """Until the watchdog bites, until it has ended, until it is started again; the start itself takes 5 s at most."""
    keys = ("WatchdogSec", "TimeoutAbortSec", "RestartSec")
    assert sum(int(words("shouwang-gateway.service", key)[0]) for key in keys) <= 25


def test_unit_keeps_its_files_in_its_own_state_directory(unit: str) -> None:
    assert len(words(unit, "StateDirectory")) == 1
    assert words(unit, "User") == [unit.removesuffix(".service")]
    assert words(unit, "ProtectSystem") == ["strict"]
    assert words(unit, "NoNewPrivileges") == ["yes"]
    assert words(unit, "ReadWritePaths") == []


def test_gateway_keeps_its_data_where_it_may_write() -> None:
    """The folder that a home gets without asking is the one that the sandbox leaves open."""
    (folder,) = words("shouwang-gateway.service", "StateDirectory")
    assert GatewayPart(id="gw-1").data_dir == Path("/var/lib") / folder


def test_gateway_may_open_serial_ports_pins_and_sound_and_nothing_else() -> None:
    gateway = "shouwang-gateway.service"
    assert words(gateway, "DevicePolicy") == ["closed"]
    allowed = {word for word in words(gateway, "DeviceAllow") if word != "rw"}
    serial = {"char-ttyUSB", "char-ttyACM", "char-ttyAMA", "char-ttyS"}
    assert allowed == serial | {"char-gpiochip", "char-alsa"}
    assert set(words(gateway, "SupplementaryGroups")) == {"dialout", "bluetooth", "gpio", "audio"}
    assert words("shouwang-community.service", "DeviceAllow") == []


def allowed_calls(unit: str) -> set[str]:
    """System calls that the filter lines leave, in order (systemd.exec(5))."""
    allowed: set[str] = set()
    for line in (SYSTEMD / unit).read_text(encoding="utf-8").splitlines():
        if line.startswith("SystemCallFilter="):
            value = line.partition("=")[2]
            named = {call for word in value.lstrip("~").split() for call in calls_of(word)}
            allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


def calls_of(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    analyze = tool("systemd-analyze", "systemd")
    done = subprocess.run([analyze, "syscall-filter", word], capture_output=True, text=True, timeout=60, check=True)
    lines = [line.strip() for line in done.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return {call for line in lines for call in calls_of(line)}


def test_gateway_may_ask_the_kernel_of_its_clock_and_not_set_it() -> None:
    """ProtectClock=yes forbids adjtimex(3) altogether: the gateway would never know that its clock is right."""
    gateway = "shouwang-gateway.service"
    assert words(gateway, "ProtectClock") == []
    assert words(gateway, "CapabilityBoundingSet") == []
    allowed = allowed_calls(gateway)
    assert allowed >= {"clock_adjtime", "clock_adjtime64", "clock_gettime"}
    assert not allowed & {"clock_settime", "clock_settime64", "settimeofday"}
    assert "clock_adjtime" not in allowed_calls("shouwang-community.service")


def test_a_killed_gateway_leaves_no_siren_on_and_its_pins_need_no_other_folder() -> None:
    gateway = "shouwang-gateway.service"
    folder = f"/run/{words(gateway, 'RuntimeDirectory')[0]}"
    line = " ".join(words(gateway, "ExecStopPost"))
    assert f"test ! -e {folder}/{FLAG_FILE} || exec {PROGRAM} gateway hush" in line
    assert line.startswith("-")  # what cannot be put off keeps no gateway from starting again
    assert f"LG_WD={folder}" in words(gateway, "Environment")


def test_udev_lets_the_gateway_use_pins_where_no_other_rule_does() -> None:
    (rule,) = [line for line in (SYSTEMD / GPIO_RULES).read_text(encoding="utf-8").splitlines() if line[:1] not in "#"]
    assert rule == 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"'


def test_users_and_groups_of_the_units_are_made(unit: str) -> None:
    lines = (SYSTEMD / "shouwang.sysusers.conf").read_text(encoding="utf-8").splitlines()
    made = {line.split()[1] for line in lines if line.startswith("u ")}
    joined = {tuple(line.split()[1:]) for line in lines if line.startswith("m ")}
    (user,) = words(unit, "User")
    assert user in made
    assert joined >= {(user, group) for group in words(unit, "SupplementaryGroups")}


@pytest.fixture
def root_with_users(tmp_path: Path) -> Path:
    """An empty root in which systemd has made our users."""
    (tmp_path / "etc").mkdir()
    sysusers = tool("systemd-sysusers", "systemd")
    config = str(SYSTEMD / "shouwang.sysusers.conf")
    subprocess.run([sysusers, f"--root={tmp_path}", config], check=True, capture_output=True, timeout=60)
    return tmp_path


def test_users_appear_on_an_empty_system(root_with_users: Path, unit: str) -> None:
    passwd = (root_with_users / "etc/passwd").read_text(encoding="utf-8")
    assert f"{unit.removesuffix('.service')}:" in passwd


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: folders are given to other users")
def test_secrets_are_closed_to_others(root_with_users: Path) -> None:
    tmpfiles = tool("systemd-tmpfiles", "systemd")
    config = str(SYSTEMD / "shouwang.tmpfiles.conf")
    done = subprocess.run(
        [tmpfiles, "--create", f"--root={root_with_users}", config],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    folder = root_with_users / "etc/shouwang/secrets"
    assert folder.stat().st_mode & 0o777 == 0o711
    assert folder.stat().st_uid == 0


SERIAL_RULES = "60-shouwang-serial.rules"
GPIO_RULES = "60-shouwang-gpio.rules"
CH340 = {"SUBSYSTEM": "usb", "ENV{DEVTYPE}": "usb_device", "ATTR{idVendor}": "1a86", "ATTR{idProduct}": "7523"}
EC25 = {"SUBSYSTEM": "tty", "KERNEL": "ttyUSB2", "ATTRS{idVendor}": "2c7c", "ATTRS{idProduct}": "0125"}


def udev_rules() -> list[list[tuple[str, str, str]]]:
    """Key, operator and value of every part of every rule."""
    pair = re.compile(r'([A-Z]+(?:\{\w+\})?)(==|!=|\+=|=)"([^"]*)"')
    rules = []
    for line in (SYSTEMD / SERIAL_RULES).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            parts = [pair.fullmatch(part.strip()) for part in line.split(",")]
            assert all(parts), line
            rules.append([(part[1], part[2], part[3]) for part in parts if part])
    return rules


def after_udev(device: dict[str, str]) -> dict[str, str]:
    """What the rules make of a device (udev(7): matches, GOTO, assignments)."""
    made: dict[str, str] = {}
    skip_to = ""
    for rule in udev_rules():
        if skip_to and ("LABEL", "=", skip_to) not in rule:
            continue
        skip_to = ""
        matches = [(key, sign, wanted) for key, sign, wanted in rule if sign in ("==", "!=")]
        if all(
            any(fnmatch(device.get(key, ""), one) for one in wanted.split("|")) == (sign == "==")
            for key, sign, wanted in matches
        ):
            made |= {key: value for key, sign, value in rule if sign in ("=", "+=")}
            skip_to = made.pop("GOTO", "")
    made.pop("LABEL", None)
    assert not skip_to
    return made


def test_udev_keeps_modemmanager_from_known_adapters_only() -> None:
    assert after_udev(CH340) == {"ENV{ID_MM_DEVICE_IGNORE}": "1"}
    assert after_udev(CH340 | {"ATTR{idVendor}": "046d"}) == {}
    assert after_udev(CH340 | {"ENV{DEVTYPE}": "usb_interface"}) == {}
    assert after_udev(CH340 | {"ACTION": "remove"}) == {}
    assert after_udev({"SUBSYSTEM": "block", "KERNEL": "sda"}) == {}


def test_udev_gives_the_gateway_its_ports_and_of_a_modem_the_one_for_commands() -> None:
    ours = {"GROUP": "dialout", "MODE": "0660", "TAG": "shouwang"}
    modem = {"ENV{ID_MM_PORT_IGNORE}": "1", "SYMLINK": "shouwang-modem"}
    assert after_udev({"SUBSYSTEM": "tty", "KERNEL": "ttyACM0"}) == ours
    assert after_udev(EC25 | {"ENV{ID_USB_INTERFACE_NUM}": "02"}) == ours | modem
    assert after_udev(EC25 | {"ENV{ID_USB_INTERFACE_NUM}": "00"}) == ours
    assert after_udev({"SUBSYSTEM": "tty", "KERNEL": "tty1"}) == {}


def test_documentation_of_the_units_is_in_the_repository(unit: str) -> None:
    (page,) = words(unit, "Documentation")
    assert (SYSTEMD.parent / page.removeprefix("file:///opt/shouwang/")).is_file()


def test_unit_is_an_ini_file_with_the_three_sections(unit: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(SYSTEMD / unit, encoding="utf-8")
    assert parser.sections() == ["Unit", "Service", "Install"]
