"""Tests of the companion that programs IPVS."""
