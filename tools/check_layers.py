#!/usr/bin/env python3
"""Checks every #include below src/ against layers.txt: room arrows, third-party doors, and cycles between rooms.

Prints one line per offence, "file:line: what, allowed: ...", and exits 1 if there is any.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
allowed, doors = {}, {}
for line in (root / "layers.txt").read_text().splitlines():
    line = line.split("#")[0].strip()
    if not line:
        continue
    left, right = (part.strip() for part in line.split(":", 1)) if not line.startswith("door ") else (
        line[5:].rsplit(":", 1)[0].strip(), line.rsplit(":", 1)[1])
    (doors if line.startswith("door ") else allowed)[left] = set(right.split())

problems, used = [], {}
include = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
for path in sorted((root / "src").rglob("*")):
    if path.suffix not in (".h", ".cc"):
        continue
    room = path.relative_to(root / "src").parts[0]
    if room not in allowed:
        problems.append(f"{path}:1: room {room} is not in layers.txt")
        continue
    test = path.name.endswith("_test.cc")
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = include.match(text)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)
        other = target.split("/")[0]
        if quoted and other in allowed and "/" in target and other != room:
            if not (other in allowed[room] or (test and other == "testkit")):
                problems.append(f"{path}:{number}: {room} includes {target}, allowed: {' '.join(sorted(allowed[room])) or 'nothing'}")
            elif not test:
                used.setdefault(room, set()).add(other)
        for door, rooms in doors.items():
            if target == door or (door.endswith("/") and target.startswith(door)):
                if room not in rooms:
                    problems.append(f"{path}:{number}: {target} has its door in {' '.join(sorted(rooms))}, not in {room}")


def find_cycle(room, trail):
    if room in trail:
        problems.append("cycle: " + " -> ".join(trail[trail.index(room):] + [room]))
        return True
    return any(find_cycle(next_room, trail + [room]) for next_room in sorted(used.get(room, ())))


for room in sorted(used):
    if find_cycle(room, []):
        break
print("\n".join(problems) if problems else f"layers: {len(allowed)} rooms, no offence")
sys.exit(1 if problems else 0)
