"""The agent with real peers of every kind, each way round: as backup and as master, crash, resignation, preemption."""

import os
import signal

import pytest

from tests.lab import agents
from tests.lab.interoperating import Meeting
from tests.lab.network import Lab, missing

_WHY = missing("keepalived", "ucarp", "vtysh")
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")


def test_every_peer_is_relieved_and_obeyed() -> None:
    with Lab() as lab:
        meeting = Meeting(lab)
        meeting.start_peers(200)
        meeting.start_agent(100)
        meeting.peers_are_masters("the peers, which are better, to be masters")
        assert set(agents.states(meeting.host).values()) == {"backup"}
        for process in meeting.processes:
            process.stop()
        meeting.agent_is_master("the agent to relieve peers that resign")
        meeting.start_peers(200)
        meeting.peers_are_masters("the peers to preempt the agent")
        assert set(agents.states(meeting.host).values()) == {"backup"}
        for process in meeting.processes:
            process.kill()
        meeting.agent_is_master("the agent to relieve peers that were killed")


def test_every_peer_relieves_and_obeys() -> None:
    with Lab() as lab:
        meeting = Meeting(lab)
        meeting.start_agent(200)
        meeting.agent_is_master("the agent to be master")
        meeting.start_peers(100)
        meeting.agent.stop()
        meeting.peers_are_masters("the peers to relieve an agent that resigns")
        meeting.start_agent(200)
        meeting.agent_is_master("the agent to preempt the peers")
        os.kill(_agent_pid(meeting), signal.SIGKILL)
        meeting.peers_are_masters("the peers to relieve an agent that was killed")
        assert not agents.holds(meeting.host, "192.0.2.151"), "what a killed agent held is taken away"
        meeting.start_agent(200)
        meeting.agent_is_master("the agent to preempt the peers again")


def _agent_pid(meeting: Meeting) -> int:
    status = agents.try_status(meeting.host)
    assert status is not None
    return int(status["agent"]["pid"])
