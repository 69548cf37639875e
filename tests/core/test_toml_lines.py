"""The line that a complaint names is the one that a person looks for, however the file is laid out."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrrpwatch.core.faults import Place
from vrrpwatch.core.toml_lines import TomlLines

TEXT = '''version = 1
# [[group]] is not one here
note = """
[[group]]
id = 9
"""

[[segment]]
name = "a"   # ] " not the end

[[segment.sync]]
protocol = "ipvs"
peers = [
  "10.0.0.1",  # ] nor this
  "10.0.0.2",
]
ports = [1]

[[segment]]
"name" = "b"

[[segment.sync]]
[[segment.sync]]
protocol = 'x]'

[[group]]
id = 1
speakers = [ { ip = "1", mac = "2" },
  { ip = "3" } ]
rate = 3
[alerts."a.b"]
c.d = 5
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("version",), 1),
        (("note",), 3),
        (("segment", 0), 8),
        (("segment", 0, "name"), 9),
        (("segment", 0, "sync", 0), 11),
        (("segment", 0, "sync", 0, "peers", 1), 13),
        (("segment", 0, "sync", 0, "ports"), 17),
        (("segment", 1, "name"), 20),
        (("segment", 1, "sync", 1, "protocol"), 24),
        (("group", 0, "id"), 27),
        (("group", 0, "speakers", 1, "ip"), 28),
        (("group", 0, "rate"), 30),
        # What is missing is missed in its table.
        (("group", 0, "protocol"), 26),
        (("alerts", "a.b", "c", "d"), 32),
        (("elsewhere",), None),
        ((), None),
    ],
)
def test_a_place_has_its_line(place: Place, line: int | None) -> None:
    assert TomlLines(TEXT).of(place) == line


def test_the_sample_is_toml() -> None:
    assert len(tomllib.loads(TEXT)["segment"][1]["sync"]) == 2


@given(st.text(st.sampled_from("[]{}=\"'#\\\n\r ab.0-"), max_size=80))
def test_any_file_that_is_toml_has_its_keys_found(text: str) -> None:
    try:
        read: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = TomlLines(text)
    for key in read:
        number = lines.of((key,))
        assert number is None or 1 <= number <= text.count("\n") + 1


@given(st.text(max_size=200))
def test_whatever_is_no_toml_does_no_harm(text: str) -> None:
    TomlLines(text).of(("a", 0))
