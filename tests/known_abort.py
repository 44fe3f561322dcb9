#!/usr/bin/env python3
"""known_abort.py TEXT COMMAND...: runs COMMAND; when it ends by SIGABRT and has said TEXT, says so and runs it again, three times at most.

For an assertion in a library of Debian's that a test meets now and then. Whatever else fails, fails.
"""
import signal
import subprocess
import sys

text, command = sys.argv[1], sys.argv[2:]
for attempt in range(3):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    if done.returncode != -signal.SIGABRT or text.encode() not in done.stdout:
        sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
    print(f"known_abort: {text}, once more", flush=True)
sys.exit(1)
