"""Problems as values, and how they are shown."""

from gateway.diagnostics.problem import Level, Problem, Span, from_json, has_errors
from gateway.diagnostics.render import count_line, github_line, one_line, plural, printable, render, render_all

__all__ = [
    "Level",
    "Problem",
    "Span",
    "count_line",
    "from_json",
    "github_line",
    "has_errors",
    "one_line",
    "plural",
    "printable",
    "render",
    "render_all",
]
