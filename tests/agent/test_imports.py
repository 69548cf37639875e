"""What the agent loads: its memory is locked, so what it does not need must not be there."""

import subprocess
import sys

_ASKED = "import sys, vrrpwatch.agent.daemon; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def test_the_agent_itself_needs_none_of_the_observers_libraries() -> None:
    done = subprocess.run((sys.executable, "-c", _ASKED), capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"asyncio", "pydantic", "pyroute2"} < loaded
    assert not loaded & {"numpy", "sqlalchemy", "scapy", "pyshark", "rich", "textual", "click", "apprise"}
