#!/usr/bin/env python3
"""kill -9 of roles at random moments under mixed load: deliveries, APPENDs, flags, expunges, submissions. An oracle remembers what was acknowledged
and proves at the end, and at every reconnect where it can:

  - nothing acknowledged is lost: APPENDUIDs are there with their octets, flags are as stored, each 250 arrived
  - nothing acknowledged as gone comes back
  - a UID never names a second message, UIDVALIDITY stays, HIGHESTMODSEQ never goes back
  - each accepted mail lies in its mailbox exactly once, each submission has one Sent copy
  - `buzon verify` finds nothing

20 kills by default, 200 with BUZON_FULL=1 or --full; --seed N repeats the order of kills.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from smtp import Submission  # noqa: E402

BROKEN = (OSError, EOFError, AssertionError)


def message(identity, size=200, sender="x@outside.test"):
    return (f"From: {sender}\r\nTo: ana@example.test\r\nSubject: {identity}\r\nMessage-ID: <{identity}@crash.test>\r\n"
            f"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n" + "line of text\r\n" * (size // 14)).encode()


class Oracle:
    def __init__(self):
        self.lock = threading.Lock()
        self.delivered, self.submitted = [], []          # identities that got their 250
        self.unsure = set()                              # no answer came: may be there once or not at all
        self.uids = collections.defaultdict(dict)        # mailbox -> uid -> identity, from APPENDUID
        self.flags = collections.defaultdict(dict)       # mailbox -> uid -> set of keywords acknowledged
        self.flags_unsure = collections.defaultdict(set)
        self.gone = collections.defaultdict(set)
        self.gone_unsure = collections.defaultdict(set)
        self.validity, self.modseq = {}, {}
        self.problems = []

    def selected(self, mailbox, replies):
        text = b" ".join(replies)
        validity = int(re.search(rb"UIDVALIDITY (\d+)", text).group(1))
        modseq = int(re.search(rb"HIGHESTMODSEQ (\d+)", text).group(1))
        with self.lock:
            if self.validity.setdefault(mailbox, validity) != validity:
                self.problems.append(f"UIDVALIDITY of {mailbox} changed from {self.validity[mailbox]} to {validity}")
            if modseq < self.modseq.get(mailbox, 0):
                self.problems.append(f"HIGHESTMODSEQ of {mailbox} went back from {self.modseq[mailbox]} to {modseq}")
            self.modseq[mailbox] = max(modseq, self.modseq.get(mailbox, 0))

    def appended(self, mailbox, uid, identity):
        with self.lock:
            self.unsure.discard(identity)
            if uid is None:
                return
            if uid in self.uids[mailbox] or uid in self.gone[mailbox]:
                self.problems.append(f"UID {uid} of {mailbox} was given twice")
            self.uids[mailbox][uid] = identity
            self.flags[mailbox][uid] = {"\\seen"}


class Wire:
    """A minimal IMAP client that knows exactly which command was acknowledged."""

    def __init__(self, mail, name):
        self.socket, self.buffer, self.counter = mail.connect("imaps"), b"", 0
        self.socket.settimeout(20)
        self.line()
        status, _ = self.command(f'LOGIN {mail.address(name)} {mail.password(name)}')
        assert status == b"OK", "login"

    def line(self):
        out = b""
        while True:
            while b"\r\n" not in self.buffer:
                data = self.socket.recv(65536)
                if not data:
                    raise EOFError
                self.buffer += data
            piece, self.buffer = self.buffer.split(b"\r\n", 1)
            out += piece
            m = re.search(rb"\{(\d+)\}$", piece)
            if not m:
                return out
            while len(self.buffer) < int(m.group(1)):
                data = self.socket.recv(65536)
                if not data:
                    raise EOFError
                self.buffer += data
            out += b"\r\n" + self.buffer[:int(m.group(1))]
            self.buffer = self.buffer[int(m.group(1)):]

    def command(self, line, literal=None):
        self.counter += 1
        tag = b"k%d" % self.counter
        self.socket.sendall(tag + b" " + line.encode() + (b" {%d+}\r\n" % len(literal) + literal if literal is not None else b"") + b"\r\n")
        replies = []
        while True:
            reply = self.line()
            if reply.startswith(tag + b" "):
                return reply.split()[1], replies + [reply]
            if reply.startswith(b"* BYE"):
                raise EOFError
            replies.append(reply)


class Worker(threading.Thread):
    def __init__(self, mail, oracle, stop, seed):
        super().__init__(daemon=True)
        self.mail, self.oracle, self.stop, self.random = mail, oracle, stop, random.Random(seed)
        self.done, self.cut, self.connection, self.number = 0, 0, None, 0
        self.error = None

    def run(self):
        try:
            while not self.stop.is_set():
                try:
                    if self.connection is None:
                        self.connection = self.open()
                    self.turn()
                    self.done += 1
                except BROKEN:
                    self.cut += 1
                    self.connection = None
                    self.stop.wait(0.05)
        except BaseException as error:   # shown by the main thread, which fails
            self.error = error

    def identity(self):
        self.number += 1
        return f"{type(self).__name__.lower()}-{self.number}-{self.random.randrange(10**9)}"


class Mailer(Worker):
    service, sender, recipient = "smtp", "x@outside.test", "ana@example.test"

    def open(self):
        return Submission(self.mail, self.service).secure()

    def turn(self):
        identity = self.identity()
        try:
            code, _ = self.connection.mail(self.sender)
            if code == 250:
                code, _ = self.connection.rcpt(self.recipient)
            if code != 250:
                raise OSError(f"refused {code}")
            with self.oracle.lock:
                self.oracle.unsure.add(identity)
            code, _ = self.connection.data(message(identity, self.random.choice([200, 2000, 400_000]), self.sender))
            with self.oracle.lock:
                self.oracle.unsure.discard(identity)
                if code == 250:
                    self.store(identity)
            if code != 250:
                raise OSError(f"refused {code}")
        except Exception as error:
            raise OSError(str(error)) from error   # smtplib has its own kinds

    def store(self, identity):
        self.oracle.delivered.append(identity)


class Deliverer(Mailer):
    pass


class Submitter(Mailer):
    service, sender, recipient = "submission", "ben@example.test", "ana@example.test"

    def open(self):
        try:
            client = Submission(self.mail, self.service).secure()
            client.login(self.mail.address("ben"), self.mail.password("ben"))
            return client
        except Exception as error:
            raise OSError(str(error)) from error

    def store(self, identity):
        self.oracle.delivered.append(identity)
        self.oracle.submitted.append(identity)


class Editor(Worker):
    """Appends to its own mailbox, sets keywords, expunges; the only one that writes there."""

    def __init__(self, *arguments, mailbox="Archive"):
        super().__init__(*arguments)
        self.mailbox = mailbox

    def open(self):
        wire = Wire(self.mail, "ana")
        status, replies = wire.command(f"SELECT {self.mailbox} (CONDSTORE)")
        assert status == b"OK"
        self.oracle.selected(self.mailbox, replies)
        return wire

    def turn(self):
        known = self.oracle.uids[self.mailbox]
        choice = self.random.random()
        if choice < 0.5 or len(known) < 5:
            self.append()
        elif choice < 0.85:
            self.flag(self.random.choice(list(known)))
        else:
            self.expunge(self.random.choice(list(known)))

    def append(self):
        identity = self.identity()
        with self.oracle.lock:
            self.oracle.unsure.add(identity)
        status, replies = self.connection.command(f"APPEND {self.mailbox} (\\Seen)", message(identity, self.random.choice([200, 300_000])))
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", replies[-1]).group(1)) if status == b"OK" else None
        self.oracle.appended(self.mailbox, uid, identity)

    def flag(self, uid):
        keyword = f"k{self.random.randrange(8)}"
        self.oracle.flags_unsure[self.mailbox].add((uid, keyword))
        status, _ = self.connection.command(f"UID STORE {uid} +FLAGS.SILENT ({keyword})")
        if status == b"OK":
            self.oracle.flags[self.mailbox][uid].add(keyword)

    def expunge(self, uid):
        with self.oracle.lock:
            identity = self.oracle.uids[self.mailbox].pop(uid)
            self.oracle.flags[self.mailbox].pop(uid)
            self.oracle.gone_unsure[self.mailbox].add(uid)
        self.connection.command(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        status, _ = self.connection.command(f"UID EXPUNGE {uid}")
        if status == b"OK":
            self.oracle.gone_unsure[self.mailbox].discard(uid)
            self.oracle.gone[self.mailbox].add(uid)
        return identity


def contents(wire, mailbox, oracle):
    """uid -> (identity, flags) of everything there."""
    status, replies = wire.command(f"SELECT {mailbox} (CONDSTORE)")
    oracle.selected(mailbox, replies)
    status, replies = wire.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert status == b"OK"
    out = {}
    for reply in replies:
        m = re.search(rb"FETCH \(.*?UID (\d+)", reply)
        if m:
            flags = re.search(rb"FLAGS \(([^)]*)\)", reply).group(1).decode().lower().split()
            subject = re.search(rb"Subject: (\S+)", reply)
            out[int(m.group(1))] = (subject.group(1).decode() if subject else "", set(flags))
    return out


def judge(mail, oracle, mailboxes):
    wire, sender = Wire(mail, "ana"), Wire(mail, "ben")
    compare(oracle, {mailbox: contents(wire, mailbox, oracle) for mailbox in mailboxes}, contents(wire, "INBOX", oracle),
            contents(sender, "Sent", Oracle()))
    return oracle.problems


def compare(oracle, edited, inbox, sent):
    """Adds to oracle.problems what the mailboxes show and must not, and the other way round. oracle_test.py shows that it can."""
    problems = oracle.problems
    for mailbox, there in edited.items():
        for uid, identity in oracle.uids[mailbox].items():
            if uid not in there:
                problems.append(f"acknowledged APPEND lost: {mailbox} UID {uid} {identity}")
            elif there[uid][0] != identity:
                problems.append(f"{mailbox} UID {uid} holds {there[uid][0]}, not {identity}")
            elif not oracle.flags[mailbox][uid] <= there[uid][1]:
                problems.append(f"acknowledged flags lost: {mailbox} UID {uid}: {oracle.flags[mailbox][uid] - there[uid][1]}")
            else:
                for keyword in there[uid][1] - oracle.flags[mailbox][uid] - {"\\recent"}:
                    if (uid, keyword) not in oracle.flags_unsure[mailbox]:
                        problems.append(f"a flag nobody set: {mailbox} UID {uid} {keyword}")
        for uid in oracle.gone[mailbox] & set(there):
            problems.append(f"acknowledged as gone, came back: {mailbox} UID {uid}")
        for uid, (identity, _) in there.items():
            if uid not in oracle.uids[mailbox] and uid not in oracle.gone_unsure[mailbox] and identity not in oracle.unsure:
                problems.append(f"a message nobody appended: {mailbox} UID {uid} {identity}")
    inbox = collections.Counter(identity for identity, _ in inbox.values())
    for identity in oracle.delivered:
        if inbox[identity] != 1:
            problems.append(f"accepted with 250, in INBOX {inbox[identity]} times: {identity}")
    for identity, times in inbox.items():
        if times > 1:
            problems.append(f"in INBOX {times} times: {identity}")
    sent = collections.Counter(identity for identity, _ in sent.values())
    for identity in oracle.submitted:
        if sent[identity] != 1:
            problems.append(f"submitted, in Sent {sent[identity]} times: {identity}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", default=bool(os.environ.get("BUZON_FULL")))
    parser.add_argument("--kills", type=int, help="instead of 20 or 200")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    kills = options.kills or (200 if options.full else 20)
    dice, oracle, stop = random.Random(options.seed), Oracle(), threading.Event()
    print(f"seed {options.seed}, {kills} kills")
    with Buzon(settings="[supervisor]\nrestart_wait_max = \"200ms\"\n") as mail:
        workers = [Deliverer(mail, oracle, stop, 1), Deliverer(mail, oracle, stop, 2), Submitter(mail, oracle, stop, 3),
                   Editor(mail, oracle, stop, 4, mailbox="Archive"), Editor(mail, oracle, stop, 5, mailbox="Drafts")]
        for worker in workers:
            worker.start()
        killed = collections.Counter()
        for turn in range(kills):
            before = sum(w.done for w in workers)
            wait_until("work goes on between kills", lambda: sum(w.done for w in workers) > before + 10 or any(w.error for w in workers), 60)
            time.sleep(dice.uniform(0, 0.2))   # the moment is what varies; nothing is awaited by it
            role = dice.choice(["mailstore", "mailstore", "mta", "mta", "auth", "gateway"])
            os.kill(dice.choice(wait_until(f"{role} runs", lambda: mail.pid(role), 30)), signal.SIGKILL)
            killed[role] += 1
        stop.set()
        for worker in workers:
            worker.join(60)
            assert not worker.error, worker.error
            assert worker.done > 10, f"{type(worker).__name__} did next to nothing: {worker.done} done, {worker.cut} cut"
        wait_until("all roles are back", lambda: mail.run("status", check=False).returncode == 0, 30)
        mail.run("queue", "flush")
        wait_until("the queue is empty", lambda: json.loads(mail.run("queue", "list", "--json").stdout) == [], 60)
        problems = judge(mail, oracle, ["Archive", "Drafts"])
        verified = mail.run("verify", check=False)
        if verified.returncode:
            problems.append("verify: " + verified.stdout[-1500:] + verified.stderr[-500:])
        done = ", ".join(f"{type(w).__name__} {w.done} done {w.cut} cut" for w in workers)
        print(f"killed {dict(killed)}; {done}; accepted {len(oracle.delivered)}, submitted {len(oracle.submitted)}, "
              f"appended and kept {sum(len(u) for u in oracle.uids.values())}, expunged {sum(len(g) for g in oracle.gone.values())}")
        assert not problems, "\n".join(problems[:40])
    print("no violation")


if __name__ == "__main__":
    main()
