"""An office as a process of its own, to be killed: `python -m tests.pohoda FOLDER`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.pohoda.office import Office


def main() -> None:
    """Work through the folder, pass after pass, until somebody ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--company-id", default="12345678")
    parser.add_argument("--every", type=int, default=20, help="milliseconds between two passes")
    parser.add_argument("--seed", type=int, help="bad moods by chance")
    parser.add_argument("--percent", type=int, default=40, help="how many of a hundred files go badly")
    parser.add_argument("--no-check", action="store_true", help="without the check for duplicates")
    given = parser.parse_args()
    office = Office(
        given.folder,
        answers=given.answers,
        company_id=given.company_id,
        check_duplicity=not given.no_check,
    )
    if given.seed is not None:
        office.by_chance(given.seed, percent=given.percent)
    while True:
        office.work()
        time.sleep(given.every / 1000)


if __name__ == "__main__":
    main()
