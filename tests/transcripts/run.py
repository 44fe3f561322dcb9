#!/usr/bin/env python3
"""Every session script in every framing against a fresh buzon. Prints one line each; exits 1 when any fails."""
import os
import sys
import time
import traceback

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "harness"), here]
from buzon import Buzon  # noqa: E402
import scripts  # noqa: E402

failed = 0
wanted = sys.argv[1:]
with Buzon() as mail:
    for script in scripts.ALL:
        if wanted and not any(w in script.__name__ for w in wanted):
            continue
        for framing in ("whole", "split", "eager"):
            started = time.monotonic()
            try:
                script(mail, framing)
                print(f"passed {script.__name__} {framing} ({time.monotonic() - started:.2f} s)", flush=True)
            except Exception:   # every failure is counted and shown
                failed += 1
                print(f"FAILED {script.__name__} {framing}\n{traceback.format_exc()[-1500:]}", flush=True)
    if failed:
        mail.show_logs()
print(f"{failed} failed")
sys.exit(1 if failed else 0)
