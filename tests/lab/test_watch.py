"""Live: real daemons on a switch that is watched, and the recording of the very same packets judged alike."""

import pytest

from tests.captures.analyzing import analyze
from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Lab, missing
from tests.lab.stage import ALPHA, BRAVO, CLIENT, GATEWAY, address
from tests.lab.waiting import wait_until
from tests.lab.watching import Receiver, Watch

A, B = address(ALPHA), address(BRAVO)


@pytest.fixture(autouse=True)
def _possible() -> None:
    why = missing("keepalived", "nft")
    if why is not None:
        pytest.skip(why)


def _instance(priority: int) -> Instance:
    return Instance(vrid=51, priority=priority, addresses=(f"{GATEWAY}/24",))


def test_watching_gives_what_its_own_recording_gives() -> None:
    with Lab() as lab:
        lab.bridge("lan")
        lab.host("client", CLIENT)
        alpha, bravo = lab.host("alpha", ALPHA), lab.host("bravo", BRAVO)
        path = lab.folder / "watched.pcapng"
        watch = Watch(lab, ["lan"], "-w", str(path), "--evidence", str(lab.folder / "evidence"))
        keepalived(alpha, _instance(150))
        watch.until_event("master-appeared", A)
        keepalived(bravo, _instance(100))
        alpha.filter("refuse", "input", f"ip protocol 112 ip saddr {B} drop")
        bravo.filter("refuse", "input", f"ip protocol 112 ip saddr {A} drop")
        watch.until_finding("split-brain")
        alpha.unfilter("refuse")
        bravo.unfilter("refuse")
        alpha.power_off()
        watch.until_event("master-changed", B)
        # It ends in the middle of a silence.
        bravo.power_off()
        watch.until_event("master-lost")
        assert watch.stop() == 0, watch.said
        found = analyze(path)
        (evidence,) = (lab.folder / "evidence").iterdir()
        assert evidence.stem == watch.findings("split-brain")[0]["id"]
        assert [finding["rule"] for finding in analyze(evidence)["findings"]].count("split-brain") == 1
        told = [{key: value for key, value in event.items() if key != "type"} for event in watch.events()]
        assert told == found["events"]
        assert {finding["id"] for finding in watch.findings()} == {finding["id"] for finding in found["findings"]}
        evidence_of = {finding["id"]: finding["evidence"] for finding in found["findings"]}
        for finding in watch.findings():
            # It is printed when it is raised; what came later only adds to it.
            assert evidence_of[finding["id"]][: len(finding["evidence"])] == finding["evidence"]


def test_an_alert_reaches_its_receiver_and_is_resolved_under_one_id() -> None:
    with Lab() as lab:
        lab.bridge("lan")
        alpha, bravo = lab.host("alpha", ALPHA), lab.host("bravo", BRAVO)
        receiver = Receiver(lab)
        settings = lab.switch.write("alerts.toml", receiver.settings() + "[quiet]\nsplit-brain = 3\n")
        outbox = ("--outbox", str(lab.folder / "outbox.db"), "--store", str(lab.folder / "journal.db"))
        watch = Watch(lab, ["lan"], "--alerts", str(settings), *outbox, "--metrics", "0")
        keepalived(alpha, _instance(150))
        watch.until_event("master-appeared", A)
        for host, other in ((alpha, B), (bravo, A)):
            host.filter("refuse", "input", f"ip protocol 112 ip saddr {other} drop")
        keepalived(bravo, _instance(100))

        def statuses() -> list[str]:
            return [alert["status"] for _, alert in receiver.received if alert["rule"] == "split-brain"]

        wait_until(lambda: "firing" in statuses(), at_most=20, what="the alert", seen=lambda: watch.said)
        bravo.power_off()
        wait_until(lambda: "resolved" in statuses(), at_most=30, what="its end", seen=lambda: watch.said)
        assert watch.stop() == 0, watch.said
        ids = {alert["id"] for _, alert in receiver.received if alert["rule"] == "split-brain"}
        assert ids == {watch.findings("split-brain")[0]["id"]}


def test_a_watch_of_so_many_packets_ends_by_itself() -> None:
    with Lab() as lab:
        lab.bridge("lan")
        alpha = lab.host("alpha", ALPHA)
        path = lab.folder / "heard.pcapng"
        watch = Watch(lab, ["lan"], "-c", "3", "-w", str(path))
        keepalived(alpha, _instance(150))
        assert watch.wait() == 0, watch.said
        assert "packets heard" in watch.said
        assert analyze(path)["totals"]["packets"] >= 3
