"""Scenarios in which nothing is wrong: healthy groups, crashes, resignations and preemptions of every daemon."""

from dataclasses import replace

from tests.lab.daemons import Instance, conntrackd, frr, keepalived, ucarp
from tests.lab.network import Host
from tests.lab.recorder import Recording
from tests.lab.stage import ALPHA, BRAVO, CHARLIE, GATEWAY, SERVICE, Stage, address, mac, scenario

A, B = address(ALPHA), address(BRAVO)


def _version2(priority: int, *, auth: str | None = None, password: str = "") -> Instance:
    return Instance(vrid=51, priority=priority, addresses=(f"{GATEWAY}/24",), auth=auth, password=password)


def settled_pair(stage: Stage, *, auth: str | None = None, password: str = "") -> tuple[Recording, Host, Host]:
    """A keepalived pair that has settled: alpha (150) is master, bravo (100) its backup."""
    recording = stage.lan()
    alpha, bravo = stage.router("alpha", ALPHA), stage.router("bravo", BRAVO)
    keepalived(alpha, _version2(150, auth=auth, password=password))
    recording.until_heard(A, 1)
    keepalived(bravo, _version2(100, auth=auth, password=password))
    recording.until_more(A, 4)
    return recording, alpha, bravo


@scenario("keepalived")
def keepalived_v2_healthy(stage: Stage) -> None:
    recording, _, _ = settled_pair(stage)
    recording.until_heard(A, 10)
    recording.stop()


@scenario("keepalived", "dumpcap", suffix=".pcapng")
def keepalived_v3_dual_stack_healthy(stage: Stage) -> None:
    """Two networks, each a router pair with IPv4 and IPv6 in one VRID, recorded side by side."""
    lab = stage.lab
    for name in ("blue", "red"):
        lab.bridge(name)
    recording = Recording(lab, stage.path, ["blue", "red"])
    alpha = lab.host("alpha", ALPHA, bridge="blue", ipv6=True)
    bravo = lab.host("bravo", BRAVO, bridge="blue", ipv6=True)
    for host, number in ((alpha, ALPHA), (bravo, BRAVO)):
        red = (f"198.51.100.{number}/24",)
        lab.attach(host, number, bridge="red", addresses=red, interface="eth1", card=1, ipv6=True)

    def instances(blue: int, red: int) -> tuple[Instance, ...]:
        blue4 = Instance(vrid=61, priority=blue, addresses=("192.0.2.1/24",), version=3, interval=0.25)
        red4 = replace(blue4, priority=red, addresses=("198.51.100.1/24",), interface="eth1")
        blue6 = replace(blue4, addresses=("fe80::1/64", "2001:db8:0:1::1/64"), ipv6=True)
        red6 = replace(red4, addresses=("fe80::1/64", "2001:db8:0:2::1/64"), ipv6=True)
        return blue4, blue6, red4, red6

    # Each is the better router of one network, as a pair that shares its load is set up.
    keepalived(alpha, *instances(200, 100))
    keepalived(bravo, *instances(100, 200))
    for source in (A, "198.51.100.12", f"fe80::{ALPHA}", f"fe80::{BRAVO}"):
        recording.until_heard(source, 12)
    recording.stop()


@scenario("keepalived")
def keepalived_crash(stage: Stage) -> None:
    recording, alpha, _ = settled_pair(stage)
    alpha.power_off()
    recording.until_heard(B, 4)
    recording.until(lambda: len(recording.announced(mac(BRAVO))) >= 5, "bravo's gratuitous ARP")
    recording.stop()


@scenario("keepalived")
def keepalived_ah(stage: Stage) -> None:
    recording, alpha, _ = settled_pair(stage, auth="AH", password="labsecrt")  # noqa: S106
    alpha.power_off()
    recording.until_heard(B, 4)
    recording.stop()


@scenario("keepalived")
def simple_password(stage: Stage) -> None:
    recording, _, _ = settled_pair(stage, auth="PASS", password="open-lab")  # noqa: S106
    recording.until_heard(A, 8)
    recording.stop()


@scenario("keepalived")
def keepalived_resign(stage: Stage) -> None:
    recording, alpha, _ = settled_pair(stage)
    alpha.processes[-1].stop()
    recording.until_heard(B, 4)
    recording.stop()


@scenario("keepalived")
def keepalived_preempt(stage: Stage) -> None:
    recording = stage.lan()
    alpha, bravo = stage.router("alpha", ALPHA), stage.router("bravo", BRAVO)
    keepalived(bravo, _version2(100))
    recording.until_heard(B, 3)
    keepalived(alpha, _version2(150))
    recording.until_heard(A, 5)
    recording.stop()


@scenario("keepalived")
def keepalived_unicast(stage: Stage) -> None:
    """Three peers that advertise to each other directly; the best of them crashes."""
    recording = stage.lan()
    numbers = {"alpha": (ALPHA, 150), "bravo": (BRAVO, 100), "charlie": (CHARLIE, 50)}
    hosts = {name: stage.router(name, number) for name, (number, _) in numbers.items()}
    for name, (number, priority) in numbers.items():
        peers = [address(other) for other, _ in numbers.values() if other != number]
        instance = Instance(vrid=52, priority=priority, addresses=(f"{SERVICE}/24",), peers=peers)
        keepalived(hosts[name], instance)
        if name == "alpha":
            recording.until_heard(A, 1)
    recording.until_more(A, 8)
    hosts["alpha"].power_off()
    recording.until_heard(B, 8)
    recording.stop()


@scenario("ucarp")
def ucarp_healthy(stage: Stage) -> None:
    recording, _ = _ucarp_pair(stage)
    recording.until_heard(A, 10)
    recording.stop()


@scenario("ucarp")
def ucarp_failover(stage: Stage) -> None:
    recording, alpha = _ucarp_pair(stage)
    alpha.power_off()
    recording.until_heard(B, 4)
    recording.stop()


def _ucarp_pair(stage: Stage) -> tuple[Recording, Host]:
    recording = stage.lan()
    alpha, bravo = stage.router("alpha", ALPHA), stage.router("bravo", BRAVO)
    ucarp(alpha, address=SERVICE, vhid=42, advskew=0, source=A)
    recording.until_heard(A, 1)
    ucarp(bravo, address=SERVICE, vhid=42, advskew=100, source=B)
    recording.until_more(A, 4)
    return recording, alpha


@scenario("vrrpd", "zebra")
def frr_v3_healthy(stage: Stage) -> None:
    recording, _ = _frr_pair(stage)
    recording.until_heard(A, 12)
    recording.stop()


@scenario("vrrpd", "zebra")
def frr_v3_crash(stage: Stage) -> None:
    recording, alpha = _frr_pair(stage)
    alpha.power_off()
    recording.until_heard(B, 4)
    recording.stop()


def _frr_pair(stage: Stage) -> tuple[Recording, Host]:
    """FRR, VRID 5, every half second: alpha (200) is master, bravo (100) its backup."""
    recording = stage.lan()
    alpha, bravo = stage.router("alpha", ALPHA), stage.router("bravo", BRAVO)
    frr(alpha, vrid=5, priority=200, address=GATEWAY, interval=0.5)
    recording.until_heard(A, 1)
    frr(bravo, vrid=5, priority=100, address=GATEWAY, interval=0.5)
    recording.until_more(A, 6)
    return recording, alpha


@scenario("keepalived", "conntrackd", "dumpcap", suffix=".pcapng")
def conntrackd_sync(stage: Stage) -> None:
    """A firewall pair: keepalived on the LAN, conntrackd on a cable of its own between them, a client's connections."""
    lab = stage.lab
    for name in ("lan", "sync"):
        lab.bridge(name)
    recording = Recording(lab, stage.path, ["lan", "sync"])
    client = lab.host("client", 99)
    for name, number, priority in (("alpha", ALPHA, 150), ("bravo", BRAVO, 100)):
        host = stage.router(name, number)
        sync = f"198.51.100.{number}"
        lab.attach(host, number, bridge="sync", addresses=(f"{sync}/24",), interface="eth1", card=1)
        conntrackd(host, address=sync)
        keepalived(host, _version2(priority))
        recording.until_heard(A, 1)
    client.do("ping", "-q", "-c", "3", "-i", "0.2", "-W", "2", GATEWAY)
    recording.until_heard(A, 8)
    recording.stop()
