#!/usr/bin/env python3
"""Upkeep by the timer, in a running system and without `buzon maintain`: the space of expunged messages goes back to the disk, what is kept stays
readable, and sessions go on meanwhile."""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402

MESSAGES, SIZE = 40, 100_000


def blob_bytes(mail):
    total = 0
    for path in (mail.state / "mail/db").glob("*.blob"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:   # just given back
            pass
    return total


def text_of(number):
    dice = random.Random(number)   # noise, so that compression does not hide the size
    return f"Subject: {number}\r\n\r\n" + "".join("%064x\r\n" % dice.getrandbits(256) for _ in range(SIZE // 66))


def main():
    with Buzon(accounts=("ana",), settings='[upkeep]\nevery = "1s"\n') as mail:
        with mail.imap("ana", "INBOX") as client:
            for number in range(MESSAGES):
                kind, data = client.append("INBOX", None, None, text_of(number).encode())
                assert kind == "OK", data
            wait_until("the messages lie in blob files", lambda: blob_bytes(mail) > MESSAGES * SIZE // 2)
            full = blob_bytes(mail)
            client.noop()
            client.store(f"1:{MESSAGES - 1}", "+FLAGS.SILENT", r"(\Deleted)")
            client.expunge()
        with mail.imap("ana", "INBOX") as client:   # a mailbox that is loaded anew is folded: its messages' bodies are garbage now
            wait_until("their space is given back", lambda: blob_bytes(mail) < full // 4)
            kind, data = client.fetch("1", "(BODY.PEEK[])")
            assert data[0][1].decode() == text_of(MESSAGES - 1), "the message that is kept is whole"
        events = mail.events("mailstore", "upkeep")
        assert len(events) >= 2 and all(e["why"] == "it is time" and e["level"] == "info" for e in events), events
        assert mail.events("mta", "upkeep"), "the queue's database has its upkeep too"
        # It says so when it is done, which is after the files are gone.
        wait_until("it tells what there was to free", lambda: any(int(e["garbage_bytes"]) > 0 for e in mail.events("mailstore", "store-maintain")))
        print(f"upkeep: {len(events)} runs by the timer, {full} bytes of blob files before and {blob_bytes(mail)} after")
        assert "0 findings" in mail.run("verify").stdout


if __name__ == "__main__":
    main()
