"""Tables that forged packets fill: bounded all together, not only each by itself."""

import numpy as np
import pytest

from tests.core.builders import instant, vrrp
from vrrpwatch.core import bystanders, census
from vrrpwatch.core.bystanders import Bystanders
from vrrpwatch.core.census import Census
from vrrpwatch.core.frames import FRAME, Kind
from vrrpwatch.core.model import Advert
from vrrpwatch.core.runs import Contents, Piece


def piece(advert: Advert, second: int) -> Piece:
    """One advertisement."""
    at = instant(second)
    return Piece(Contents().add(advert, 0), 0, at, at, 1, second, second, 0)


def test_addresses_of_all_groups_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "MAX_ALL_ADDRESSES", 5)
    monkeypatch.setattr(census, "MAX_GROUPS", 2)
    tested = Census()

    def held() -> dict[int, tuple[int, list[int]]]:
        return {
            group.id: (len(record.addresses), [len(speaker.addresses) for speaker in record.speakers.values()])
            for group, record in tested.groups.items()
        }

    tested.count(piece(vrrp("10.0.0.1", vrid=1, addresses=("10.1.0.1", "10.1.0.2")), 1))
    assert held() == {1: (2, [2])}
    tested.count(piece(vrrp("10.0.0.1", vrid=2, addresses=("10.2.0.1", "10.2.0.2")), 2))
    assert held() == {1: (2, [2]), 2: (1, [0])}
    # Room for a third group is made of the first, and of its addresses.
    tested.count(piece(vrrp("10.0.0.1", vrid=3, addresses=("10.3.0.1",)), 3))
    assert held() == {2: (1, [0]), 3: (1, [1])}


def test_addresses_that_concern_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bystanders, "MAX_ADDRESSES", 2)
    tested = Bystanders()
    # The speaker's own address and one virtual one; there is no room for the other.
    tested.concern(vrrp("10.0.0.1", addresses=("10.0.0.100", "10.0.0.101")), instant(0))
    rows = np.zeros(6, dtype=FRAME)
    rows["kind"], rows["captured"], rows["at"] = Kind.ARP, 28, instant(1)
    rows["offset"] = np.arange(6) * 28
    requests = [bytes.fromhex("0001080006040001020000000001") + bytes([10, 0, 0, last]) for last in (1, 100, 101)]
    data = b"".join(request + bytes(6) + bytes([10, 0, 0, 9]) for request in requests)
    each, arp = np.arange(6), np.ones(6, dtype=np.bool_)
    worth = tested.worth_reading(rows, each, each, arp, np.frombuffer(data * 2, dtype=np.uint8))
    # Of a host that concerns nobody the first packet is read.
    assert worth.tolist() == [True, True, True, True, True, False]
