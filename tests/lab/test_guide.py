"""What docs/guide-haproxy.md has beside its main road, and that nothing in it goes untried."""

import re

import pytest

from tests.lab import agents
from tests.lab.balancing import WEB, Asking
from tests.lab.guide import Guide, daemon, inside, shell
from tests.lab.network import Lab, missing
from tests.lab.scenario import FILES

# What the tests look up in the guide and run; the rest is about the machine's own services and programs.
TRIED = (
    "agent check",
    "agent drain",
    "agent reload",
    "agent status",
    "agent undrain",
    "haproxy -c",
    "nft -f /etc/nftables",
    "nft -f /etc/vrrpwatch",
    "rules generate",
    "state drain",
    "state ready",
    "sysctl -p",
    "vrrpwatch live",
    "vrrpwatch watch",
)
INSTALLING = ("apt-get", "cp", "ln", "mkdir", "python3", "systemctl", "useradd")
NGINX = ("/etc/sysctl.d/90-virtual-address.conf", "/etc/nginx/conf.d/web.conf", "/etc/vrrpwatch/agent.toml: trackers")
FIREWALL = (
    "/etc/systemd/system/conntrackd.service.d/agent.conf",
    "/etc/conntrackd/conntrackd.conf",
    "/etc/vrrpwatch/agent.toml: a firewall",
    "/etc/nftables.conf",
)
UNICAST = "/etc/vrrpwatch/agent.toml: unicast"
_WHY = missing("nginx", "haproxy")
needs_the_lab = pytest.mark.skipif(_WHY is not None, reason=str(_WHY))

_WHOLE_NGINX = "events {{}}\npid /run/nginx.pid;\nerror_log stderr;\nhttp {{ access_log off; include {}; }}\n"


@pytest.fixture
def guide() -> Guide:
    return Guide("guide-haproxy.md")


def test_every_file_and_command_is_one_that_is_tried(guide: Guide) -> None:
    assert set(guide.files) == {*FILES, *NGINX, *FIREWALL, UNICAST}
    for part in TRIED:
        guide.command(part)
    left = [line for line in guide.commands if not any(part in line for part in TRIED)]
    assert {line.split()[0] for line in left} == set(INSTALLING)


@needs_the_lab
def test_nginx_serves_an_address_that_comes_later(guide: Guide) -> None:
    with Lab() as lab:
        lab.bridge("lan")
        lab.bridge("back")
        web = lab.host("web1", 21, bridge="back", network="198.51.100")
        ready = web.folder / "haproxy.sock"
        path = web.write("haproxy.cfg", WEB.format(socket=ready, name="web1"))
        daemon(web, "haproxy", "-db", "-f", str(path), ready=ready)
        host = lab.host("lb1", 11, ipv6=True)
        lab.attach(host, 11, bridge="back", addresses=("198.51.100.11/24",), interface="eth1", card=1)
        guide.place(host, *FILES, *NGINX[:2])
        guide.run(host, "sysctl -p")
        main = host.write("nginx.conf", _WHOLE_NGINX.format(inside(host, "/etc/nginx/conf.d/web.conf")))
        daemon(host, "nginx", "-g", "daemon off;", "-c", str(main), ready=host.folder / "run" / "nginx.pid")
        settings = host.folder / "etc" / "vrrpwatch" / "agent.toml"
        settings.write_text(_with_nginx(settings.read_text(), guide.adapted(host, NGINX[2])))
        guide.run(host, "rules generate")
        agents.started(host, settings)
        for name in ("web4", "web6"):
            agents.await_state(host, "master", name)
        seen = Asking(lab.host("client", 50), 100).seen()
        assert seen["failed"] == 0, seen["failures"]


def _with_nginx(settings: str, tracker: str) -> str:
    """The settings with that tracker, of which the routers heed no other."""
    head = settings[: settings.index("[[tracker]]")]
    return re.sub(r"^track = .*$", 'track = ["nginx"]', head, flags=re.MULTILINE) + tracker


@needs_the_lab
def test_unicast_settings_say_what_the_guide_says_of_them(guide: Guide) -> None:
    with Lab() as lab:
        lab.bridge("lan")
        for name, number, other in (("lb1", 11, 12), ("lb2", 12, 11)):
            host = lab.host(name, number)
            guide.place(host, UNICAST)
            settings = host.folder / "etc" / "vrrpwatch" / "agent.toml"
            settings.write_text(f"version = 1\n{settings.read_text()}")
            said = shell(host, inside(host, guide.command("agent check")))
            assert f"advertises every 1 s to 192.0.2.{other}; preempts" in said
