#!/usr/bin/env python3
"""Every session script in every framing (phone.py), and once over TLS 1.2, against a fresh buzon. Prints one line each; exits 1 when any fails."""
import os
import ssl
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
        for framing in ("whole", "split", "eager", "TLS 1.2", "compress"):
            mail.tls_maximum = ssl.TLSVersion.TLSv1_2 if framing == "TLS 1.2" else None
            started = time.monotonic()
            try:
                with mail.connect("imaps") as probe:
                    assert probe.version() == ("TLSv1.2" if framing == "TLS 1.2" else "TLSv1.3"), probe.version()
                script(mail, "whole" if framing == "TLS 1.2" else framing)
                print(f"passed {script.__name__} {framing} ({time.monotonic() - started:.2f} s)", flush=True)
            except Exception:   # every failure is counted and shown
                failed += 1
                print(f"FAILED {script.__name__} {framing}\n{traceback.format_exc()[-1500:]}", flush=True)
    if failed:
        mail.show_logs()
print(f"{failed} failed")
sys.exit(1 if failed else 0)
