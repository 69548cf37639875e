"""An error that nobody expected: in a callback it ends the agent, in a task it is told."""

import asyncio
import gc

from vrrpwatch.agent.failing import LastResort


def test_an_error_in_a_callback_ends_the_agent_and_is_told_once() -> None:
    told: list[str] = []
    ended: list[bool] = []

    async def scene() -> LastResort:
        last = LastResort(lambda: ended.append(True), told.append)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(last)
        for text in ("a\nb", "c"):
            loop.call_soon(_fail, text)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return last

    last = asyncio.run(scene())
    (line,) = told
    assert line == last.trouble
    assert line.startswith("something in the agent has failed: LookupError: a b (test_failing.py:")
    assert line.endswith("): it ends, so that others take over")
    assert ended == [True]


def test_an_error_in_a_task_is_told() -> None:
    told: list[str] = []

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(LastResort(_unwanted, told.append))
        task = asyncio.create_task(_failing())
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(scene())
    (line,) = told
    assert line.startswith("something in the agent has failed: LookupError: d (test_failing.py:")


def _fail(text: str) -> None:
    raise LookupError(text)


async def _failing() -> None:
    _fail("d")


def _unwanted() -> None:
    raise AssertionError("the agent need not end")
