#!/usr/bin/env python3
"""A result that is kept is the result: random histories over three sessions of one account. The first keeps results of SEARCH, SORT and ESEARCH of its
mailbox with RETURN (UPDATE ALL) and works ADDTO and REMOVEFROM into them (RFC 5267); it speaks UIDs or numbers, IDLEs, expunges, changes flags itself,
says what holds EXPUNGE back, and does so as a client without extensions, with QRESYNC, UIDONLY, IMAP4rev2 or NOTIFY. Whenever all are still, each of
its results must be what the same search finds in a fresh session, in the same order.

60 rounds by default; with BUZON_FULL=1 1,000. --rounds N, --seed N.
"""
import argparse
import os
import pathlib
import random
import re
import select
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent / "harness")]
from buzon import Buzon  # noqa: E402
from context_results import Context, Wrong  # noqa: E402
from imap_lines import Wire, numbers  # noqa: E402

NAMES = ["INBOX", "A", "B"]
FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "k1", "k2"]
WORDS = ["alder", "birch", "cedar", "Zo\u00eb"]
KINDS = ["plain", "QRESYNC", "UIDONLY", "IMAP4rev2", "NOTIFY", "NOTIFY SELECTED-DELAYED"]
ORDERS = ["SUBJECT", "REVERSE SUBJECT", "REVERSE ARRIVAL", "SIZE REVERSE DATE", "FROM SUBJECT", "REVERSE SIZE SUBJECT"]


def message(dice):
    word, other = dice.choice(WORDS), dice.choice(WORDS)
    return (f"From: {dice.choice('xyz')}@example.org\r\nSubject: {word} {dice.randrange(20)}\r\nDate: {dice.randrange(1, 29)} Feb 2024 10:00:00 +0000\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{other}{'.' * dice.randrange(30)}\r\n").encode()


def key(dice, depth=0):
    """A search key without message numbers."""
    kind = dice.randrange(14 if depth < 3 else 10)
    if kind < 3:
        return dice.choice(["SEEN", "UNSEEN", "FLAGGED", "UNDELETED", "DELETED", "ANSWERED", "KEYWORD k1", "UNKEYWORD k2"])
    if kind < 5:
        return f"{dice.choice(['SUBJECT', 'BODY', 'TEXT'])} {dice.choice(WORDS[:3])}"
    if kind == 5:
        return f"UID {dice.choice(['*', f'{dice.randrange(1, 60)}:*', f'{dice.randrange(1, 40)}:{dice.randrange(1, 60)}', '1:3,7:*'])}"
    if kind == 6:
        return dice.choice(["LARGER 180", "SMALLER 185", "ALL", "FROM x", "HEADER To z"])
    if kind == 7:
        return f"SENTSINCE {dice.randrange(1, 29)}-Feb-2024"
    if kind == 8:
        return "TEXT zoe"
    if kind == 9:
        return "NOT UNKEYWORD k1"
    if kind == 10:
        return f"NOT {key(dice, depth + 1)}"
    if kind == 11:
        return f"OR {key(dice, depth + 1)} {key(dice, depth + 1)}"
    return f"({key(dice, depth + 1)} {key(dice, depth + 1)})"


def flag_change(dice):
    return f"{dice.choice(['+', '+', '-', ''])}FLAGS{dice.choice(['', '.SILENT'])} ({' '.join(dice.sample(FLAGS, dice.randrange(1, 3)))})"


class Listener(Wire):
    """The session that keeps results."""

    def __init__(self, mail, dice, kind):
        super().__init__(mail, "ana")
        self.dice, self.kind, self.notify = dice, kind, kind.startswith("NOTIFY")
        self.messages, self.contexts, self.mailbox, self.changes, self.refused = [], {}, None, 0, set()
        if kind != "plain" and not self.notify:
            assert self.do(f"ENABLE {kind}").startswith("OK")
        if self.notify:
            how = "SELECTED-DELAYED" if "DELAYED" in kind else "SELECTED"
            assert self.do(f"NOTIFY SET ({how} (MessageNew (UID) MessageExpunge{self.dice.choice(['', ' FlagChange'])}))").startswith("OK")

    def do(self, command, literal=None):
        return self.command(command, literal, told=self.hear)[1]

    def hear(self, line):
        word = line.split()[1:3]
        if word[0] == "ESEARCH":
            tag = re.match(r'\* ESEARCH \(TAG "(\w+)"', line).group(1)
            if tag in self.contexts:
                self.contexts[tag].heard(line, self.messages)
        elif "[NOUPDATE" in line:
            self.refused.add(re.search(r'NOUPDATE "(\w+)"', line).group(1))
        elif len(word) > 1 and word[1] == "EXISTS":
            self.messages += [[None] for _ in range(int(word[0]) - len(self.messages))]
        elif len(word) > 1 and word[1] == "EXPUNGE":
            del self.messages[int(word[0]) - 1]
        elif word[0] == "VANISHED" and "EARLIER" not in line:
            self.messages = self.messages[len(numbers(word[1])):]   # which of them does not matter: those who hear it speak UIDs
        elif len(word) > 1 and word[1] == "FETCH" and (m := re.search(r"UID (\d+)", line)):
            self.messages[int(word[0]) - 1][0] = int(m.group(1))

    def drain(self):
        """What came without a command."""
        while self.buffer or select.select([self.socket], [], [], 0)[0] or self.socket.pending():
            self.hear(self.line())

    def learn(self):
        if self.kind not in ("UIDONLY", "QRESYNC") and any(m[0] is None for m in self.messages):
            self.do("UID FETCH 1:* (UID)")

    def select(self):
        self.keep_count()
        self.messages, self.contexts, self.mailbox = [], {}, self.dice.choice(NAMES)
        assert self.do(f"SELECT {self.mailbox}").startswith("OK")
        self.learn()

    def keep_count(self):
        self.changes += sum(c.changes for c in self.contexts.values())

    def ask(self):
        """One more result to be kept."""
        dice = self.dice
        if len(self.contexts) > 6:
            tag = dice.choice(list(self.contexts))
            self.changes += self.contexts[tag].changes
            assert self.do(f'CANCELUPDATE "{tag}"').startswith("OK"), tag
            del self.contexts[tag]
        program, order = key(dice), dice.choice(ORDERS) if dice.random() < 0.4 else None
        uid = self.kind in ("UIDONLY", "QRESYNC") or dice.random() < 0.6   # VANISHED may be of messages whose UIDs nobody has asked for
        fixed = program
        if self.kind not in ("UIDONLY", "QRESYNC") and self.messages and dice.random() < 0.2:   # numbers mean the messages that they are now
            self.learn()
            some = sorted(dice.sample(range(1, len(self.messages) + 1), min(len(self.messages), 3)))
            program += " " + ",".join(map(str, some))
            fixed += " UID " + ",".join(str(self.messages[n - 1][0]) for n in some)
        context = Context(uid, order, program, esearch=uid and not order and dice.random() < 0.3)
        tag = f"t{self.counter + 1}"
        self.contexts[tag] = context
        tagged = self.do(context.command())
        assert tagged.startswith("OK"), (context.command(), tagged)
        if tag in self.refused:
            raise Wrong(f"NOUPDATE of {context.command()}")
        context.program = fixed

    def act(self, actors):
        dice, number = self.dice, self.dice.randrange(1, 8)
        kind, uid = dice.randrange(10), "UID " if self.kind == "UIDONLY" or dice.random() < 0.5 else ""
        name = dice.choice(NAMES)
        if kind == 0:
            self.do(f"{uid}STORE {number} {flag_change(dice)}")
        elif kind == 1:
            self.do(f"APPEND {name}", message(dice))
        elif kind == 2:
            self.do(f"{uid}{dice.choice(['COPY', 'MOVE'])} {number} {name}")
        elif kind == 3:
            self.do("EXPUNGE")
        elif kind == 4:
            self.do(f"{uid}FETCH {number} (FLAGS)")   # by number: EXPUNGE must wait
        elif kind == 5:
            self.do(f"{uid}SEARCH {key(dice)}")
        elif kind == 6:
            self.idle(actors)
        elif kind < 9:
            self.ask()
        else:
            self.do("NOOP")

    def idle(self, actors):
        tag = self.send("IDLE")
        while not (line := self.line()).startswith("+"):
            self.hear(line)
        for _ in range(self.dice.randrange(4)):
            self.dice.choice(actors).act()
        self.socket.sendall(b"DONE\r\n")
        while not (line := self.line()).startswith(tag + " "):
            self.hear(line)


class Actor(Wire):
    def __init__(self, mail, dice):
        super().__init__(mail, "ana")
        self.dice = dice

    def act(self):
        dice, name = self.dice, self.dice.choice(NAMES)
        if dice.random() < 0.35:
            self.command(f"APPEND {name} ({' '.join(dice.sample(FLAGS, dice.randrange(2)))})", message(dice))
            return
        self.command(f"SELECT {name}")
        for _ in range(dice.randrange(1, 4)):
            number = dice.randrange(1, 12)
            self.command(dice.choice([f"STORE {number} {flag_change(dice)}", f"STORE {number}:* {flag_change(dice)}", f"COPY {number} {dice.choice(NAMES)}",
                                      f"MOVE {number} {dice.choice(NAMES)}", f"STORE {number} +FLAGS (\\Deleted)", "EXPUNGE"]))
        self.command("UNSELECT")


def check(listener, mail):
    listener.do("NOOP")
    listener.learn()
    fresh = Wire(mail, "ana")
    fresh.command(f"EXAMINE {listener.mailbox}")
    for context in listener.contexts.values():
        lines, tagged = fresh.command(context.query())
        assert tagged.startswith("OK"), (context.query(), tagged)
        found = [int(n) for line in lines if re.match(r"\* (SEARCH|SORT)", line) for n in line.split()[2:]]
        if context.uids() != found:
            raise Wrong(f"{context.query()}:\n  kept  {context.uids()}\n  there {found}")
    fresh.close()
    return len(listener.contexts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    full = os.environ.get("BUZON_FULL") == "1"
    parser.add_argument("--rounds", type=int, default=1000 if full else 60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6) if full else 52)   # without it the same each time
    options = parser.parse_args()
    print(f"seed {options.seed}")
    dice = random.Random(options.seed)
    kept = changes = 0
    with Buzon(accounts=["ana"]) as mail:
        actors = [Actor(mail, dice), Actor(mail, dice)]
        for name in NAMES[1:]:
            actors[0].command(f"CREATE {name}")
        for _ in range(12):
            actors[0].command(f"APPEND {dice.choice(NAMES)}", message(dice))
        listener = None
        for turn in range(options.rounds):
            try:
                if turn % 6 == 0 or listener is None:
                    if listener:
                        listener.keep_count()
                        changes += listener.changes
                        listener.close()
                    listener = Listener(mail, dice, KINDS[turn // 6 % len(KINDS)])
                if listener.mailbox is None or dice.random() < 0.1:
                    listener.select()
                    for _ in range(3):
                        listener.ask()
                for _ in range(dice.randrange(2, 12)):
                    if dice.random() < 0.4:
                        listener.act(actors)
                    else:
                        dice.choice(actors).act()
                    if listener.notify and dice.random() < 0.5:
                        listener.drain()
                kept += check(listener, mail)
            except Wrong as error:
                raise SystemExit(f"seed {options.seed}, round {turn}, {listener.kind}: {error}") from None
        listener.keep_count()
        changes += listener.changes
    print(f"{options.rounds} rounds: {changes} ADDTO and REMOVEFROM heard, {kept} results are what is there")
    if changes < options.rounds:
        raise SystemExit("too little was heard to prove anything")


main()
