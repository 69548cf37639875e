"""A scratch network namespace whose packet filter real tools load rules into."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest


class Kernel:
    """Runs tools inside the namespace."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, *command: str, stdin: str | None = None) -> str:
        """What a tool prints; fails the test with what it complains of."""
        whole = ("ip", "netns", "exec", self._name, *command)
        done = subprocess.run(whole, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout


def need(*tools: str) -> None:
    """Skips where rules cannot be loaded."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    for tool in ("ip", *tools):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")


def fresh(*tools: str) -> Iterator[Kernel]:
    """A namespace for one test."""
    need(*tools)
    name = f"vrrpwatch-rules-{uuid4().hex[:8]}"
    subprocess.run(("ip", "netns", "add", name), check=True)
    try:
        yield Kernel(name)
    finally:
        subprocess.run(("ip", "netns", "del", name), check=True)
