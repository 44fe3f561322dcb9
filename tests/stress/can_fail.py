#!/usr/bin/env python3
"""imap_stress.py can fail: each of its lies, which sessions hear instead of what the server said, is found."""
import pathlib
import re
import subprocess
import sys

stress = pathlib.Path(__file__).resolve().with_name("imap_stress.py")
lies = re.findall(r'"(\w+)": (?:swallow|replace)', stress.read_text())
assert len(lies) >= 7, lies
for lie in lies:
    done = subprocess.run([sys.executable, str(stress), "--clients", "12", "--seconds", "60", "--lie", lie], capture_output=True, text=True)
    assert done.returncode == 0, (lie, done.stdout[-2000:], done.stderr[-2000:])
    print(f"{lie}: {done.stdout.split('found: ')[1].splitlines()[0][:150]}", flush=True)
