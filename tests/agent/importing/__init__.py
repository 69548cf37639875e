"""Tests of how keepalived configurations become settings, with hand-written ones and against the real daemon."""
