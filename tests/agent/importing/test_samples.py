"""Debian's samples of keepalived and the tests' own: what the agent would run is what keepalived says that it runs."""

import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.agent.importing.making import lines, loaded
from tests.declared.configurations import WHOLE_LANGUAGE
from tests.declared.keepalived_dump import NAMES, RUNNABLE, Facts, dump, plain, sample_host, theirs
from tests.lab.interoperating import kinds
from tests.lab.network import Host, locate, missing
from vrrpwatch.agent.config.routers import VrrpRouter
from vrrpwatch.agent.importing.imported import Imported, imported
from vrrpwatch.declared.keepalived import effective, read_keepalived

_REQUIRED = "VRRPWATCH_CI" in os.environ
# How many of Debian's samples declare virtual routers at all; the others are about virtual servers.
WITH_ROUTERS = 12


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    why = missing("keepalived")
    if why is not None and not _REQUIRED:
        pytest.skip(why)
    with sample_host() as host:
        host.write("whole.conf", WHOLE_LANGUAGE)
        yield host


@pytest.fixture
def samples() -> list[str]:
    if locate("keepalived") is None and not _REQUIRED:
        pytest.skip("keepalived is not installed")
    return NAMES


def converted(path: Path) -> Imported:
    return imported(read_keepalived(path, config_id="main"))


def test_every_sample_becomes_settings_that_the_agent_takes(samples: list[str], tmp_path: Path) -> None:
    with_routers = 0
    for name in samples:
        path = plain(tmp_path, name)
        done = converted(path)
        assert converted(path) == done
        assert all(": " in line for line in lines(done))
        if done.routers:
            with_routers += 1
            assert len(loaded(tmp_path, done).router) == done.routers
    assert with_routers == WITH_ROUTERS


@pytest.mark.parametrize("name", [*RUNNABLE, "whole.conf"])
def test_routers_are_what_keepalived_says_it_runs(host: Host, tmp_path: Path, name: str) -> None:
    path = plain(host.folder, name)
    settings = loaded(tmp_path, converted(path))
    shown = dump(host, path)
    renamed = {one.replace(" ", "_"): theirs(lines) for one, lines in shown.items()}
    assert [router.name for router in settings.router] == list(renamed)
    declared = {one.name.replace(" ", "_"): one for one in read_keepalived(path, config_id="main").instances}
    for router in settings.router:
        assert isinstance(router, VrrpRouter)
        said = renamed[router.name]
        # The agent starts as the protocol's standards say, so that is not its settings' matter.
        assert said.pop("state") == effective(read_keepalived(path, config_id="main"), declared[router.name]).state
        # An address that is listed twice is one to the kernel.
        assert ours(router) == {key: once(value) for key, value in said.items()}


def once(value: object) -> object:
    return list(dict.fromkeys(value)) if isinstance(value, list) else value


def ours(router: VrrpRouter) -> Facts:
    auth = router.auth
    group = {4: "224.0.0.18", 6: "ff02::12"}[router.family]
    return {
        "version": router.version,
        "family": router.family,
        "id": router.id,
        "priority": router.priority,
        "interval": router.interval,
        "destination": None if router.peers else ip_address(group),
        "accept": router.accept,
        "preempt": router.preempt,
        "auth": "none" if auth is None else auth.type,
        "password": auth.secret_file.decode() if auth is not None and auth.type == "simple" else None,
        "garp delay": router.announce.delay,
        "garp refresh": router.announce.refresh,
        "vmac": router.vmac or router.name in WITHOUT_VMAC,
        "addresses": [str(one) for one in router.advertised],
        "excluded": [str(one.address.ip) for one in router.addresses if not one.advertise],
        "peers": [str(one) for one in router.peers],
    }


# Unicast and a virtual MAC at once, which the agent does not do.
WITHOUT_VMAC = frozenset({"Y_Z"})


def test_peers_of_the_lab_become_the_routers_that_meet_them(tmp_path: Path) -> None:
    host = Host("none", "none", tmp_path)
    met = [kind for kind in kinds(host) if kind.instance is not None]
    path = host.write("lab.conf", "".join(kind.instance.text(kind.name) for kind in met if kind.instance is not None))
    settings = loaded(tmp_path, converted(path))
    assert [router.name for router in settings.router] == [kind.name for kind in met]
    for router, kind in zip(settings.router, met, strict=True):
        assert isinstance(router, VrrpRouter)
        # The lab's instance says who its peers are, and the router by hand who the instance is.
        by_hand = VrrpRouter.model_validate(
            kind.router | {"peers": ["192.0.2.11"] if router.peers else [], "priority": router.priority},
            context={"read": lambda path: path.read_bytes()},
        )
        # To keepalived the interface below a macvlan is another one, and version 2 is to be answered.
        addresses = tuple(one.model_copy(update={"interface": None}) for one in router.addresses)
        alike = router.model_copy(update={"addresses": addresses, "answers": None})
        assert alike == by_hand
