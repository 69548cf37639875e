"""All checks of one interface, from its facts alone, in the order in which a person would look."""

from vrrpwatch.doctor import judge_addresses, judge_filter, judge_host, judge_kernel, judge_link, judge_multicast
from vrrpwatch.doctor.checks import Check
from vrrpwatch.doctor.facts import Facts


def judge(facts: Facts) -> tuple[Check, ...]:
    """Every check; it reads nothing but ``facts``, so the same facts give the same verdicts."""
    parts = (judge_link, judge_addresses, judge_multicast, judge_filter, judge_kernel, judge_host)
    return tuple(check for part in parts for check in part.judge(facts))
