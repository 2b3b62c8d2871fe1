"""The daemon: clocks, watchers, workers and signals."""
