"""Servers on loopback that tests start: they record what they are asked and answer as they are told."""
