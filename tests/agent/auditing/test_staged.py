"""What speaks against a router, judged from packets: the engine verifies what hand-made groups only assume."""

from pathlib import Path
from typing import Any

import pytest

from tests.agent.auditing.made import SECRET, VIP, carp, vrrp
from tests.conformance.stage import pcapng, play
from vrrpwatch.agent.auditing.objections import Survey, objections
from vrrpwatch.agent.auditing.stations import Station, keys
from vrrpwatch.capture.session import Options, analyse

SAME, OTHER = SECRET.decode(), "another"
FITS: dict[str, Any] = {"id": 51, "priority": 150}
V2: dict[str, Any] = {"version": 2, **FITS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def rules(folder: Path, station: Station, *lines: dict[str, Any]) -> list[str]:
    """What is objected after three adverts of each line, a second apart."""
    hear = [{"who": "A", "from": 0.0, "count": 3, **line} for line in lines]
    path = folder / "script.pcapng"
    path.write_bytes(pcapng(play({"hear": hear}), ["eth0"], []))
    analysis = analyse([str(path)], Options(keys=keys([station]))).analysis
    survey = Survey(analysis.groups, analysis.findings, multicast=analysis.multicast)
    return [one.rule for one in objections([station], survey)]


@pytest.mark.parametrize(
    ("station", "line", "expected"),
    [
        (vrrp(), FITS, []),
        (vrrp(), FITS | {"camp": "plain"}, ["checksum-variant"]),
        (vrrp(checksum="plain"), FITS | {"camp": "plain"}, []),
        (vrrp(), FITS | {"interval": 0.5}, ["interval-mismatch"]),
        (vrrp(), FITS | {"addresses": ["192.0.2.7"]}, ["vrid-collision"]),
        (vrrp(), FITS | {"wrong_checksum": True}, ["bad-checksum"]),
        (vrrp(), FITS | {"ttl": 254}, ["bad-ttl"]),
        (vrrp(), FITS | {"priority": 255}, ["owner-priority"]),
        (vrrp(), {"say": "carp", "id": 51, "advbase": 1}, ["shared-virtual-mac"]),
        (vrrp(), FITS | {"to": "192.0.2.2"}, ["scope-mismatch"]),
        (vrrp(peers=["192.0.2.1"]), FITS | {"to": "192.0.2.2"}, []),
        (vrrp(peers=["192.0.2.9"]), FITS, ["scope-mismatch"]),
        (vrrp(version=2), FITS, ["version-mismatch"]),
        (vrrp(version=2), V2, []),
        (vrrp(version=2), V2 | {"password": SAME}, ["auth-mismatch"]),
    ],
)
def test_what_is_heard(folder: Path, station: Station, line: dict[str, Any], expected: list[str]) -> None:
    assert rules(folder, station, line) == expected


def signed(kind: str, **given: Any) -> Station:
    return vrrp(auth={"type": kind, "secret_file": "secret"}, **given)


@pytest.mark.parametrize(
    ("station", "line", "expected"),
    [
        (signed("simple", version=2), V2 | {"password": SAME}, []),
        (signed("simple", version=2), V2 | {"password": OTHER}, ["auth-mismatch"]),
        (signed("ah", version=2), V2 | {"ah": SAME}, []),
        (signed("ah", version=2), V2 | {"ah": OTHER}, ["auth-failed"]),
        (signed("ah", version=2), V2, ["auth-mismatch"]),
        (signed("hmac"), FITS | {"hmac": SAME}, []),
        (signed("hmac"), FITS | {"hmac": OTHER}, ["auth-failed"]),
        (signed("hmac"), FITS, ["auth-mismatch"]),
        (vrrp(auth={"type": "hmac", "key_id": 9, "secret_file": "x"}), FITS | {"hmac": SAME}, ["auth-mismatch"]),
    ],
)
def test_secrets_are_verified(folder: Path, station: Station, line: dict[str, Any], expected: list[str]) -> None:
    assert rules(folder, station, line) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"passphrase": SAME}, []),
        ({"passphrase": OTHER}, ["auth-failed"]),
        ({"passphrase": SAME, "addresses": [VIP, "192.0.2.7"]}, ["auth-failed"]),
        ({"passphrase": SAME, "advbase": 3}, ["interval-mismatch"]),
        ({"passphrase": SAME, "advskew": 100}, ["equal-priority"]),
    ],
)
def test_carp_s_digest_tells_passphrase_and_addresses(folder: Path, given: dict[str, Any], expected: list[str]) -> None:
    line = {"say": "carp", "id": 51, "advbase": 1, "advskew": 0, **given}
    assert rules(folder, carp(advskew=100), line) == expected


def test_our_own_address_is_recognised(folder: Path) -> None:
    # B is 192.0.2.2, as the router is, and on its card.
    assert rules(folder, vrrp(), FITS | {"who": "B"}) == ["duplicate-source"]
