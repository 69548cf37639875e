"""State files that others have written: nothing in them makes the agent fail, or delete what is not its own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.holding.hosts import addresses, holding, links, listed, needs_hosts, router, sysctl, two_hosts
from tests.lab.live import inside
from tests.lab.network import Host
from vrrpwatch.agent.holding.ledger import Ledger, here, load, save


def _written(path: Path, **given: Any) -> Path:
    boot, namespace = here()
    path.write_text(json.dumps({"schema": "vrrpwatch/agent-state/1", "boot": boot, "namespace": namespace} | given))
    return path


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    entry = '{"addresses":[{"device":"eth0","address":"192.0.2.100/24"}]}'
    assert save(path, (), {"one": entry}) is None
    found = load(path)
    assert isinstance(found, Ledger)
    assert [str(one.address) for one in found.routers["one"].addresses] == ["192.0.2.100/24"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_and_those_of_other_boots_and_namespaces_say_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "none") is None
    assert load(_written(tmp_path / "boot", boot="another")) is None
    assert load(_written(tmp_path / "namespace", namespace=1)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[]",
        "null",
        "[" * 100_000,
        '{"schema": ' + "9" * 5_000 + "}",
        '{"schema": "vrrpwatch/agent-state/2", "boot": "", "namespace": 0}',
        '{"schema": "vrrpwatch/agent-state/1", "boot": "x", "namespace": -1}',
        '{"schema": "vrrpwatch/agent-state/1", "boot": "x", "namespace": 1, "\\u001b[2J": 1}',
    ],
)
def test_a_damaged_file_is_one_line_that_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agent.json"
    path.write_text(text)
    line = load(path)
    assert isinstance(line, str)
    assert line.startswith(f"{path}: is no state file of the agent (")
    assert line.isprintable()


def _with_router(**entry: Any) -> dict[str, Any]:
    return {"routers": {"one": entry}}


@pytest.mark.parametrize(
    "given",
    [
        _with_router(addresses=[{"device": "../eth0", "address": "192.0.2.1/24"}]),
        _with_router(addresses=[{"device": "eth0", "address": "127.0.0.1/8"}]),
        _with_router(macvlan={"name": "vw-1\n", "mac": "00:00:5e:00:01:33", "parent": "eth0"}),
        _with_router(routes=[{"to": "0.0.0.0/0"}]),
        _with_router(rules=[{"table": 254, "priority": 1}]),
        {"routers": {"a b": {}}},
        {"sysctls": [{"device": "eth0", "key": "../../../kernel/panic", "was": 1, "now": 0}]},
        {"sysctls": [{"device": "..", "key": "arp_ignore", "was": 1, "now": 0}]},
        {"sysctls": [{"device": "eth0", "key": "arp_ignore", "was": "1; reboot", "now": 0}]},
    ],
)
def test_values_that_the_agent_never_writes_are_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    assert isinstance(load(_written(tmp_path / "agent.json", **given)), str)


def test_a_file_that_others_may_write_is_refused_and_so_is_what_is_no_file(tmp_path: Path) -> None:
    path = _written(tmp_path / "agent.json")
    path.chmod(0o620)
    assert "others may write it" in str(load(path))
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "Is a directory" in str(load(folder))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is no regular file" in str(load(pipe))


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    reason = save(tmp_path / "none" / "agent.json", (), {})
    assert reason is not None
    assert "cannot be written (No such file or directory)" in reason


def test_a_link_in_the_place_of_the_new_file_leads_nowhere(tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_text("kept")
    (tmp_path / "agent.json.new").symlink_to(treasure)
    assert save(tmp_path / "agent.json", (), {}) is None
    assert treasure.read_text() == "kept"


@pytest.fixture(scope="module")
def me() -> Iterator[Host]:
    with two_hosts() as made:
        yield made[0]


@needs_hosts
def test_what_is_listed_but_not_ours_stays(me: Host, tmp_path: Path) -> None:
    me.ip("link", "add", "vw-51-00000000", "type", "veth", "peer", "name", "eth2")
    me.ip("link", "set", "vw-51-00000000", "address", "00:00:5e:00:01:33")
    me.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.7")
    me.ip("rule", "add", "from", "198.51.100.0/24", "table", "1000", "priority", "99")
    before = (addresses(me), links(me), listed(me, "route"), listed(me, "rule"))
    path = tmp_path / "agent.json"
    with inside(me.namespace):
        _written(
            path,
            sysctls=[{"device": "eth0", "key": "arp_ignore", "was": 3, "now": 2}],
            **_with_router(
                addresses=[
                    {"device": "eth0", "address": "192.0.2.1/24"},
                    {"device": "eth0", "address": "fe80::1/64"},
                    {"device": "eth0", "address": "192.0.2.200/24"},
                    {"device": "eth9", "address": "192.0.2.100/24"},
                ],
                routes=[
                    {"to": "198.51.100.0/24", "via": "192.0.2.7"},
                    {"to": "192.0.2.0/24", "interface": "eth0"},
                    {"to": "198.51.101.0/24", "interface": "eth9"},
                ],
                rules=[{"from": "198.51.100.0/24", "table": 1000, "priority": 99}],
                macvlan={"name": "vw-51-00000000", "mac": "00:00:5e:00:01:33", "parent": "eth0"},
            ),
        )
    with holding(me, path) as made:
        assert made.told == []
        assert (addresses(me), links(me), listed(me, "route"), listed(me, "rule")) == before
    assert sysctl(me, "net.ipv4.conf.eth0.arp_ignore") == 0
    me.ip("link", "del", "vw-51-00000000")
    me.ip("rule", "del", "priority", "99")


@needs_hosts
def test_a_disk_that_is_full_does_not_keep_the_agent_from_holding(me: Host, tmp_path: Path) -> None:
    with holding(me, tmp_path / "agent.json") as made:
        (tmp_path / "agent.json.new").mkdir()
        made.holder.attach(router())
        made.holder.acquire("one")
        assert "192.0.2.100/24" in addresses(me)
        assert len(made.told) == 1
        assert "cannot be written" in made.told[0]
