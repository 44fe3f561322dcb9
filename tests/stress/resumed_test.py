#!/usr/bin/env python3
"""A message that arrives while a QRESYNC SELECT runs is news at its end, no part of the resynchronisation: once counted as a missing FETCH. What the
resynchronisation itself leaves out must still be found."""
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "harness"), str(here)]
from actions import resumed  # noqa: E402
from imap_rules import Deviation  # noqa: E402
from imap_rules.replies import parse  # noqa: E402

KNOWN = [3, 4, 7]


def heard(lines):
    replies = [parse(b"* " + line.encode() + b"\r\n") for line in lines]
    for reply in replies:
        reply.uid = int(reply.items[b"UID"]) if reply.kind == "FETCH" else None
    return replies


GOOD = [
    (["3 EXISTS"], [3, 4, 7]),
    (["3 EXISTS", "VANISHED (EARLIER) 4", "3 FETCH (UID 9 FLAGS () MODSEQ (20))"], [3, 7, 9]),
    (["3 EXISTS", "5 EXISTS", "0 RECENT"], [3, 4, 7]),
    (["4 EXISTS", "4 FETCH (UID 9 FLAGS () MODSEQ (20))", "VANISHED 4,9", "3 EXISTS", "3 FETCH (UID 10 FLAGS () MODSEQ (22))"], [3, 7]),
]
BAD = [["4 EXISTS"], ["4 EXISTS", "5 EXISTS", "4 FETCH (UID 9 FLAGS () MODSEQ (20))"], ["3 EXISTS", "VANISHED (EARLIER) 4"], ["2 EXISTS", "VANISHED 4"]]

for lines, left in GOOD:
    assert resumed(KNOWN, heard(lines)) == left, lines
for lines in BAD:
    try:
        found = resumed(KNOWN, heard(lines))
    except Deviation:
        continue
    raise AssertionError(f"{lines}: {found}")
print(f"{len(GOOD)} resynchronisations read, {len(BAD)} faults found")
