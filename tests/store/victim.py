"""A program to be killed: records numbered events, and prints the number of each that it was told is durable."""

import sys

from tests.store.telling import clock, event, finding, news, second
from vrrpwatch.store.journal import Journal


def main(url: str, first: int) -> None:
    journal = Journal(url, "victim", clock=clock)
    told = 0
    for number in range(first, first + 100_000):
        journal.record(
            news(number, events=(event(number, number),), findings=(finding(count=number),), seconds=(second(number),))
        )
        # Some events wait for each other, some go alone.
        if number % 3 == 0:
            journal.flush(30)
        acknowledged = journal.acknowledged
        if acknowledged > told:
            told = acknowledged
            print(first + told - 1, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
