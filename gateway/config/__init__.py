"""config.yaml, checked and frozen."""

from gateway.config.load import Config, load
from gateway.config.specs import RouteSpec, TargetSpec
from gateway.config.upkeep import AlertSpec, RetentionSpec

__all__ = ["AlertSpec", "Config", "RetentionSpec", "RouteSpec", "TargetSpec", "load"]
