"""What the agent's routers say and hear: the bytes of adverts, what a receiver verifies of them, and the sockets."""
