"""Hostile input, seeded and repeatable: nothing may crash, hang or leave its bounds."""
