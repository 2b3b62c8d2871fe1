"""config.yaml, checked and frozen."""

from gateway.config.load import Config, load
from gateway.config.routes import AlertSpec, RouteSpec, TargetSpec

__all__ = ["AlertSpec", "Config", "RouteSpec", "TargetSpec", "load"]
