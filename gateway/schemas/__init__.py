"""JSON Schemas for the editor."""
