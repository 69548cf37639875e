"""The checks that are made again and again, each a coroutine that gives one result."""
