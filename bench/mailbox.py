#!/usr/bin/env python3
"""One mailbox of many messages: buzon beside Dovecot (mdbox) and Cyrus from Debian, in one run on one machine.

    bench/mailbox.py [--sizes 1000,10000,100000] [--sides buzon,dovecot,cyrus] [--rounds 3]

CPU of the servers' processes from the scheduler (nanoseconds, all threads), the client's time, and memory. Different messages of 3 KB are
appended, DIFFERENT at most; larger mailboxes grow by COPY, which all three do without copying bodies. Each figure is the median of the rounds; "per message" is CPU.
"""
import argparse
import os
import pathlib
import statistics
import sys
import time

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "tests/harness"), str(here)]
from bench import FAST, pss, tree  # noqa: E402
from buzon import Buzon  # noqa: E402
from cyrus import Cyrus  # noqa: E402
import load  # noqa: E402
import strangers  # noqa: E402

SYNC = ("UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (date subject from to cc message-id in-reply-to references "
        "content-type x-priority x-uniform-type-identifier x-universally-unique-identifier list-id list-unsubscribe)]")
PART = 10_000   # of COPY, MOVE, EXPUNGE
DIFFERENT = 10_000


def cpu(pids):
    """Seconds on a processor of all threads that live."""
    total = 0
    for root in pids:
        for pid in tree(root):
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                        total += int(file.read().split()[0])
            except (OSError, IndexError):
                pass
    return total / 1e9


class Side:
    def __init__(self, name, pids, imaps, ca, host, user, password):
        self.name, self.pids, self.user, self.password = name, pids, user, password
        self.target = dict(imaps=imaps, context=load.context(ca), name=host)

    def login(self):
        session = load.Imap(self.target)
        session.sock.settimeout(1800)
        session.command(f"LOGIN {self.user} {self.password}")
        return session

    def run(self, session, command):
        """(CPU seconds, wall seconds, octets)"""
        before, started = cpu(self.pids), time.monotonic()
        octets = session.command(command)
        return cpu(self.pids) - before, time.monotonic() - started, octets

    def fill(self, sizes):
        session = self.login()
        smaller = None
        for size in sizes:
            box = f"k{size}"
            session.command(f"CREATE {box}")
            if smaller is None or size <= DIFFERENT:
                for n in range(size):
                    session.command(f"APPEND {box} {'()' if n % 10 else '(' + chr(92) + 'Seen)'}", load.message(n, 3000))
            else:
                session.command(f"SELECT k{smaller}")
                for _ in range(size // smaller):
                    session.command(f"COPY 1:* {box}")
            smaller = size
        session.command("LOGOUT")


def measure(side, size, rounds):
    """name -> (CPU s, wall s)"""
    box, out = f"k{size}", {}

    def note(name, *runs):
        out[name] = tuple(statistics.median(values) for values in zip(*((c, w) for c, w, _ in runs)))
    session = side.login()
    memory = pss(side.pids)
    note("SELECT, the first", side.run(session, f"SELECT {box}"))
    out["memory"] = (pss(side.pids) - memory, 0)
    again = side.login()
    note("SELECT again", *[side.run(again, f"SELECT {box}") for _ in range(rounds)])
    again.command("LOGOUT")
    other = side.login()
    note("STATUS", *[side.run(other, f"STATUS {box} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)") for _ in range(rounds)])
    for name, command in (("FETCH 1:* FLAGS", "FETCH 1:* (FLAGS)"), ("first sync", f"UID FETCH 1:* ({SYNC})"), ("UID SEARCH UNSEEN", "UID SEARCH UNSEEN"),
                          ("UID SEARCH SUBJECT", 'UID SEARCH SUBJECT "Report 77 "'), ("UID SEARCH BODY", 'UID SEARCH BODY "message number 77,"'),
                          ("STORE 1:*", "STORE 1:* +FLAGS.SILENT (\\Flagged)")):
        runs = []
        for number in range(rounds):
            runs.append(side.run(session, command if number % 2 == 0 else command.replace("+FLAGS", "-FLAGS")))
        note(name, *runs)
        if name == "first sync":
            out["memory after sync"] = (pss(side.pids) - memory, 0)
    part = min(PART, size // 2)
    session.command("CREATE part")
    note(f"COPY {part}", side.run(session, f"COPY 1:{part} part"))
    session.command("SELECT part")
    session.command("CREATE away")
    note(f"MOVE {part}", side.run(session, "MOVE 1:* away"))
    session.command("SELECT away")
    session.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    note(f"EXPUNGE {part}", side.run(session, "EXPUNGE"))
    session.command("UNSELECT")
    session.command("DELETE part")
    session.command("DELETE away")
    session.command("LOGOUT")
    other.command("LOGOUT")
    return out


def report(results, size, name, measured):
    """Kept, and told at once: a run may be long."""
    results[size][name] = measured
    print(f"{name}, {size} messages: " + ", ".join(f"{row} {spent:.0f} KiB" if row.startswith("memory") else f"{row} {spent * 1e3:.2f} ms"
                                                   for row, (spent, _) in measured.items()), flush=True)


def show(results, size):
    names = list(results)
    print(f"\n| {size} messages | " + " | ".join(f"{name}: CPU ms | us per message | time ms" for name in names) + " |\n|---|" + "---|---|---|" * len(names))
    for row in next(iter(results.values())):
        cells = []
        for name in names:
            spent, took = results[name].get(row, (float("nan"), float("nan")))
            cells.append(f"{spent:.0f} KiB | {spent * 1024 / size:.0f} octets | " if row.startswith("memory") else
                         f"{spent * 1e3:.2f} | {spent * 1e6 / size:.3f} | {took * 1e3:.1f}")
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--sides", default="buzon,dovecot,cyrus")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sizes, wanted = [int(n) for n in options.sizes.split(",")], options.sides.split(",")
    results = {size: {} for size in sizes}
    if "buzon" in wanted:
        with Buzon(accounts=["ana"]) as mail:
            def side():
                return Side("buzon", [mail.process.pid], mail.port("imaps"), mail.ca, mail.host, "ana@example.test", mail.password("ana"))
            side().fill(sizes)
            mail.restart()   # the first SELECT is a cold one
            for size in sizes:
                report(results, size, "buzon", measure(side(), size, options.rounds))
    if "dovecot" in wanted:
        with strangers.Dovecot(extra=FAST) as dovecot:
            side = Side("dovecot", [dovecot.process.pid], dovecot.imaps_port, dovecot.ca, "mail.outside.test", "ana@example.test", "secret")
            side.fill(sizes)
            for size in sizes:
                report(results, size, "dovecot", measure(side, size, options.rounds))
    if "cyrus" in wanted:
        with Cyrus(["ana"]) as cyrus:
            side = Side("cyrus", [cyrus.process.pid], cyrus.imaps_port, cyrus.ca, "mail.outside.test", "ana", "secret")
            side.fill(sizes)
            for size in sizes:
                report(results, size, "cyrus", measure(side, size, options.rounds))
    for size in sizes:
        show(results[size], size)


if __name__ == "__main__":
    main()
