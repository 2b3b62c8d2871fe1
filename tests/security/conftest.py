"""A site in a folder of its own, as in the tests of the exchange."""

from __future__ import annotations

from tests.exchange.conftest import site

__all__ = ["site"]
