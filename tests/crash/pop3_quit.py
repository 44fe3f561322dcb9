#!/usr/bin/env python3
"""kill -9 of the mail store around the end of a POP3 session. Between DELE and QUIT: nothing is removed. While QUIT is under way: all or nothing. After
the +OK of QUIT: what was marked is gone for good. `buzon verify` finds nothing each time."""
import os
import pathlib
import poplib
import random
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402

ROUNDS, COUNT = 5, 40


def kill(mail):
    (pid,) = mail.pid("mailstore")
    os.kill(pid, signal.SIGKILL)
    wait_until("the mail store is up again", lambda: mail.pid("mailstore") not in ([], [pid]) and mail.run("status", check=False).returncode == 0, 30)


def login(mail):
    def attempt():
        try:
            client = poplib.POP3_SSL(mail.host, mail.port("pop3s"), context=mail.tls())
            client.user(mail.address("ana"))
            client.pass_(mail.password("ana"))
            return client
        except (poplib.error_proto, OSError):
            return None
    return wait_until("a login after the crash", attempt, 30)


def uids(mail):
    client = login(mail)
    found = {line.split()[1] for line in client.uidl()[1]}
    client.quit()
    return found


def mark(client, count):
    """Marks some messages; their unique ids."""
    lines = random.sample(client.uidl()[1], count)
    for line in lines:
        client.dele(int(line.split()[0]))
    return {line.split()[1] for line in lines}


def main():
    with Buzon(accounts=["ana"], host="localhost") as mail:
        with mail.imap("ana") as imap:
            for number in range(COUNT * ROUNDS):
                kind, answer = imap.append("INBOX", None, None, b"Subject: %d\r\n\r\ntext\r\n" % number)
                assert kind == "OK", answer
        there = uids(mail)
        assert len(there) == COUNT * ROUNDS
        for _ in range(ROUNDS):
            mark(login(mail), 5)
            kill(mail)
            assert uids(mail) == there, "a DELE without QUIT removed something"

            client = login(mail)
            marked = mark(client, 5)
            client._putcmd("QUIT")
            kill(mail)
            left = uids(mail)
            assert left in (there, there - marked), (len(there), len(left), "a QUIT cut off removed some, not all")
            there = left

            client = login(mail)
            marked = mark(client, 5)
            assert client.quit().startswith(b"+OK")
            kill(mail)
            assert uids(mail) == there - marked, "an acknowledged QUIT was forgotten"
            there -= marked
            assert mail.run("verify").returncode == 0
        print(f"pop3_quit: {3 * ROUNDS} kills, {len(there)} of {COUNT * ROUNDS} messages left, as acknowledged")


if __name__ == "__main__":
    main()
