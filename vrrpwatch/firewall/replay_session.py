"""Makes a scratch network namespace for one job and waits for its answers; nothing of it outlives the call."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from vrrpwatch.firewall.replay_job import Answer, Job, read_answers, write_job

# Seconds; a job of 10,000 trials takes about two.
TIMEOUT: Final = 300
_MODULE: Final = "vrrpwatch.firewall.replay"
# A process namespace of its own: when the first process in it ends, the kernel ends every tool that it started.
_OWN: Final = ("--net", "--pid", "--fork", "--kill-child")
_AS_ORDINARY_USER: Final = ("--user", "--map-root-user")


class ProofError(Exception):
    """The proof cannot be made; one line says what stands in the way and what to do."""


def replay(job: Job, *, timeout: float = TIMEOUT, interpreter: str = sys.executable) -> list[Answer]:
    """What became of the job's trials, in their order; raises :class:`ProofError`.

    The job's ``outside`` is filled in here.
    """
    unshare = shutil.which("unshare", path=f"{os.environ.get('PATH', os.defpath)}:/usr/bin:/bin")
    if unshare is None:
        raise ProofError("unshare is not installed: install util-linux")
    given = write_job(job._replace(outside=Path("/proc/self/ns/net").stat().st_ino))
    ways = [(), _AS_ORDINARY_USER] if os.geteuid() == 0 else [_AS_ORDINARY_USER]
    refusals = []
    for way in ways:
        output, errors, status = _run((unshare, *_OWN, *way), interpreter, given, timeout)
        answers, failure = _read(output)
        if failure is not None:
            raise ProofError(failure)
        if len(answers) == len(job.trials) and status == 0:
            return answers
        # What the child itself stumbles over looks the same with other rights.
        if not errors.startswith("unshare:") or "unshare failed" not in errors:
            said = errors.strip().splitlines()
            raise ProofError(f"the replay ended early: {said[-1] if said else f'exit status {status}'}")
        refusals.append(errors.strip().splitlines()[0])
    raise ProofError(
        f"no network namespace can be made here ({refusals[0]}): run as root, or let this kernel or container "
        "allow user namespaces"
    )


def _read(output: bytes) -> tuple[list[Answer], str | None]:
    # A child that was killed may have left half a line.
    whole = output.rpartition(b"\n")[0]
    return read_answers(whole.splitlines())


def _run(prefix: tuple[str, ...], interpreter: str, given: bytes, timeout: float) -> tuple[bytes, str, int]:
    ours, theirs = os.pipe()
    root = Path(__file__).resolve().parents[2]
    try:
        # The child's end of the pipe is read-only: when this process dies, however it does, the child sees it closed.
        child = subprocess.Popen(  # noqa: S603 - a fixed argument list, no shell
            (*prefix, interpreter, "-m", _MODULE, str(ours)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(ours,),
            cwd=root,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1"},
            # What Ctrl-C interrupts is the caller, who then ends the child.
            start_new_session=True,
        )
    finally:
        os.close(ours)
    try:
        with child:
            try:
                output, errors = child.communicate(given, timeout)
            except subprocess.TimeoutExpired:
                raise ProofError(f"the replay has not ended within {timeout:g} s: try fewer captures") from None
            finally:
                child.kill()
    finally:
        os.close(theirs)
    return output, errors.decode(errors="replace"), child.returncode
