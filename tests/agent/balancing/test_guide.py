"""docs/guide-lvs.md tells of every setting of IPVS, and its examples are settings; and what is wrong is told."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests.agent.balancing.made import SYNC, real, settings, virtual
from vrrpwatch.agent.config.agent import load
from vrrpwatch.agent.config.companions import (
    MAX_REAL,
    Ipvs,
    IpvsSync,
    RealCheck,
    RealServer,
    SorryServer,
    VirtualServer,
)

DOCUMENT = (Path(__file__).parents[3] / "docs/guide-lvs.md").read_text()
MODELS: tuple[type[BaseModel], ...] = (Ipvs, IpvsSync, VirtualServer, RealServer, SorryServer, RealCheck)
UDP = {"address": "192.0.2.100", "port": 53, "protocol": "udp"}
SIX = {"address": "2001:db8::21", "method": "tunnel"}


@pytest.mark.parametrize("setting", sorted({name for model in MODELS for name in model.model_fields}))
def test_every_setting_is_told_of(setting: str) -> None:
    assert f"`{setting}`" in DOCUMENT


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL))
def test_the_examples_are_settings(text: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    ipvs = load(path).ipvs
    assert ipvs is not None
    assert len(ipvs.virtual[0].real) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([virtual(real(21), real(21, port=80))], "lists a real server twice"),
        ([virtual(real(21), sorry=real(21))], "lists a real server twice"),
        ([virtual(real(21)), virtual(real(22))], "lists a virtual server twice"),
        ([virtual(real(21, port=81))], "direct keeps the port"),
        ([virtual(real(21, port=81, method="tunnel"))], "tunnel keeps the port"),
        ([virtual({"address": "2001:db8::21"})], "of different families"),
        ([virtual(real(21), hash=["port"])], "for the schedulers sh and mh"),
        ([virtual(real(21, check={"type": "script"}))], "give both, or neither"),
        ([virtual(real(21, check={"command": ["/bin/true"]}))], "give both, or neither"),
        ([UDP | {"real": [real(21)]}], "cannot be checked at its UDP port"),
        ([virtual(real(21), scheduler="../x")], "should match pattern"),
        ([virtual(real(21, check=True))], "valid dictionary or instance of RealCheck"),
    ],
)
def test_what_cannot_be_is_refused(given: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(*given)


def test_synchronisation_needs_a_role_and_one_family() -> None:
    with pytest.raises(ValidationError, match="add follows"):
        Ipvs.model_validate({"sync": SYNC})
    with pytest.raises(ValidationError, match="joins IPv4 and IPv6"):
        settings(virtual(SIX), sync=SYNC)
    assert settings(virtual(SIX)).virtual[0].reached[0].method == "tunnel"


def test_real_servers_have_a_limit() -> None:
    many = [virtual(*(real(1, port=1 + port, method="nat") for port in range(1_000)), port=1 + n) for n in range(5)]
    with pytest.raises(ValidationError, match=f"more than {MAX_REAL} real servers"):
        settings(*many)


def test_a_udp_service_is_checked_by_tcp_elsewhere_or_not_at_all() -> None:
    checks: list[Any] = [{"port": 80}, {"type": "script", "command": ["/bin/true"]}, False]
    made = settings(UDP | {"real": [real(21 + number, check=check) for number, check in enumerate(checks)]})
    assert [one.check is None for one in made.virtual[0].real] == [False, False, True]
