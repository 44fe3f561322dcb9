#!/usr/bin/env python3
"""How long another session of the same account waits while one searches the bodies of its mailbox.

    bench/search_aside.py [--messages 300] [--kilobytes 200] [--rounds 3]

Messages of base64 text are appended; then the second session says NOOP and FETCH FLAGS again and again, first alone, then while the first one is
in SEARCH BODY. Milliseconds at the client: median, 99th percentile, worst; and how long the search took.
"""
import argparse
import base64
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/harness"))
from buzon import Buzon  # noqa: E402
from imap_lines import Wire  # noqa: E402

HEAD = b"Subject: n\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"


def waits(wire, go_on):
    out = []
    while go_on():
        began = time.perf_counter()
        wire.command("UID FETCH 1 FLAGS")
        out.append((time.perf_counter() - began) * 1000)
    return sorted(out)


def show(what, times):
    print(f"{what}: {len(times)} commands, median {statistics.median(times):.1f} ms, 99 % {times[int(len(times) * 0.99) - 1]:.1f}, worst {times[-1]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--kilobytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    text = ("Straße und Wörter, plain words too. " * (options.kilobytes * 25)).encode()[:options.kilobytes * 1000]
    message = HEAD + base64.encodebytes(text).replace(b"\n", b"\r\n")
    with Buzon(accounts=["ana"]) as mail:
        searcher, other = Wire(mail, "ana"), Wire(mail, "ana")
        for _ in range(options.messages):
            searcher.command("APPEND INBOX", message)
        for wire in (searcher, other):
            wire.command("SELECT INBOX")
        end = time.perf_counter() + 2
        show("alone", waits(other, lambda: time.perf_counter() < end))
        for _ in range(options.rounds):
            took = []

            def search():
                began = time.perf_counter()
                searcher.socket.settimeout(600)
                searcher.command("SEARCH BODY strassenbahn")
                took.append(time.perf_counter() - began)
            thread = threading.Thread(target=search)
            thread.start()
            times = waits(other, thread.is_alive)
            thread.join()
            show(f"beside a SEARCH BODY of {took[0]:.1f} s", times)


main()
