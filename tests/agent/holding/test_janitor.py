"""What the janitor makes of what it is told; what it does with it is seen where agents are killed."""

import socket

from vrrpwatch.agent.holding.janitor import DEFINE, FAREWELL, FORGET, SETTING, Duties, frame


def test_it_takes_in_what_comes_in_pieces() -> None:
    duties = Duties()
    told = frame(DEFINE, 1, b"first") + frame(SETTING, 2, b"/x\0001\0000") + frame(DEFINE, 3, b"third")
    for octet in told[:-1]:
        duties.hear(bytes([octet]))
    assert (duties.requests, duties.settings) == ({1: b"first"}, {2: b"/x\0001\0000"})
    duties.hear(told[-1:])
    assert duties.requests == {1: b"first", 3: b"third"}


def test_a_later_duty_of_a_number_replaces_the_first_and_one_can_be_forgotten() -> None:
    duties = Duties()
    duties.hear(frame(DEFINE, 1, b"first") + frame(DEFINE, 1, b"again") + frame(DEFINE, 2) + frame(FORGET, 2))
    duties.hear(frame(FORGET, 3))
    assert duties.requests == {1: b"again"}
    assert not duties.released


def test_a_farewell_releases_it() -> None:
    duties = Duties()
    duties.hear(frame(DEFINE, 1, b"first") + frame(FAREWELL, 0))
    assert duties.released


def test_it_sends_each_router_s_requests_and_goes_on_where_a_setting_is_gone() -> None:
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    duties = Duties()
    duties.hear(frame(SETTING, 1, b"/proc/sys/net/nothing\0001\0000") + frame(DEFINE, 2, b"a") + frame(DEFINE, 3, b"b"))
    with ours, kernel:
        assert duties.perform(ours) == 1
        assert [kernel.recv(9), kernel.recv(9)] == [b"a", b"b"]
