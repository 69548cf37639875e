"""A guide's files and commands, as its readers copy them: cut out of the Markdown, and used in a host of the lab."""

import os
import re
import subprocess
from pathlib import Path

from tests.lab.network import Host, Process, locate
from tests.lab.waiting import LabError, wait_until
from tests.lab.watching import COMMAND

_DOCS = Path(__file__).parent.parent.parent / "docs"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACED = re.compile(r"(?<![\w.])/etc/(?=conntrackd|haproxy|nftables|nginx|sysctl|vrrpwatch)")
# "priority = 150   # on lb2: 100"
_OTHERWISE = re.compile(r"(\S+)(\s+)# on (\w+): (\S+)$", re.MULTILINE)


class Guide:
    """``files`` are by the title in their first line (``# /etc/…``), ``commands`` the lines of shell in their order."""

    def __init__(self, name: str) -> None:
        text = (_DOCS / name).read_text(encoding="utf-8")
        self.commands: list[str] = []
        self.files: dict[str, str] = {}
        self.shown: list[str] = []
        for language, block in _FENCED.findall(text):
            if language == "sh":
                self.commands += block.splitlines()
            elif language:
                self.files[block.splitlines()[0].removeprefix("# ")] = block
            else:
                self.shown.append(block)

    def command(self, part: str) -> str:
        """The one command that has this in it."""
        found = [line for line in self.commands if part in line]
        if len(found) != 1:
            raise LabError(f"the guide has {len(found)} commands with {part!r}")
        return found[0]

    def place(self, host: Host, *titles: str) -> None:
        """Puts files onto a host, each where its title says, with what the text says is otherwise there."""
        for title in titles:
            path = inside(host, title.partition(":")[0])
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(self.adapted(host, title))

    def adapted(self, host: Host, title: str) -> str:
        """A file as it is on that host, whose programs all run as root."""
        text = _OTHERWISE.sub(lambda found: found[4 if found[3] == host.name else 1], self.files[title])
        return inside(host, text).replace("group vrrpwatch-agent ", "")

    def run(self, host: Host, part: str) -> str:
        """Runs a command of the guide as an administrator of the host would; returns what it says."""
        return shell(host, inside(host, self.command(part)))


def inside(host: Host, text: str) -> str:
    """A text whose paths are those of the host; its /run is mounted where it belongs."""
    return re.sub(
        r"(?<![\w.])/etc/(?=vrrpwatch|haproxy|nginx|conntrackd|sysctl.d|nftables)", f"{host.folder}/etc/", text
    )


def shell(host: Host, command: str) -> str:
    """Runs a line of shell on the host; raises ``LabError`` with its words where it fails."""
    done = subprocess.run(
        (
            *("ip", "netns", "exec", host.namespace, "sh", "-c", 'mount --bind "$0" /run && exec sh -c "$1"'),
            *(str(host.folder / "run"), command),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PATH": f"{Path(COMMAND).parent}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    if done.returncode:
        raise LabError(f"{command} on {host.name}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
    return done.stdout


def daemon(host: Host, program: str, *arguments: str, ready: Path | None = None) -> Process:
    """Starts a daemon of Debian's in the foreground with the host's own files; waits for ``ready``, a file of its."""
    (host.folder / "run" / program).mkdir(exist_ok=True)
    process = host.start(locate(program) or program, *(inside(host, argument) for argument in arguments))
    if ready is not None:
        wait_until(ready.exists, at_most=10, what=f"{program} on {host.name}", seen=process.log.read_text)
    return process
