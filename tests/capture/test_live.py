"""Real frames on real interfaces: each arrives once and as it was, and the file that is written says the same."""

import errno
import fcntl
import itertools
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.capture import files, frames
from tests.capture.live_listening import (
    ADVERT,
    KINDS,
    NOISE,
    PROGRAM,
    SMALL,
    SNAPLEN,
    heard,
    in_the_lab,
    lan,
    listening,
)
from tests.capture.test_ring import uncompiled
from tests.lab.live import Wire, send
from tests.lab.network import run
from tests.lab.waiting import wait_until
from vrrpwatch.capture import bpf, live, live_socket
from vrrpwatch.capture.bpf_expression import compile_expression
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.capture.live_socket import RingSize
from vrrpwatch.capture.writer import Writer
from vrrpwatch.core.frames import unpack_vlans

__all__ = ["lan"]

pytestmark = in_the_lab


def test_frames_of_all_kinds_arrive_once_and_as_they_were(lan: Wire) -> None:
    sniffer = listening(["eth0"])
    before = time.time_ns()
    with lan.sender("eth0") as sender:
        send(sender, [*KINDS, *NOISE])
    after = time.time_ns()
    got = heard(sniffer)
    assert got.contents == KINDS
    assert all(before <= int(at) <= after for at in got.read.frames["at"])
    assert [unpack_vlans(int(vlans)) for vlans in got.read.frames["vlans"]] == [
        (), (), (), (), (), (), (10,), (20, 30), (40,), ()
    ]  # fmt: skip
    assert (got.names, got.read.dropped, got.read.damage, sniffer.drops) == (["eth0"], (None,), None, 0)


def test_a_live_run_and_its_file_are_equal(lan: Wire, tmp_path: Path) -> None:
    path = tmp_path / "w.pcapng"
    writer = Writer(str(path))
    sniffer = listening(["eth0"], sinks=[writer])
    with lan.sender("eth0") as sender:
        send(sender, KINDS * 50)
        got = heard(sniffer, lambda count: count == 500)
    writer.close()
    again = files.read(path.read_bytes(), wanted=files.EVERYTHING)
    assert again.summary() == got.read.summary()
    assert again.packets == 500


def test_what_this_host_sends_is_heard_too(lan: Wire) -> None:
    sniffer = listening(["eth0"])
    with lan.sender("eth0", near=True) as sender:
        send(sender, KINDS)
    assert heard(sniffer).contents == KINDS


def test_batches_come_now_and_then_and_nothing_comes_when_nothing_does(lan: Wire) -> None:
    sniffer = listening(["eth0"])
    batches = sniffer.batches(files.EVERYTHING)
    assert next(batches) is None
    settled = sniffer.settled_until
    assert 0 < settled < time.time_ns() - SMALL.slack
    with lan.sender("eth0") as sender:
        send(sender, [ADVERT])
    sent = time.time_ns()
    found = next(batch for batch in batches if batch is not None)
    assert (found.packets, found.last is not None and found.last < sent) == (1, True)
    # Before the instant is passed at which all is certain, what came until then was given.
    while sniffer.settled_until < sent:
        assert next(batches) is None
    assert settled < sniffer.settled_until
    sniffer.stop()
    assert all(batch is None for batch in batches)


def test_drops_are_counted_with_the_time_of_the_loss(lan: Wire, tmp_path: Path) -> None:
    path = tmp_path / "w.pcapng"
    writer = Writer(str(path))
    before = time.time_ns()
    sniffer = listening(["eth0"], size=RingSize(blocks=8, block=1 << 12, retire=5), sinks=[writer])
    with lan.sender("eth0") as sender:
        send(sender, [ADVERT] * 2000)
    got = heard(sniffer)
    writer.close()
    after = time.time_ns()
    assert got.read.packets > 0
    assert sniffer.drops == 2000 - got.read.packets > 1000
    assert got.read.dropped == (sniffer.drops,)
    losses = [loss for batch in got.batches for loss in batch.losses]
    assert sum(loss.count for loss in losses) == sniffer.drops
    assert all(before <= loss.first <= loss.last <= after for loss in losses)
    assert files.read(path.read_bytes()).dropped == (sniffer.drops,)


def test_any_names_each_interface(lan: Wire) -> None:
    lan.plug("eth1")
    sniffer = listening(["any"])
    with lan.sender("eth0") as one, lan.sender("eth1") as other, lan.sender("lo", near=True) as loop:
        send(one, [ADVERT])
        send(other, [KINDS[6]])
        send(loop, [ADVERT])
        send(one, [ADVERT])
    got = heard(sniffer)
    assert got.contents == [ADVERT, KINDS[6], ADVERT, ADVERT]
    assert got.interfaces == ["eth0", "eth1", "lo", "eth0"]


def test_losses_on_any_are_every_interfaces(lan: Wire) -> None:
    lan.plug("eth1")
    sniffer = listening(["any"], size=RingSize(blocks=8, block=1 << 12, retire=5))
    with lan.sender("eth0") as one, lan.sender("eth1") as other:
        for _ in range(500):
            send(one, [ADVERT])
            send(other, [ADVERT])
        got = heard(sniffer)
    assert sniffer.drops == 1000 - got.read.packets > 500
    assert sum(count or 0 for count in got.read.dropped) == sniffer.drops
    assert all(count and abs(count - sniffer.drops / 2) <= 1 for count in got.read.dropped)


def test_several_interfaces_come_in_the_order_of_time(lan: Wire) -> None:
    lan.plug("eth1")
    sniffer = listening(["eth0", "eth1", "eth0"])
    with lan.sender("eth0") as one, lan.sender("eth1") as other:
        for _ in range(200):
            send(one, [ADVERT])
            send(other, [KINDS[6]] * 3)
    got = heard(sniffer)
    assert sorted(got.contents, key=len) == [ADVERT] * 200 + [KINDS[6]] * 600
    assert set(got.interfaces) == {"eth0", "eth1"}
    for batch, following in itertools.pairwise(got.batches):
        assert batch.last is not None
        assert following.first is not None
        assert batch.last <= following.first
    # Within a batch they are in order but for a slice of 10 ms.
    at = got.read.frames["at"]
    assert all(later > earlier - 10**7 for earlier, later in itertools.pairwise(at.tolist()))


def test_a_tunnel_without_ethernet_is_cooked(lan: Wire) -> None:
    run("ip", "-n", lan.near, "tuntap", "add", "tun0", "mode", "tun")
    tun = os.open("/dev/net/tun", os.O_RDWR)
    try:
        # TUNSETIFF with IFF_TUN | IFF_NO_PI (linux/if_tun.h).
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
        run("ip", "-n", lan.near, "link", "set", "tun0", "up")
        told: list[str] = []
        program = bpf.both(compile_expression("ip", SNAPLEN), PROGRAM)
        listening(["tun0"], told=told.append, program=program).close()
        assert told[0] == "tun0: is no Ethernet link, so nothing on it matches a filter expression"
        sniffer = listening(["tun0"])
        packet = frames.ipv4(frames.VRRP2)
        os.write(tun, packet)
        os.write(tun, frames.ipv4(bytes(20), 6, destination=frames.B))
        got = heard(sniffer)
    finally:
        os.close(tun)
    # ARPHRD_NONE, no address.
    assert got.contents == [bytes.fromhex("0000 fffe 0000 0000000000000000 0800") + packet]
    assert [(one.name, one.linktype) for one in got.read.interfaces] == [("tun0", 113)]


def test_a_filter_expression_sees_tags(lan: Wire) -> None:
    program = bpf.both(compile_expression("arp or vlan 10", SNAPLEN), PROGRAM)
    sniffer = listening(["eth0"], program=program)
    with lan.sender("eth0") as sender:
        send(sender, [*KINDS, *NOISE])
    assert heard(sniffer).contents == [KINDS[4], KINDS[6]]


def test_no_more_than_the_snap_length_is_kept(lan: Wire) -> None:
    sniffer = listening(["eth0"], snaplen=96, program=bpf.kept(96))
    with lan.sender("eth0") as sender:
        send(sender, [KINDS[9], KINDS[6]])
    got = heard(sniffer)
    assert got.contents == [KINDS[9][:96], KINDS[6]]
    assert got.read.frames["length"].tolist() == [len(KINDS[9]), len(KINDS[6])]


def test_a_reader_with_little_room_gets_the_same_bytes(lan: Wire, tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"))
    sniffer = listening(["eth0"], sinks=[writer])
    with lan.sender("eth0") as sender:
        send(sender, KINDS)
    sniffer.stop()
    data = b""
    view = memoryview(bytearray(100))
    while count := sniffer.readinto(view):
        data += view[:count]
    sniffer.close()
    writer.close()
    assert files.read(data).contents() == KINDS
    written = (tmp_path / "w.pcapng").read_bytes()
    assert written.startswith(data)
    # Besides, the file says how far it is complete.
    assert files.read(written).until == sniffer.settled_until


@pytest.mark.parametrize("name", ["", "a" * 16, "eth0/1", "eth 0", "eth0:1", "..", "é" * 8, "a\0b"])
def test_a_name_that_no_interface_can_have(name: str) -> None:
    with pytest.raises(CaptureError, match="no interface can have this name"):
        Sniffer([name], program=PROGRAM)


def test_a_name_that_is_no_text() -> None:
    with pytest.raises(CaptureError, match="is no UTF-8, and can only be watched with -i any"):
        Sniffer(["\udcff"], program=PROGRAM)


@pytest.mark.parametrize("wanted", [True, False])
def test_promiscuous_or_not(lan: Wire, wanted: bool) -> None:
    sniffer = listening(["eth0"], promiscuous=wanted)
    assert f"promiscuity {int(wanted)} " in run("ip", "-d", "-n", lan.near, "link", "show", "eth0")
    sniffer.close()
    assert "promiscuity 0 " in run("ip", "-d", "-n", lan.near, "link", "show", "eth0")


def test_interfaces_beyond_what_can_be_numbered_share_one(lan: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_INTERFACES", 1)
    for name in ("eth1", "eth2"):
        lan.plug(name)
    sniffer = listening(["any"])
    for name in ("eth0", "eth1", "eth2", "eth0"):
        with lan.sender(name) as sender:
            send(sender, [ADVERT])
    got = heard(sniffer)
    assert got.interfaces == ["eth0", "others", "others", "eth0"]


def test_a_ring_takes_what_memory_there_is(lan: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Scarce(socket.socket):
        """A socket on a machine with room for 16 blocks."""

        def setsockopt(self, *arguments: Any) -> None:
            if arguments[:2] == (263, 5):
                asked.append(struct.unpack_from("=I", arguments[2], 4)[0])
                if asked[-1] > 16:
                    raise OSError(errno.ENOMEM, "Cannot allocate memory")
            super().setsockopt(*arguments)

    monkeypatch.setattr(socket, "socket", Scarce)
    sniffer = listening(["eth0"], size=SMALL._replace(blocks=64))
    with lan.sender("eth0") as sender:
        send(sender, KINDS)
    assert heard(sniffer).contents == KINDS
    assert asked == [64, 32, 16]


@pytest.mark.usefixtures("lan")
def test_a_sniffer_ends_once() -> None:
    sniffer = listening(["eth0"])
    sniffer.close()
    sniffer.close()
    sniffer.stop()


def test_it_watches_where_nothing_could_be_compiled(lan: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "ring", uncompiled())
    sniffer = listening(["any"])
    with lan.sender("eth0") as sender:
        send(sender, KINDS)
    assert heard(sniffer).contents == KINDS


def test_a_killed_watcher_leaves_a_whole_file(lan: Wire, tmp_path: Path) -> None:
    path = tmp_path / "w.pcapng"
    script = f"""
from vrrpwatch.capture import bpf
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.capture.writer import Writer
sniffer = Sniffer(["eth0"], program=bpf.kept({SNAPLEN}), interval=0.02, sinks=[Writer({str(path)!r})])
sniffer.open()
print("open", flush=True)
for _ in sniffer.batches(frozenset()):
    pass
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == b"open\n"
        with lan.sender("eth0") as sender:
            send(sender, KINDS)
            wait_until(lambda: path.stat().st_size > 2000, at_most=20, what="the frames to be written")
        watcher.kill()
    read = files.read(path.read_bytes())
    assert (read.contents(), read.damage) == (KINDS, None)
