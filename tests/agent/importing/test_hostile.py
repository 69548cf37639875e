"""Hostile configurations: whatever they hold, what comes out is settings that load, and nothing else is in them."""

import os
import random
import re
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.importing.making import NEEDS, converted, lines, loaded, made
from tests.declared.configurations import WHOLE_LANGUAGE
from tests.declared.test_hostile import mutated
from vrrpwatch.agent.config.agent import MAX_ROUTERS
from vrrpwatch.agent.importing.imported import imported
from vrrpwatch.agent.importing.toml import Section, document
from vrrpwatch.declared.keepalived import read_keepalived
from vrrpwatch.declared.notes import DeclaredError
from vrrpwatch.settings import SettingsError

# How many of each; as many as asked for in a long run.
CASES = int(os.environ.get("VRRPWATCH_FUZZ", "8000")) // 40

EVERYTHING = (
    WHOLE_LANGUAGE
    + r"""
global_defs {
    vrrp_notify_fifo /run/fifo
    lvs_sync_daemon eth1 X
}
vrrp_script check { script "/bin/check 'a b'"
    weight 20 reverse
    timeout 3
}
track_file load { file /run/load
    weight 2 }
vrrp_track_process proxy { process haproxy
    quorum 2 }
vrrp_sync_group G { group { X }
    notify "/bin/any" root
    track_script { check } }
vrrp_instance T {
    interface eth0
    virtual_router_id 90
    auth_hmac { key 1 hex:0011
    active_key 1 }
    track_interface { eth1 weight 2 }
    track_file { load }
    track_process { proxy }
    notify_master "/bin/up 'a b' \x41"
    virtual_ipaddress { 10.3.0.1/24 dev eth1 label eth1:7 scope link }
    virtual_routes { 10.4.0.0/24 via 10.3.0.2 dev eth1 table 100 metric 3 }
    virtual_rules { from 10.4.0.0/24 table 100 }
}
virtual_server_group S { 10.5.0.1-9 80 }
virtual_server group S {
    lb_algo sh
    sh-port
    lb_kind DR
    sorry_server 10.5.1.9 80
    real_server 10.5.1.1 80 { weight 3
        HTTP_GET { url { path "/a"
        status_code 200 } connect_timeout 3 } }
    real_server 10.5.1.2 80 { MISC_CHECK { misc_path "/bin/check 'a b'" } }
}
"""
)
# What a name, a path, a password or an argument may hold where somebody means ill.
NASTY = [
    *('"', "'", "\\", "]]", "[router]", '"""', "'''", "= 1", "#", "\t", "\x1b[2J", "\x7f", "\x85", "\udcff", "\\u0041"),
    *("\u202e", "\u2028", "\U0001f600", "é", "\\n", "a\\", "${A}", "%s", "{0}"),
]
# What may be in settings: printable ASCII, line by line.
PLAIN = re.compile(r"[ -~\n]*")


@pytest.fixture(scope="module")
def folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_everything_is_imported(tmp_path: Path) -> None:
    found = made(tmp_path, EVERYTHING, config_id="main")
    assert len(found.settings.router) == 6
    assert found.settings.ipvs is not None
    assert len(found.settings.ipvs.virtual) == 9


@pytest.mark.parametrize("seed", range(CASES))
def test_mutated_configurations_become_settings_that_load(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = folder / "keepalived.conf"
    path.write_bytes(mutated(EVERYTHING.encode(), chance))
    try:
        declared = read_keepalived(path, config_id="main")
    except DeclaredError:
        return
    done = imported(declared)
    assert all(str(line).isprintable() for line in done.gaps)
    if done.routers:
        assert len(loaded(folder, done).router) == done.routers
    else:
        tomllib.loads(done.text)


# Begins every password, and stands nowhere else.
MARK = "Zq9x"
words = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=4).map("".join)


def said(word: str) -> str:
    """A word as keepalived reads it whole: in double quotes, which it cannot hold itself."""
    return '"' + re.sub(r'["\n\r\0]', "", word) + '"'


@given(name=words, program=words, argument=words, password=words, tracker=words)
@settings(max_examples=CASES, deadline=None)
def test_no_word_gets_out_of_its_string(
    folder: Path, name: str, program: str, argument: str, password: str, tracker: str
) -> None:
    text = f"""
vrrp_script {said(tracker + "s")} {{
script {said(f"/bin/{program} '{argument}'")}
user root
}}
vrrp_instance {said("n" + name)} {{
{NEEDS}
notify_master {said("/bin/" + program)} root
track_script {{
{said(tracker + "s")}
}}
authentication {{
auth_type PASS
auth_pass {said(MARK + password)}
}}
}}
"""
    path = folder / "keepalived.conf"
    path.write_bytes(text.encode("utf-8", "surrogateescape" if _encodable(text) else "surrogatepass"))
    done = imported(read_keepalived(path))
    tables = tomllib.loads(done.text)
    assert set(tables) <= {"version", "router", "tracker"}
    assert all(str(line).isprintable() for line in done.gaps)
    for line in done.text.splitlines():
        assert line.startswith("#") or PLAIN.fullmatch(line)
    if not done.routers:
        return
    (router,) = loaded(folder, done).router
    assert set(tables["router"][0]) <= {
        "name", "interface", "id", "version", "priority", "interval", "addresses", "answers", "track", "auth", "notify"
    }  # fmt: skip
    assert re.fullmatch(r"[A-Za-z0-9_.:@-]{1,64}", router.name)
    assert all("/" not in secret.name for secret in done.secrets)
    assert not any(MARK in part for part in (done.text, *map(str, done.gaps)))


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


@given(value=st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=CASES, deadline=None)
def test_every_text_is_read_back_as_it_was(value: str) -> None:
    text = document([value], [Section("", {"a": value}), Section("b", {"c": [{"d": value}, value], "e": {"f": value}})])
    assert tomllib.loads(text) == {"a": value, "b": {"c": [{"d": value}, value], "e": {"f": value}}}
    assert PLAIN.fullmatch("\n".join(line for line in text.split("\n") if not line.startswith("#")))


@pytest.mark.parametrize("value", [-(2**40), 0, 1.0, 0.333, 1e-7, 1e22, True, False])
def test_every_number_is_read_back_as_it_was(value: object) -> None:
    assert tomllib.loads(document([], [Section("", {"a": value})])) == {"a": value}


def test_settings_have_no_room_for_other_values() -> None:
    with pytest.raises(TypeError, match="no TOML: NoneType"):
        document([], [Section("", {"a": None})])


def listed(block: str, rows: Iterable[str]) -> str:
    """An instance with a block of many lines."""
    return f"vrrp_instance V {{\n{NEEDS}{block} {{\n" + "".join(f"{row}\n" for row in rows) + "}\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        "".join(
            f"vrrp_instance V{n} {{\n"
            f"{NEEDS.replace('51', str(n % 255 + 1)).replace('192.0.2.100', f'198.18.{n >> 8}.{n & 255}')}}}\n"
            for n in range(4_000)
        ),
        listed("unicast_peer", (f"10.{n >> 8}.{n & 255}.1" for n in range(20_000))),
        listed("track_interface", (f"e{n}" for n in range(20_000))),
        listed("virtual_routes", (f"10.0.0.0/8 dev e{n}" for n in range(1_200))),
        "".join(f'vrrp_sync_group "{"ä" * n}" {{\ngroup {{\nV\n}}\n}}\n' for n in range(1, 300)) * 3,
    ],
    ids=["instances", "peers", "interfaces", "routes", "groups"],
)
def test_too_much_of_anything_is_cut_and_told(tmp_path: Path, text: str) -> None:
    done = converted(tmp_path, text)
    assert done.routers <= MAX_ROUTERS
    assert lines(done)
    if done.routers:
        loaded(tmp_path, done)


def test_what_the_agent_cannot_read_is_its_own_error(tmp_path: Path) -> None:
    done = converted(tmp_path, f"vrrp_instance V {{\n{NEEDS}authentication {{\nauth_type PASS\nauth_pass x\n}}\n}}\n")
    (tmp_path / "agent.toml").write_text(done.text)
    with pytest.raises(SettingsError, match=r"V\.secret"):
        loaded(tmp_path, done._replace(secrets=()))
