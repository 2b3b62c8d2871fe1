"""What the XML parser says against an input, in our words."""

from __future__ import annotations

_RESOURCE_LIMIT, _INVALID_BYTES = 114, 81  # libxml2's xmlParserErrors


def in_our_words(number: int, said: str, cut: str | None) -> tuple[str, str, str]:
    """Code, message and help for an error of the parser; `cut` names the root whose end tag is missing."""
    if "entity" in said and "defined" in said:
        return (
            "S004",
            f"the input uses an entity that XML does not know: {said}",
            "write the character itself, or its number such as `&#160;`; HTML's names are not XML",
        )
    if number == _INVALID_BYTES or "encoding" in said:
        return (
            "S005",
            f"the bytes do not fit the encoding: {said}",
            "name the true encoding in the mapping: `source: {encoding: …}`",
        )
    if number == _RESOURCE_LIMIT or "depth" in said or "huge" in said:
        return (
            "S009",
            f"the input is too large or too deep: {said}",
            "at most 256 levels and 10 MB of text in one element are taken",
        )
    if cut is not None:
        return (
            "S002",
            f"the input is cut: its end `</{cut}>` is missing",
            "export or upload it again; nothing of a cut input is used",
        )
    return (
        "S001",
        f"the input is not well-formed XML: {said}",
        "mend that line, or export again; in texts `&` is written `&amp;` and `<` is written `&lt;`",
    )
