"""What a live run may still do once everything is open."""

import http.client
from pathlib import Path

import pytest

from tests.lab.live import inside, wire
from tests.lab.network import missing
from tests.service.watched import Watch

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

# linux/capability.h
NET_RAW = 1 << 13


def test_metrics_are_served_on_a_port_that_only_root_may_have(tmp_path: Path) -> None:
    with wire("eth0") as made, Watch(tmp_path, "-i", "eth0", "--metrics", "81", space=made.near) as watch:
        assert watch.rights() == NET_RAW
        with inside(made.near):
            connection = http.client.HTTPConnection("127.0.0.1", 81, timeout=20)
            connection.request("GET", "/metrics")
            with connection.getresponse() as response:
                assert response.status == 200
                assert b"vrrpwatch_build_info" in response.read()
            connection.close()
        assert watch.stop() == 0
