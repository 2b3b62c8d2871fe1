"""What a quick reader raises instead of a problem."""

from __future__ import annotations


class Doubt(Exception):
    """The record is to be read the ordinary way."""
