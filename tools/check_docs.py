#!/usr/bin/env python3
"""Docs: every relative link of a Markdown file leads somewhere, every document asked for is there, no path of one machine is named."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
wanted = ["README.md", "HACKING.md", "layers.txt"]
problems = [f"missing: {name}" for name in wanted if not (root / name).is_file()]
skip = {"build", ".deps", "node_modules", ".git", "state"}
for path in sorted(root.rglob("*.md")):
    if skip & set(path.relative_to(root).parts):
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (path.parent / target).exists():
                problems.append(f"{path.relative_to(root)}:{number}: link to {target}, which is not there")
        if re.search(r"(?<![\w/])/(work|root)/", line):
            problems.append(f"{path.relative_to(root)}:{number}: names a path of one machine")
print("\n".join(problems) if problems else "docs: in order")
sys.exit(1 if problems else 0)
