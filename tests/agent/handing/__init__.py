"""Tests of handing connections over."""
