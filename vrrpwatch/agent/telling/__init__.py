"""Whom the agent tells of changes: hooks, a named pipe, conntrackd, and whoever asks on its control socket."""
