"""A program on a pseudo-terminal: what it writes, keys and the mouse, and how it ends."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Longer than starting up takes on a busy machine.
PATIENCE = 60.0


class Terminal:
    """The demonstration on a terminal of 80 by 24, or whatever a heir runs there."""

    command: tuple[str, ...] = (sys.executable, "-m", "tests.dashboard.demo")

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.settings = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [*self.command, *arguments],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"COLORTERM": ""} | environment,
            start_new_session=True,
        )
        self.slave = slave
        self.output = b""

    def until(self, text: str) -> None:
        """Reads until the program has written ``text``."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.output:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, self.output[-2000:]
            self.output += os.read(self.master, 65_536)

    def resize(self, *sizes: tuple[int, int]) -> None:
        """Gives the terminal each of these sizes (columns, lines) in turn, as fast as can be."""
        for columns, lines in sizes:
            termios.tcsetwinsize(self.slave, (lines, columns))
            self.process.send_signal(signal.SIGWINCH)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def click(self, column: int, line: int, times: int = 1) -> None:
        """Presses and releases the left button there, in xterm's SGR form; both count from 1."""
        place = f"{column};{line}"
        self.type(f"\x1b[<0;{place}M\x1b[<0;{place}m".encode() * times)

    def wheel(self, column: int, line: int, *, down: bool) -> None:
        self.type(f"\x1b[<{65 if down else 64};{column};{line}M".encode())

    def code(self) -> int:
        """The exit code; what it still writes is read meanwhile."""
        while self.process.poll() is None:
            ready, _, _ = select.select([self.master], [], [], 0.1)
            if ready:
                self.output += os.read(self.master, 65_536)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
