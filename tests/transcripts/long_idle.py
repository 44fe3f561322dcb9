#!/usr/bin/env python3
"""T4: a session that idles for 31 minutes lives, hears "* OK" every 2 minutes and is told at once of new mail. By itself the test runs
30 times as fast: IDLE lasts 62 s, longer than gateway.idle_time (1 min, the least it may be), and the keep-alive is 4 s. With --full (or
BUZON_FULL=1) it runs in real time with the settings as they come, so that IDLE also outlasts mailstore.idle_time (30 min).
"""
import os
import pathlib
import re
import select
import sys
import time

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "harness"), str(here)]
from buzon import Buzon  # noqa: E402
from phone import Phone  # noqa: E402
from scripts import append, connect, message  # noqa: E402

IDLE, KEEPALIVE = 31 * 60.0, 2 * 60.0
SCALE = 30
LATE = 3.0   # seconds a keep-alive may be late on a busy machine; the next one counts from it


def main():
    full = "--full" in sys.argv[1:] or os.environ.get("BUZON_FULL")
    scale = 1 if full else SCALE
    settings = "" if full else f'[mailstore]\nidle_keepalive = "{KEEPALIVE / scale:.0f}s"\n[gateway]\nidle_time = "1m"\n'
    keepalive, length = KEEPALIVE / scale, IDLE / scale
    with Buzon(settings=settings) as mail:
        idler = connect(mail, "whole", "ana", "C")
        idler.ok("C2", "SELECT INBOX")
        idler.send("C9 IDLE")
        idler.expect(rb"\+ ")
        started = last = time.monotonic()
        heard = []
        while (left := started + length - time.monotonic()) > 0:
            wait = min(left, keepalive + LATE)
            if not readable(idler, wait):
                assert wait < keepalive + LATE, f"silence for {wait:.0f} s after {time.monotonic() - started:.0f} s of IDLE"
                continue
            line = idler.line()
            assert re.match(rb"\* OK \S", line), line
            now = time.monotonic()
            assert now - last > keepalive * 0.9, f"a keep-alive after {now - last:.1f} s"
            heard.append(now - last)
            last = now
        assert len(heard) >= int(length / (keepalive + LATE)), heard
        assert len(heard) <= length / keepalive, heard
        other = connect(mail, "whole", "ana", "X")
        append(other, "X2", "INBOX", message("after a long IDLE"))
        appended = time.monotonic()
        idler.expect(rb"\* 1 EXISTS")
        told = time.monotonic() - appended
        assert told < 0.5, f"news after {told:.2f} s"
        idler.send("DONE")
        assert b"C9 OK" in idler.until("C9")[1]
        idler.ok("C10", "NOOP")
        print(f"IDLE for {time.monotonic() - started:.0f} s: {len(heard)} keep-alives, {min(heard):.2f} to {max(heard):.2f} s apart; "
              f"news {told * 1000:.0f} ms after APPEND")


def readable(phone: Phone, seconds):
    return bool(phone.buffer) or phone.socket.pending() > 0 or bool(select.select([phone.socket], [], [], seconds)[0])


main()
