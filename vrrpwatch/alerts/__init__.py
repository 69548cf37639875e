"""Tells people and machines what is wrong: sinks, their outbox, and when something is worth telling."""
