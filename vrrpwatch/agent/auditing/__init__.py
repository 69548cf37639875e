"""What keeps the agent honest: it listens before it speaks, and the program's own sniffer watches it while it does."""
