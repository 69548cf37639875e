"""Scenarios in which something is wrong: split brain, collisions, leaks, stale ARP, passwords that differ."""

from tests.lab.daemons import Instance, keepalived
from tests.lab.failovers import settled_pair
from tests.lab.network import Host
from tests.lab.recorder import Recording
from tests.lab.stage import ALPHA, BRAVO, CHARLIE, CLIENT, DELTA, GATEWAY, SERVICE, Stage, address, mac, scenario

A, B, C, D = address(ALPHA), address(BRAVO), address(CHARLIE), address(DELTA)


def _refuse(host: Host, *sources: str) -> None:
    """The host's firewall drops these sources' advertisements as they come in."""
    host.filter("refuse", "input", f"ip protocol 112 ip saddr {{ {', '.join(sources)} }} drop")


@scenario("keepalived")
def split_brain(stage: Stage) -> None:
    """A pair that can no longer hear each other, both still connected to everyone else, until the capture ends."""
    recording, alpha, bravo = settled_pair(stage)
    _refuse(alpha, B)
    _refuse(bravo, A)
    recording.until_heard(B, 8)
    recording.stop()


@scenario("keepalived")
def split_brain_healed(stage: Stage) -> None:
    """The same, but first alpha and then bravo hears its peer again before the capture ends."""
    recording, alpha, bravo = settled_pair(stage)
    _refuse(alpha, B)
    _refuse(bravo, A)
    recording.until_heard(B, 7)
    before = len(recording.announced(mac(ALPHA)))
    alpha.unfilter("refuse")
    # A keepalived master that hears a lesser one announces itself anew, which corrects everyone's ARP.
    recording.until(lambda: len(recording.announced(mac(ALPHA))) > before, "alpha's gratuitous ARP")
    bravo.unfilter("refuse")
    recording.until_more(A, 6)
    recording.stop()


@scenario("keepalived")
def vrid_collision(stage: Stage) -> None:
    """Two unrelated pairs with one VRID on one segment; each pair's firewall lets in its own peer only.

    Without the firewalls keepalived masters silence each other by turns, since each puts off its own advertisement
    whenever it drops a foreign one.
    """
    recording = stage.lan()
    pairs = (
        ((("alpha", ALPHA, 150), ("bravo", BRAVO, 100)), GATEWAY, (C, D)),
        ((("charlie", CHARLIE, 150), ("delta", DELTA, 100)), SERVICE, (A, B)),
    )
    for members, virtual, strangers in pairs:
        for name, number, priority in members:
            host = stage.router(name, number)
            _refuse(host, *strangers)
            keepalived(host, Instance(vrid=51, priority=priority, addresses=(f"{virtual}/24",)))
            recording.until_heard(address(members[0][1]), 1)
    recording.until_heard(C, 8)
    recording.stop()


def _both_took_a_turn(recording: Recording) -> bool:
    """Whether both have spoken twice or more and one of them had the last seven words."""
    speakers = [one.source for one in recording.heard()]
    return min(speakers.count(A), speakers.count(B)) >= 2 and len(set(speakers[-7:])) == 1


@scenario("keepalived")
def password_mismatch(stage: Stage) -> None:
    """A pair whose simple passwords differ: each drops what the other says, and the two take turns."""
    recording = stage.lan()
    alpha, bravo = stage.router("alpha", ALPHA), stage.router("bravo", BRAVO)
    for host, priority, password in ((alpha, 150, "left-key"), (bravo, 100, "rightkey")):
        instance = Instance(vrid=51, priority=priority, addresses=(f"{GATEWAY}/24",), auth="PASS", password=password)
        keepalived(host, instance)
        recording.until_heard(A, 1)
    # Which of the two timers fires first is a race of microseconds, so the turns differ from recording to recording.
    recording.until(lambda: _both_took_a_turn(recording), "a turn of each", at_most=120)
    recording.stop()


@scenario("keepalived")
def stale_arp(stage: Stage) -> None:
    """A takeover whose gratuitous ARP never reaches the wire, so that every host keeps the dead master's MAC."""
    recording, alpha, bravo = settled_pair(stage)
    bravo.filter("mute", "egress device eth0", f"arp saddr ip {GATEWAY} drop", family="netdev")
    alpha.power_off()
    # Seven seconds: a takeover without gratuitous ARP is judged after five.
    recording.until_heard(B, 8)
    recording.stop()


@scenario("keepalived", "arping")
def stale_arp_reclaimed(stage: Stage) -> None:
    """The old master's daemon dies but its host lives on with the address, and announces it after the takeover."""
    recording, alpha, _ = settled_pair(stage)
    alpha.processes[-1].kill()
    # keepalived announces twice, at the takeover and five seconds later.
    recording.until(lambda: len(recording.announced(mac(BRAVO))) >= 10, "bravo's gratuitous ARP")
    before = len(recording.announced(mac(ALPHA)))
    alpha.do("arping", "-U", "-q", "-c", "1", "-I", "eth0", GATEWAY)
    recording.until(lambda: len(recording.announced(mac(ALPHA))) > before, "alpha's late gratuitous ARP")
    # Six seconds: nobody must correct it within five.
    recording.until_more(B, 7)
    recording.stop()


@scenario("keepalived", "dumpcap", suffix=".pcapng", guest=True)
def leak_across_vlans(stage: Stage) -> None:
    """A pair in VLAN 10 and one in VLAN 20 at a VLAN-aware switch, and a host that bridges its two VLAN devices.

    Recorded on the switch's trunk port to that host, where every advertisement passes once per VLAN.
    """
    lab = stage.lab
    lab.bridge("switch", vlan_filtering="1", vlan_default_pvid="0")
    careless = lab.host("careless", CLIENT, bridge="switch", port="trunk")
    careless.ip("link", "add", "leak", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
    for tag in ("10", "20"):
        lab.switch.do("bridge", "vlan", "add", "dev", "trunk", "vid", tag)
        careless.ip("link", "add", "link", "eth0", "name", f"eth0.{tag}", "type", "vlan", "id", tag)
        careless.ip("link", "set", f"eth0.{tag}", "master", "leak", "up")
    recording = Recording(lab, stage.path, ["trunk"])
    careless.ip("link", "set", "leak", "up")
    masters = ((f"192.0.2.{ALPHA}", 10), (f"198.51.100.{CHARLIE}", 20))
    for (master, vlan), members in zip(masters, ((ALPHA, BRAVO), (CHARLIE, DELTA)), strict=True):
        network = master.rpartition(".")[0]
        for number, priority in zip(members, (150, 100), strict=True):
            port = f"port{number}"
            host = lab.host(f"router{number}", number, bridge="switch", network=network, port=port)
            lab.switch.do("bridge", "vlan", "add", "dev", port, "vid", str(vlan), "pvid", "untagged")
            keepalived(host, Instance(vrid=vlan, priority=priority, addresses=(f"{network}.1/24",)))
            recording.until_heard(master, 1)
    for master, _ in masters:
        for segment in ("trunk/10", "trunk/20"):
            recording.until_heard(master, 6, segment=segment)
    recording.stop()
