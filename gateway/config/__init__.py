"""config.yaml, checked and frozen."""

from gateway.config.load import Config, load
from gateway.config.routes import AlertSpec, RetentionSpec, RouteSpec, TargetSpec

__all__ = ["AlertSpec", "Config", "RetentionSpec", "RouteSpec", "TargetSpec", "load"]
