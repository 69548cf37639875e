"""Virtual router MACs and their owners."""

import pytest

from vrrpwatch.wire.macs import Owner, virtual_mac, virtual_router


@pytest.mark.parametrize(
    ("mac", "owner", "router"),
    [
        ("00:00:5e:00:01:33", "ipv4", 51),
        ("00:00:5e:00:02:ff", "ipv6", 255),
        ("00:00:5e:00:00:01", "ucarp", 1),
    ],
)
def test_virtual_macs(mac: str, owner: Owner, router: int) -> None:
    assert virtual_router(mac) == (owner, router)
    assert virtual_mac(owner, router) == mac


@pytest.mark.parametrize("mac", [None, "00:00:5e:00:03:33", "00:00:5e:01:01:33", "02:00:00:00:00:0a", ""])
def test_other_macs(mac: str | None) -> None:
    assert virtual_router(mac) is None
