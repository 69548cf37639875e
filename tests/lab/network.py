"""The lab's network: namespaces, veth pairs and bridges, and the certainty that all of it is gone afterwards."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.waiting import LabError, wait_until

_PREFIX = "vrrpwatch-lab"

# Routers of several kinds share these: no IPv6 unless a scenario asks, since a capture is to hold what it is about.
_QUIET = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
}


def run(*command: str, stdin: str | None = None) -> str:
    """Runs one command to its end and returns its output; a failure is a ``LabError`` with its words."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command)}: no end after {error.timeout:g} s") from error
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip() or done.returncode}")
    return done.stdout


@dataclass(slots=True)
class Process:
    """A program running inside one host; its standard output and error are kept in ``log``."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    def running(self) -> bool:
        return self.popen.poll() is None

    def stop(self) -> None:
        """Asks it to end as an administrator would, and waits until it has."""
        self.popen.terminate()
        wait_until(lambda: not self.running(), at_most=10, what=f"{self.name} to stop")

    def kill(self) -> None:
        """Ends it and its children so that none can say goodbye: what a power loss does to a program."""
        # A parent that noticed would start the child anew or tell it to resign, so none may run meanwhile.
        family = self.family()
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        self.popen.wait(timeout=5)

    def family(self) -> list[int]:
        """The process and its children and theirs, the eldest first."""
        family = [self.popen.pid]
        for pid in family:
            with contextlib.suppress(FileNotFoundError):
                family += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return family


@dataclass(slots=True)
class Host:
    """One network namespace with a folder of its own, also mounted as its programs' /run."""

    name: str
    namespace: str
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def do(self, *command: str, stdin: str | None = None) -> str:
        return run("ip", "netns", "exec", self.namespace, *command, stdin=stdin)

    def ip(self, *arguments: str) -> None:
        run("ip", "-netns", self.namespace, *arguments)

    def filter(self, name: str, hook: str, rule: str, *, family: str = "inet") -> None:
        """One nftables rule in a table of its own, which ``unfilter`` takes away again."""
        chain = f"{family} {name}"
        rules = (
            f"add table {chain}",
            f"add chain {chain} rules {{ type filter hook {hook} priority 0; }}",
            f"add rule {chain} rules {rule}",
        )
        self.do("nft", "-f", "-", stdin="".join(f"{line}\n" for line in rules))

    def unfilter(self, name: str) -> None:
        self.do("nft", "delete", "table", "inet", name)

    def sysctl(self, settings: dict[str, str]) -> None:
        self.do("sysctl", "-q", *(f"{key}={value}" for key, value in settings.items()))

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def start(self, *command: str) -> Process:
        """Starts a program here with a /run of its own, so that pid files and sockets of two hosts never meet."""
        name = Path(command[0]).name
        log = self.folder / f"{name}.log"
        script = 'mount --bind "$0" /run && exec "$@"'
        with log.open("ab") as output:
            popen = subprocess.Popen(
                ("ip", "netns", "exec", self.namespace, "sh", "-c", script, str(self.folder / "run"), *command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = Process(f"{name} on {self.name}", popen, log)
        self.processes.append(process)
        return process

    def power_off(self) -> None:
        """The whole machine crashes: its card dark first, then every program, so that not even the kernel says bye."""
        self.ip("link", "set", "eth0", "down")
        for process in self.processes:
            if process.running():
                process.kill()


class Lab:
    """Hosts and the switch between them.  Leaving the ``with`` block removes everything, whatever happened inside."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Lab":
        _sweep()
        with self._stack as stack:
            self.folder = Path(stack.enter_context(temporary_folder()))
            self.switch = self._namespace("switch")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def bridge(self, name: str, **options: str) -> None:
        """A switch's broadcast domain; recording on it sees every frame that passes."""
        settings = [word for pair in options.items() for word in pair]
        self.switch.ip("link", "add", name, "type", "bridge", "mcast_snooping", "0", "forward_delay", "0", *settings)
        self.switch.ip("link", "set", name, "up")

    def host(
        self,
        name: str,
        number: int,
        *,
        bridge: str = "lan",
        network: str = "192.0.2",
        port: str | None = None,
        ipv6: bool = False,
    ) -> Host:
        """A host at ``bridge`` with 192.0.2.NUMBER, fe80::NUMBER where ``ipv6``, and the MAC 02:00:00:00:00:NUMBER."""
        host = self._namespace(name)
        self.attach(host, number, bridge=bridge, addresses=(f"{network}.{number}/24",), port=port, ipv6=ipv6)
        return host

    def attach(
        self,
        host: Host,
        number: int,
        *,
        bridge: str,
        addresses: Sequence[str] = (),
        interface: str = "eth0",
        card: int = 0,
        port: str | None = None,
        ipv6: bool = False,
    ) -> None:
        """Plugs a network card into a bridge; ``port`` names the switch's end, else the bridge and the host do."""
        port = port or f"{bridge}-{host.name}"
        peer = ("peer", "name", interface, "netns", host.namespace)
        self.switch.ip("link", "add", port, "type", "veth", *peer)
        self.switch.ip("link", "set", port, "master", bridge, "up")
        # The numbers are written in decimal digits so that MAC and IP addresses look alike in a listing.
        host.ip("link", "set", interface, "address", f"02:00:00:00:{card:02d}:{number:02d}")
        if ipv6:
            conf = f"net.ipv6.conf.{interface}"
            host.sysctl(
                {f"{conf}.disable_ipv6": "0", f"{conf}.addr_gen_mode": "1", f"{conf}.router_solicitations": "0"}
            )
        host.ip("link", "set", interface, "up")
        for address in addresses:
            host.ip("address", "add", address, "broadcast", "+", "dev", interface)
        if ipv6:
            host.ip("address", "add", f"fe80::{number}/64", "dev", interface, "nodad")

    def _namespace(self, name: str) -> Host:
        namespace = f"{_PREFIX}-{os.getpid()}-{name}"
        folder = self.folder / name
        (folder / "run").mkdir(parents=True)
        run("ip", "netns", "add", namespace)
        host = self.hosts[name] = Host(name, namespace, folder)
        self._stack.callback(_remove, host)
        host.sysctl(_QUIET)
        host.ip("link", "set", "lo", "up")
        return host


def _remove(host: Host) -> None:
    _dissolve(host.namespace)
    for process in host.processes:
        process.popen.wait(timeout=5)


def _dissolve(namespace: str) -> None:
    """Ends whatever still runs in a namespace of the lab and removes it."""

    def kill() -> bool:
        pids = [int(pid) for pid in run("ip", "netns", "pids", namespace).split()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    # A parent may have started another child before its own turn came, so look again.
    wait_until(kill, at_most=10, what=f"the programs in {namespace} to end")
    run("ip", "netns", "delete", namespace)


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder whose name tells which process it belongs to, so that ``_sweep`` knows when nobody does any more."""
    return tempfile.TemporaryDirectory(prefix=f"{_PREFIX}-{os.getpid()}-")


def _sweep() -> None:
    """Removes what a lab left that was itself killed and could not clean up."""
    for line in run("ip", "netns", "list").splitlines():
        namespace = line.split()[0]
        if _abandoned(namespace):
            _dissolve(namespace)
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*"):
        if _abandoned(folder.name):
            shutil.rmtree(folder)


def _abandoned(name: str) -> bool:
    pid = name.removeprefix(f"{_PREFIX}-").partition("-")[0]
    return name.startswith(f"{_PREFIX}-") and pid.isdigit() and not Path(f"/proc/{pid}").exists()


def missing(*programs: str) -> str | None:
    """Why the lab cannot run here (not root, a program absent), or ``None``."""
    if os.geteuid() != 0:
        return "the lab needs root: it makes network namespaces"
    if subprocess.run(("unshare", "--net", "true"), capture_output=True, check=False).returncode:
        return "the lab needs network namespaces, and this kernel or container allows none"
    absent = [name for name in ("ip", "nft", "ping", "sysctl", "tcpdump", *programs) if locate(name) is None]
    return f"the lab needs {', '.join(absent)}" if absent else None


def locate(program: str) -> str | None:
    """A daemon's path; FRR keeps its own outside the usual folders."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/lib/frr")


@contextlib.contextmanager
def ended_by_signal() -> Iterator[None]:
    """Lets SIGTERM unwind like Ctrl-C does, so that what the lab made is removed."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
