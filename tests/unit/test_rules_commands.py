"""`shouwang rules test|explain|lint|presets`, as people call them."""

from pathlib import Path

import pytest
from fixtures.rules_room import HOME, rules, written

from config.presets import preset, preset_names


@pytest.fixture
def home(tmp_path) -> Path:
    return written(tmp_path, HOME.format(limit=90, zone="Asia/Shanghai"), "home.yaml")


# --- test -------------------------------------------------------------------------------------------------------------

STORY = """
rules: [{{kind: threshold, id: low, quantity: spo2, below: 90, hold: 10s}}]
tests:
  - name: low oxygen
    say:
      - {{sensor: oximeter, quantity: spo2, every: 1s, values: "97x5 _x2 88x20"}}
    want:
      - {{at: {at}s, rule: low, state: firing, sensor: oximeter}}
"""


def test_a_story_that_comes_true(capsys, tmp_path):
    story = written(tmp_path, STORY.format(at=17), "story.yaml")
    assert rules(capsys, "test", story) == (0, f"ok  {story}: low oxygen\n", "")


def test_a_story_that_does_not(capsys, tmp_path):
    good, story = (
        written(tmp_path, STORY.format(at=17), "good.yaml"),
        written(tmp_path, STORY.format(at=18), "story.yaml"),
    )
    code, out, err = rules(capsys, "test", good, story)
    assert (code, err) == (1, "1 failed\n")
    assert out.splitlines()[:3] == [
        f"ok  {good}: low oxygen",
        f"FAILED  {story}: low oxygen",
        "        did not come: 18 s low firing",
    ]
    assert out.splitlines()[3].startswith("        not wanted:   17 s low firing (oxygen saturation 88 %")


def test_a_story_of_a_preset_of_a_home_and_of_some_rules(capsys, tmp_path, home):
    stories = [
        """
rules: {preset: vitals-home, settings: {spo2_scale: 2}}
tests:
  - {name: as prescribed, say: [{sensor: o, quantity: spo2, every: 1m, values: "89x30"}]}
""",
        f"""
config: {home.name}
tests:
  - name: the home's own
    say:
      - {{sensor: oximeter, quantity: heart-rate, at: 5s, values: "120"}}
      - {{sensor: oximeter, quantity: spo2, values: "80"}}
    only: [night]
    want: [{{at: 5s, rule: night, state: firing}}]
""",
        """
rules: {preset: night}
start: "2026-03-28T21:00"
timezone: Europe/Berlin
tests:
  - name: a night of 23 hours
    say: [{sensor: mat, quantity: bed, at: 5h, values: "0"}]
    only: [bed-left]
    until: 6h
    want: [{at: 19800s, rule: bed-left, state: prealarm}, {at: 19920s, rule: bed-left, state: firing}]
  - {name: that ends an hour sooner, say: [{sensor: mat, quantity: bed, at: 492m, values: "0"}], until: 10h}
""",
        """
rules: {preset: night}
start: "2026-11-24T14:00:00+00:00"
tests:
  - {name: until, say: [{sensor: mat, quantity: bed, values: "0"}], until: 29m}
""",
    ]
    files = [written(tmp_path, story, f"{number}.yaml") for number, story in enumerate(stories)]
    code, out, _ = rules(capsys, "test", *files)
    assert (code, {line[:3] for line in out.splitlines()}) == (0, {"ok "}), out


@pytest.mark.parametrize(
    ("story", "complaint"),
    [
        ("tests: []", "tests"),
        ("tests: [{name: a, say: [{sensor: o, quantity: spo2, values: '9'}]}]", "needs config or rules, one of them"),
        (
            "{rules: {preset: sos}, config: a.yaml, TESTS}",
            "needs config or rules",
        ),
        (
            "{rules: {preset: sos}, tests: [{name: a, say: [{sensor: o, quantity: sos, values: 'many'}]}]}",
            '"many" is no value; write 97, 97x10 for ten times, or _ for none',
        ),
        (
            "{rules: {preset: sos}, tests: [{name: a, say: [{sensor: o, quantity: sos, values: '1x999999'}]}]}",
            "999999 values are more than 100000; say less",
        ),
        (
            "{rules: {preset: sos}, start: noon, TESTS}",
            '"noon" is no moment',
        ),
        (
            "{rules: {preset: sos}, timezone: Mars, TESTS}",
            '"Mars" is no time zone',
        ),
        (
            "{rules: {preset: sos, settings: {a: 1}}, TESTS}",
            "preset sos has no setting a",
        ),
        (
            "{rules: {preset: none}, TESTS}",
            'there is no preset "none"',
        ),
        ("{config: none.yaml, TESTS}", "none.yaml"),
    ],
)
def test_a_story_that_cannot_be_read(capsys, tmp_path, story, complaint):
    whole = story.replace("TESTS", "tests: [{name: a, say: [{sensor: o, quantity: sos, values: '1'}]}]")
    code, _, err = rules(capsys, "test", written(tmp_path, whole, "story.yaml"))
    assert code == 1
    assert complaint in err


def test_a_story_that_is_not_there(capsys, tmp_path):
    code, out, err = rules(capsys, "test", tmp_path / "none.yaml")
    assert (code, out) == (1, "")
    assert "cannot be read" in err


# --- explain, lint, presets -------------------------------------------------------------------------------------------


def test_rules_are_explained(capsys, home):
    code, out, _ = rules(capsys, "explain", "-c", home)
    of_the_box = 2 * len(preset("box").rules)
    assert (code, len(out.splitlines())) == (0, 4 + of_the_box)
    assert out.splitlines()[1] == (
        "low (P2): fires when oxygen saturation is at or below 90 % for 10 s; ends when all is well again. "
        "Watches: oximeter"
    )
    assert out.splitlines()[0] == "low（P2）：血氧饱和度达到或低于 90 % 持续 10 秒即报警。监视：oximeter"


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_explained(capsys, name):
    code, out, err = rules(capsys, "explain", "--preset", name)
    assert (code, err) == (0, "")
    assert out.splitlines()


def test_lint(capsys, tmp_path):
    readable = HOME.format(limit=90, zone="UTC")
    assert rules(capsys, "lint", "-c", written(tmp_path, readable, "good.yaml"))[0] == 0
    far = "  - {kind: threshold, id: far, quantity: spo2, below: 80, hold: 20s, severity: P3}\n"
    odd = f"{readable}{far}  - {{kind: sos, id: press}}\n"
    path = written(tmp_path, odd, "odd.yaml")
    code, out, _ = rules(capsys, "lint", "-c", path)
    assert code == 1
    assert "far lies beyond low but is less urgent (P3 after P2)" in out
    assert 'watches nothing: no sensor says "sos"' in out
    assert f"{path}:" in out
    assert out.splitlines()[-1] == f"{path}: 2 to look at"


def test_the_list_of_presets(capsys):
    code, out, _ = rules(capsys, "presets")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines() if not line.startswith(" ")] == list(preset_names())
    assert "  spo2_scale (1 or 2): oxygen target: 1 usual; 2 where 88 to 92 % is prescribed" in out
    assert "  resting_pulse (35 to 110): usual pulse at rest (per minute)" in out


@pytest.mark.parametrize(
    ("written_rules", "told"),
    [
        ("presets: [{use: sos}, {use: home-safety}]", ()),
        ("presets: [{use: inactivity}]", ("sos", "smoke")),  # to that rule a press is a sign of life, no call
        (
            "rules: [{kind: combine, id: fire, of: [{quantity: smoke, equals: 1}, {quantity: sos, equals: 1}]}]",
            ("sos", "smoke"),
        ),
        (
            "rules: [{kind: combine, id: a, needs: any, of: [{quantity: smoke, above: 1}, {quantity: sos, above: 1}]}]",
            (),
        ),
    ],
)
def test_an_emergency_that_nobody_hears_is_told(capsys, tmp_path, written_rules, told):
    text = """
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink: {url: "mqtt://127.0.0.1"}
local_broker: {url: "mqtt://127.0.0.1:1883"}
sensors: [{kind: mqtt_json, id: it, topic: h/it, values: [{path: s, quantity: sos}, {path: m, quantity: smoke}]}]
"""
    _, out, _ = rules(capsys, "lint", "-c", written(tmp_path, text + written_rules + "\n", "home.yaml"))
    unheard = [line for line in out.splitlines() if "no rule listens" in line]
    assert len(unheard) == len(told)
    for line, quantity in zip(sorted(unheard, key=lambda one: "smoke" in one), told, strict=True):
        assert f'says "{quantity}"' in line
    assert ("add the preset home-safety" in out) is ("smoke" in told)


def test_falls_of_a_preset_that_nobody_can_cancel_are_told(capsys, tmp_path):
    text = """
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink: {url: "mqtt://127.0.0.1"}
sensors: [{kind: fall_radar_r60, id: radar, port: /dev/serial/by-id/usb-radar}]
presets: [{use: fall-radar}, {use: sos}]
"""
    _, out, _ = rules(capsys, "lint", "-c", written(tmp_path, text, "home.yaml"))
    assert "presets[0]: nothing in this home can cancel a false alarm" in out
