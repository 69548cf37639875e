"""Speed and memory, measured beside the programs people use today: ``python -m tests.bench``."""
