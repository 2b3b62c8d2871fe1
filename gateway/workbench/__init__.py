"""Tools of who writes mappings and templates: golden outputs, comparisons, the start of a new platform."""
