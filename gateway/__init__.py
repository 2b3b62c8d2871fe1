"""The exchange gateway: orders and other documents between e-shops and accounting programs, as files."""

__version__ = "0.1.0"
