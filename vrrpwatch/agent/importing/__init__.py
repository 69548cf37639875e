"""Turns a keepalived configuration into the agent's settings, and says of everything that has no equivalent."""
