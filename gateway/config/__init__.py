"""config.yaml, checked and frozen."""

from gateway.config.load import Config, load
from gateway.config.routes import RouteSpec, TargetSpec

__all__ = ["Config", "RouteSpec", "TargetSpec", "load"]
