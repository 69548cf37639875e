"""A live run: the sniffer, the engine, and all who want to know, in one loop."""
