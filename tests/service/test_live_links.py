"""``watch -i any`` while one of two links goes down: what it prints, and the same of its own recording."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.captures.analyzing import analyze
from tests.conformance.stage_frames import frame
from tests.lab.live import Routers, wire
from tests.lab.network import missing, run
from tests.lab.waiting import wait_until
from tests.service.watched import Watch

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@contextmanager
def watched(folder: Path, *options: str) -> Iterator[tuple[str, Watch, Routers]]:
    """The watcher's namespace, the watcher, and a router at the far end of each of its two links."""
    with (
        wire("eth0", "eth1") as made,
        made.sender("eth0") as one,
        made.sender("eth1") as other,
        Watch(folder, "--output", "ndjson", *options, space=made.near) as watch,
        closing(Routers({"eth0": one, "eth1": other})) as routers,
    ):
        yield made.near, watch, routers


def test_the_masters_of_a_downed_link_are_excused_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "heard.pcapng"
    with watched(tmp_path, "-i", "any", "-w", str(path)) as (near, watch, routers):
        watch.until('"kind": "master-appeared"', times=2)
        run("ip", "-n", near, "link", "set", "eth1", "down")
        watch.until("eth1: is down; it is watched as soon as it is up")
        routers.talking = set()
        # By then the silence on the other link has lasted as long, and longer.
        wait_until(lambda: watch.kinds("eth0")[1:] == ["master-lost"], at_most=30, what="the loss", seen=watch.said)
        assert watch.kinds("eth1") == ["master-appeared"]
        run("ip", "-n", near, "link", "set", "eth1", "up")
        watch.until("eth1: is watched")
        routers.talking = {"eth0", "eth1"}
        wait_until(lambda: len(watch.kinds("eth0")) == 3, at_most=30, what="the return", seen=watch.said)
        assert watch.stop() == 0
        events = watch.events()
    assert [event["kind"] for event in events if event["group"].startswith("eth1|")] == ["master-appeared"]
    found = analyze(path)
    assert events == found["events"]
    (loss,) = (finding for finding in found["findings"] if finding["rule"] == "capture-loss")
    assert (loss["segment"], loss["count"], loss["subject"]) == ("eth1", 1, "eth1, unheard")
    assert loss["summary"].startswith("the interface could not be heard for a while")
    # It lasted as long as eth0's master was missed, at least.
    missed = next(event for event in events if event["kind"] == "master-lost")
    assert loss["first"] < missed["at"] < loss["last"]
    assert {one["name"]: one["dropped"] for one in found["sources"][0]["interfaces"]}["eth1"] == 0
    assert watch.lines()[-1].endswith("; the kernel dropped 0; 1 time an interface could not be heard for a while")


def test_a_run_that_ends_in_silence_is_what_its_recording_is(tmp_path: Path) -> None:
    path = tmp_path / "heard.pcapng"
    with watched(tmp_path, "-i", "eth0", "-w", str(path)) as (_, watch, routers):
        watch.until('"kind": "master-appeared"')
        routers.talking = set()
        watch.until('"kind": "master-lost"')
        assert watch.stop() == 0
        events = watch.events()
    found = analyze(path)
    assert [event["kind"] for event in events] == ["master-appeared", "master-lost"]
    assert events == found["events"]
    assert [group["state"] for group in found["groups"]] == ["lost"]
    assert found["sources"][0]["last"] == found["groups"][0]["last"]


def test_a_master_that_changed_or_went_between_two_runs_is_told_of(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "journal.db"), "--sensor", "north", "-i", "eth0", "--output", "ndjson")
    with wire("eth0") as made, made.sender("eth0") as sender:
        for number, who in enumerate("AAB"):
            with Watch(tmp_path, *store, space=made.near) as watch:
                sender.send(frame({"who": who, "id": 51}, number, None))
                watch.until('"kind": "master-appeared"')
                if who == "B":
                    watch.until("it changed while nobody watched")
                assert watch.stop() == 0
                changed = [line for line in watch.lines() if "nobody watched" in line]
            assert len(changed) == (who == "B")
        assert changed[0].startswith("VRRP 51 on eth0: the master was 192.0.2.1 until ")
        assert ", and is 192.0.2.2 now: it changed while nobody watched" in changed[0]
        with Watch(tmp_path, *store, space=made.near) as watch:
            watch.until("nobody was heard advertising it since the watch began")
            assert watch.stop() == 0
        assert sum("VRRP 51 on eth0: 192.0.2.2 was master until " in line for line in watch.lines()) == 1
