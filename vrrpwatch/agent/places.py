"""Where the agent's files are unless somebody says otherwise."""

from pathlib import Path
from typing import Final

SETTINGS: Final = Path("/etc/vrrpwatch/agent.toml")
# A folder of its own: that of the other service is given to a user who comes and goes (systemd's DynamicUser=).
SOCKET: Final = Path("/run/vrrpwatch-agent/agent.sock")
STATE: Final = Path("/run/vrrpwatch-agent/agent.json")
