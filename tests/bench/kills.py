"""Kills ``vrrpwatch watch`` again and again: ``python -m tests.bench.kills`` says what acknowledged was lost."""

import argparse
import random
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

from tests.lab.network import Lab, missing
from tests.lab.waiting import wait_until
from tests.lab.watching import COMMAND, Receiver
from vrrpwatch.wire.values import Vrrp
from vrrpwatch.wire.vrrp import encode_vrrp

# Sends what is in a file, a frame a line, ten a second, for ever.
SENDER = """
import itertools, socket, sys, time
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((sys.argv[1], 0))
for line in itertools.cycle(open(sys.argv[2]).read().split()):
    link.send(bytes.fromhex(line))
    time.sleep(0.02)
"""
EVERYTHING = 'events = ["master-*"]\nrate = { messages = 0 }\n'
ROUTERS = 40
DURABLE = re.compile(r"(\d+) events in the journal, (\d+) seen to for alerts")


def frames() -> str:
    """Routers that appear and resign in turn: an event a frame."""
    from ipaddress import IPv4Address

    lines = []
    for priority in (100, 0):
        for vrid in range(1, ROUTERS + 1):
            source, target = IPv4Address("192.0.2.11"), IPv4Address("224.0.0.18")
            said = Vrrp(3, vrid, priority, 1, 1.0, 0, (IPv4Address("192.0.2.1"),), None, b"", None)
            message = encode_vrrp(said, source, target)
            header = struct.pack(
                "!BBHHHBBH4s4s", 0x45, 0, 20 + len(message), 0, 0, 255, 112, 0, source.packed, target.packed
            )
            total = sum(struct.unpack("!10H", header))
            checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
            header = header[:10] + struct.pack("!H", checksum) + header[12:]
            lines.append((bytes.fromhex("01005e00001202000000001108 00") + header + message).hex())
    return "\n".join(lines)


def recorded(journal: Path) -> int:
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM events").fetchone()[0])


def main() -> int:
    """The command; 1 where anything acknowledged is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    given = parser.parse_args()
    why = missing()
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    chance = random.Random(1)
    lost = acknowledged_events = acknowledged_alerts = 0
    with Lab() as lab:
        lab.bridge("lan")
        sender = lab.host("sender", 11)
        sender.start(sys.executable, "-c", SENDER, "eth0", str(sender.write("frames", frames())))
        receiver = Receiver(lab)
        settings = lab.switch.write("alerts.toml", receiver.settings() + EVERYTHING)
        journal, outbox = lab.folder / "journal.db", lab.folder / "outbox.db"
        notify = lab.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(notify))
            manager.settimeout(20)
            command = ["ip", "netns", "exec", lab.switch.namespace, "env", f"NOTIFY_SOCKET={notify}", COMMAND, "watch"]
            command += ["-i", "lan", "--output", "none", "--store", str(journal), "--alerts", str(settings)]
            command += ["--outbox", str(outbox)]
            for turn in range(given.times):
                before = recorded(journal) if journal.exists() else 0
                with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                    while b"READY=1" not in manager.recv(1000):
                        pass
                    until = time.monotonic() + chance.uniform(0.1, 2.0)
                    events = alerts = 0
                    while (left := until - time.monotonic()) > 0:
                        manager.settimeout(left)
                        try:
                            told = DURABLE.search(manager.recv(1000).decode())
                        except TimeoutError:
                            break
                        if told is not None:
                            events, alerts = int(told[1]), int(told[2])
                    manager.settimeout(20)
                    process.send_signal(signal.SIGKILL)
                kept = recorded(journal) - before
                lost += max(events - kept, 0)
                acknowledged_events += events
                acknowledged_alerts += alerts
                print(f"{turn + 1:3}: {events} events acknowledged, {kept} kept", flush=True)
            # One that is left alone delivers the rest.
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                wait_until(
                    lambda: len({alert["id"] for _, alert in receiver.received}) >= acknowledged_alerts,
                    at_most=60,
                    what="all alerts",
                )
                process.terminate()
            delivered = len({alert["id"] for _, alert in receiver.received})
    print(f"killed {given.times} times: {lost} of {acknowledged_events} acknowledged events lost")
    print(f"{acknowledged_alerts} acknowledged for alerts, {delivered} different alerts received")
    return int(lost > 0 or delivered < acknowledged_alerts)


if __name__ == "__main__":
    sys.exit(main())
