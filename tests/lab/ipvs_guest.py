"""What is tried of IPVS in a guest's kernel, by requests and with ``ipvsadm`` as the second opinion.

It runs as ``python -m tests.lab.ipvs_guest FILE`` inside the guest; see :mod:`tests.lab.guest_module`.
"""

import json
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.lab.network import run
from vrrpwatch.agent.balancing.netlink import Kernel
from vrrpwatch.agent.balancing.plan import Target, key, real_key
from vrrpwatch.agent.balancing.programmer import Programmer
from vrrpwatch.agent.balancing.values import METHODS, Real, RealKey, SetReal
from vrrpwatch.agent.config.companions import Ipvs

VIRTUAL: list[dict[str, Any]] = [
    {
        "address": "192.0.2.100",
        "port": 80,
        "scheduler": "rr",
        "persistence": 300,
        "real": [
            {"address": "198.51.100.21", "port": 8080, "method": "nat", "weight": 5},
            {"address": "198.51.100.22", "method": "direct", "weight": 65_535},
            {"address": "198.51.100.23", "method": "tunnel", "weight": 0, "failed": "quiesce"},
        ],
    },
    {
        "address": "2001:db8::100",
        "port": 53,
        "protocol": "udp",
        "scheduler": "mh",
        "hash": ["port", "fallback"],
        "real": [{"address": "2001:db8::21", "method": "nat", "port": 5353, "check": False}],
    },
]
# No scheduler of this name is loaded.
STRANGE = VIRTUAL[0] | {"port": 81, "scheduler": "lblcr"}
SYNC = {"interface": "lo", "id": 7}
# Somebody else's, one of them by firewall mark.
OTHERS = ("-A -t 192.0.2.200:443 -s rr -p 10", "-A -f 5 -s rr")


def shown() -> list[str]:
    """The tables as ipvsadm(8) would restore them, in order of the words."""
    return sorted(run("ipvsadm", "-Sn").splitlines())


def daemons() -> list[str]:
    return run("ipvsadm", "-L", "--daemon").splitlines()


def settings(*virtual: dict[str, Any], **given: Any) -> Ipvs:
    return Ipvs.model_validate({"follows": "web", "virtual": list(virtual)} | given)


def try_all(folder: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for words in OTHERS:
        run("ipvsadm", *words.split())
    whole = settings(*VIRTUAL, sync=SYNC)
    good = {Target(key(one), real_key(real, one)): True for one in whole.virtual for real in one.real}
    programmer = Programmer(Kernel, folder / "agent.ipvs.json")
    seen["first"] = [str(one) for one in programmer.make_so(whole, "backup", good).done]
    seen["shown"], seen["daemons"] = shown(), daemons()
    seen["second"] = len(programmer.make_so(whole, "backup", good).done)
    seen["master"] = [str(one) for one in programmer.make_so(whole, "master", good).done]
    seen["master daemons"] = daemons()

    bad = dict.fromkeys(good, False)
    programmer.make_so(whole, "master", bad)
    seen["failed"] = shown()
    run("ipvsadm", "-d", "-u", "[2001:db8::100]:53", "-r", "[2001:db8::21]:5353")
    run("ipvsadm", "-E", "-t", "192.0.2.100:80", "-s", "wlc")
    another = Programmer(Kernel, folder / "agent.ipvs.json")
    seen["repaired"] = [str(one) for one in another.make_so(whole, "master", good).done]
    seen["shown again"] = shown()

    seen["strange"] = another.make_so(settings(*VIRTUAL, STRANGE, sync=SYNC), "master", good).troubles
    nowhere = settings(*VIRTUAL, sync={"interface": "nowhere"})
    outcome = another.make_so(nowhere, "master", good)
    seen["nowhere"] = [outcome.troubles, outcome.role]
    unwilling = """
from vrrpwatch.agent.balancing.programmer import IpvsError
from vrrpwatch.agent.balancing.netlink import Kernel
try:
    Kernel().read()
except IpvsError as error:
    print(error)
"""
    seen["no right"] = subprocess.run(
        ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", sys.executable, "-c", unwilling),
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    another.finish()
    seen["end"], seen["end daemons"] = shown(), daemons()
    seen["left"] = [path.name for path in folder.iterdir()]
    seen["many"] = many()
    return seen


def many() -> list[int]:
    """Two thousand real servers, which take more than one request; returns how many were refused, found and left."""
    kernel = Kernel()
    made = settings(
        *(VIRTUAL[0] | {"port": 1000 + port, "real": [{"address": "198.51.100.1", "port": None}]} for port in range(50))
    )
    programmer = Programmer(Kernel, Path("/mnt/many.json"))
    programmer.make_so(made, "backup", {})
    address = int(ip_address("10.0.0.0"))
    reals = [
        SetReal(key(one), RealKey(ip_address(address + number), one.port), Real(METHODS["direct"], 1), fresh=True)
        for one in made.virtual
        for number in range(1, 41)
    ]
    refused = kernel.do(reals)
    found = kernel.read()
    programmer.finish()
    return [len(refused), sum(map(len, found.reals.values())), len(kernel.read().services)]


def main() -> int:
    folder = Path("/mnt/state")
    folder.mkdir()
    Path(sys.argv[1]).write_text(json.dumps(try_all(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
