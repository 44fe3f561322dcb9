#!/usr/bin/env python3
"""What a client is told without asking is all there is: random histories over three sessions of one account. The first has said NOTIFY SET for
everything and keeps what it hears (RFC 5465): the names, the counts of every mailbox, UIDs and flags of the selected one. Now and then what it
believes is held against what a fresh session reads. It changes things itself, too, which nobody tells it (section 5). It keeps results of SEARCH and
SORT and works ADDTO and REMOVEFROM into them (RFC 5267): they must be what the same search finds in the fresh session.

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

NAMES = ["INBOX", "Archive", "Junk", "Sent", "Drafts", "Work", "Work/A", "Work/B", "Work/A/Deep", "Other"]
FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "k1"]
EVENTS = "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"
PROGRAMS = ["SEEN", "NOT DELETED", "OR FLAGGED KEYWORD k1", "SUBJECT n1", "TEXT body", "UID 2:*", "UID *", "ANSWERED NOT SEEN", "BODY nothing"]
ORDERS = [None, None, "SUBJECT", "REVERSE SUBJECT", "REVERSE ARRIVAL", "SIZE REVERSE DATE"]
STATUS = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN"


def status_of(line):
    m = re.match(r'\* STATUS "?([^ "]+)"? \((.*)\)$', line)
    words = m.group(2).split()
    return m.group(1), dict(zip(words[::2], map(int, words[1::2])))


def list_of(line):
    m = re.match(r'\* LIST \((.*?)\) "/" "?([^ "]+)"?(?: \("OLDNAME" \("?([^ "]+?)"?\)\))?$', line)
    return m.group(2), {a.lower() for a in m.group(1).split()}, m.group(3)


class Names(dict):
    """name -> attributes that matter. counts: of mailboxes, which go with them."""

    def __init__(self, counts=None):
        super().__init__()
        self.counts = {} if counts is None else counts

    def heard(self, name, attributes, old=None):
        if old:
            for below in [n for n in self.exist() if n == old or n.startswith(old + "/")]:
                self.move(below, name + below[len(old):])
        if attributes & {"\\nonexistent", "\\noselect"}:
            self.counts.pop(name, None)
        if "\\nonexistent" in attributes and "\\subscribed" not in attributes:
            self.pop(name, None)
        else:
            self[name] = attributes & {"\\nonexistent", "\\noselect", "\\subscribed"}

    def move(self, old, new):
        """Subscriptions stay with the name."""
        known = self.pop(old)
        self.counts.pop(new, None)
        if old in self.counts:
            self.counts[new] = self.counts.pop(old)
        if "\\subscribed" in known:
            self[old] = {"\\nonexistent", "\\subscribed"}
        self[new] = known - {"\\subscribed", "\\nonexistent"} | self.get(new, set()) & {"\\subscribed"}

    def exist(self):
        return {n for n, a in self.items() if "\\nonexistent" not in a}


class Listener(Wire):
    """The session that believes what it hears."""

    def __init__(self, mail, dice):
        super().__init__(mail, "ana")
        self.dice, self.counts, self.mailbox = dice, {}, None
        self.names = Names(self.counts)
        self.contexts = {}   # tag -> Context
        self.messages = []   # of the selected mailbox: [UID or None, flags or None]
        self.heard, self.news = 0, {}   # news: counts told during the command under way
        self.known(self.command('LIST (SUBSCRIBED) "" * RETURN (SUBSCRIBED)')[0])
        self.known(self.command('LIST "" * RETURN (SUBSCRIBED)')[0])
        self.watch("SELECTED")

    def known(self, lines):
        for line in lines:
            self.hear(line)

    def watch(self, how):
        self.delayed = how == "SELECTED-DELAYED"
        self.do(f"NOTIFY SET STATUS ({how} (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (PERSONAL {EVENTS}) (SUBSCRIBED {EVENTS})")

    def do(self, command, literal=None):
        self.news = {}
        return self.command(command, literal, told=self.hear)[1]

    def hear(self, line):
        self.heard += 1
        word = line.split()[1:3]
        if word[0] == "LIST":
            self.names.heard(*list_of(line))
        elif word[0] == "ESEARCH":
            tag = re.match(r'\* ESEARCH \(TAG "(\w+)"\)', line).group(1)
            if tag in self.contexts:
                self.contexts[tag].heard(line, self.messages)
        elif word[0] == "STATUS":
            name, values = status_of(line)
            self.counts.setdefault(name, {}).update(values)
            self.news.setdefault(name, {}).update(values)
        elif len(word) > 1 and word[1] == "EXISTS":
            self.messages += [[None, None] for _ in range(int(word[0]) - len(self.messages))]
        elif len(word) > 1 and word[1] == "EXPUNGE":
            del self.messages[int(word[0]) - 1]
        elif len(word) > 1 and word[1] == "FETCH":
            message = self.messages[int(word[0]) - 1]
            if (m := re.search(r"UID (\d+)", line)):
                message[0] = int(m.group(1))
            if (m := re.search(r"FLAGS \((.*?)\)", line)):
                message[1] = set(m.group(1).split()) - {"\\Recent"}

    def drain(self):
        """What came without a command."""
        while self.buffer or select.select([self.socket], [], [], 0)[0] or self.socket.pending():
            self.hear(self.line())

    # --- what it does itself ---
    def own_context(self):
        if len(self.contexts) > 5:
            tag = self.dice.choice(list(self.contexts))
            assert self.do(f'CANCELUPDATE "{tag}"').startswith("OK")
            del self.contexts[tag]
        context = Context(self.dice.random() < 0.6, self.dice.choice(ORDERS), self.dice.choice(PROGRAMS))
        self.contexts[f"t{self.counter + 1}"] = context
        assert self.do(context.command()).startswith("OK")

    def own_select(self, mailbox):
        if self.mailbox:   # UIDNEXT was not told all the time
            known = self.counts.pop(self.mailbox, {})
            self.counts[self.mailbox] = {"MESSAGES": len(self.messages), **{k: v for k, v in known.items() if k == "UIDVALIDITY"}}
        self.messages, self.mailbox, self.contexts = [], None, {}
        if self.do(f"SELECT {mailbox}").startswith("OK"):
            self.mailbox = mailbox
            if self.messages:
                self.do("UID FETCH 1:* (UID FLAGS)")

    def own_append(self, mailbox):
        flags = " ".join(self.dice.sample(FLAGS[:2], self.dice.randrange(2)))
        tagged = self.do(f"APPEND {mailbox} ({flags})", message(self.dice))
        m = re.match(r"OK \[APPENDUID \d+ (\d+)\]", tagged)
        if m and mailbox != self.mailbox:
            self.added(mailbox, int(m.group(1)), 1)
        self.complete()

    def own_copy(self, verb, number, mailbox):
        untagged = []
        _, tagged = self.command(f"{verb} {number} {mailbox}", told=lambda line: (untagged.append(line), self.hear(line)))
        m = re.search(r"\[COPYUID \d+ \S+ (\S+)\]", " ".join([*untagged, tagged]))
        if m and mailbox != self.mailbox:
            uids = numbers(m.group(1))
            self.added(mailbox, uids[-1], len(uids))
        self.complete()

    def added(self, mailbox, last_uid, count):
        """Its own: nobody tells it, unless something else is told along."""
        known = self.counts.setdefault(mailbox, {})
        if known.get("UIDNEXT", 0) <= last_uid:
            known["UIDNEXT"] = last_uid + 1
            known["MESSAGES"] = known.get("MESSAGES", 0) + count
            known.pop("UNSEEN", None)

    def complete(self):
        """New messages of its own are not fetched for it (section 5.2)."""
        self.do("NOOP")
        if any(None in message for message in self.messages):
            self.do("UID FETCH 1:* (UID FLAGS)")

    def own_name(self, verb, name, other=None):
        tagged = self.do(f"{verb} {name}" + (f" {other}" if other else ""))
        if not tagged.startswith("OK"):
            return
        if verb == "CREATE":
            self.names[name] = self.names.get(name, set()) & {"\\subscribed"}
            self.counts.pop(name, None)
        elif verb == "DELETE":
            self.counts.pop(name, None)
            known = self.names.pop(name, set())   # empty: made by another session just now
            if any(n.startswith(name + "/") for n in self.names.exist()):
                self.names[name] = known | {"\\noselect"}
            elif "\\subscribed" in known:
                self.names[name] = {"\\nonexistent", "\\subscribed"}
            if self.mailbox == name:
                self.mailbox, self.messages, self.contexts = None, [], {}
        elif verb == "RENAME":
            self.names.heard(other, self.names[name] - {"\\subscribed"} | self.names.get(other, set()) & {"\\subscribed"}, name)
            for told, values in self.news.items():   # before the tagged OK, of the names as they are behind it
                self.counts.setdefault(told, {}).update(values)
        elif verb == "SUBSCRIBE":
            self.names[name] = self.names.get(name, {"\\nonexistent"}) | {"\\subscribed"}
        else:
            self.names[name] = self.names.get(name, {"\\nonexistent"}) - {"\\subscribed"}
            if "\\nonexistent" in self.names[name]:
                del self.names[name]


def message(dice):
    return b"Subject: n%d\r\n\r\nbody\r\n" % dice.randrange(10**6)


def flag_change(dice):
    return f"{dice.choice(['+', '-', ''])}FLAGS{dice.choice(['', '.SILENT'])} ({dice.choice(FLAGS)})"


class Actor(Wire):
    """Changes things at random; the listener's mailbox is not deleted under it."""

    def __init__(self, mail, dice):
        super().__init__(mail, "ana")
        self.dice = dice

    def act(self, busy):
        dice, name, other = self.dice, self.dice.choice(NAMES), self.dice.choice(NAMES)
        kind = dice.randrange(12)
        keep = busy and (busy == name or busy.startswith(name + "/"))
        if kind < 3:
            self.command(f"APPEND {name} ({' '.join(dice.sample(FLAGS[:2], dice.randrange(2)))})", message(dice))
        elif kind < 8:
            if not self.command(f"SELECT {name}")[1].startswith("OK"):
                return
            for _ in range(dice.randrange(1, 4)):
                number = dice.randrange(1, 6)
                self.command(dice.choice([f"STORE {number} {flag_change(dice)}", f"STORE 1:* {flag_change(dice)}", f"COPY {number} {other}",
                                          f"MOVE {number} {other}", "EXPUNGE"]))
            self.command(dice.choice(["CLOSE", "UNSELECT"]))
        elif kind == 8:
            self.command(f"CREATE {name}")
        elif kind == 9 and not keep:
            self.command(f"DELETE {name}")
        elif kind == 10 and not keep and name != "INBOX":
            self.command(f"RENAME {name} {other}")
        else:
            self.command(f"{dice.choice(['SUBSCRIBE', 'UNSUBSCRIBE'])} {name}")


def own_act(listener, dice):
    name, other = dice.choice(NAMES), dice.choice(NAMES)
    kind = dice.randrange(12)
    keep = listener.mailbox and (listener.mailbox == name or listener.mailbox.startswith(name + "/"))
    number = dice.randrange(1, 4)
    if kind == 0 or listener.mailbox is None:
        listener.own_select(name)
    elif kind == 1:
        listener.own_append(name)
    elif kind == 2:
        listener.own_copy("COPY" if listener.delayed else "UID COPY", number, other)
    elif kind == 3:
        listener.own_copy("MOVE" if listener.delayed else "UID MOVE", number, other)
    elif kind == 4:
        listener.do(f"UID STORE {number} +FLAGS ({dice.choice(FLAGS)})")
    elif kind == 5:
        listener.do("EXPUNGE")
    elif kind == 6:
        listener.own_name(dice.choice(["SUBSCRIBE", "UNSUBSCRIBE", "CREATE"]), name)
    elif kind == 7 and not keep and name != "INBOX":
        listener.own_name(*dice.choice([("DELETE", name), ("RENAME", name, other)]))
    elif kind > 8:
        listener.own_context()
    elif kind == 8:
        listener.watch(dice.choice(["SELECTED", "SELECTED-DELAYED"]))


def check(listener, mail):
    listener.do("NOOP")
    fresh, names, counts = Wire(mail, "ana"), Names(), {}
    for line in fresh.command('LIST (SUBSCRIBED) "" * RETURN (SUBSCRIBED)')[0] + fresh.command(f'LIST "" * RETURN (SUBSCRIBED STATUS ({STATUS}))')[0]:
        if line.startswith("* LIST"):
            names.heard(*list_of(line))
        else:
            name, values = status_of(line)
            counts[name] = values
    compare("names", dict(listener.names), dict(names))
    for name, values in counts.items():
        if name != listener.mailbox:   # of a new one nothing is told while it is empty
            believed = listener.counts.get(name, {"MESSAGES": 0, "UIDNEXT": 1})
            both = set(believed) & set(values)
            compare(f"counts of {name}", {k: believed[k] for k in both}, {k: values[k] for k in both})
    if listener.mailbox:
        fresh.command(f"EXAMINE {listener.mailbox}")
        there = []
        for line in fresh.command("UID FETCH 1:* (UID FLAGS)")[0]:
            if " FETCH " in line:
                there.append([int(re.search(r"UID (\d+)", line).group(1)), set(re.search(r"FLAGS \((.*?)\)", line).group(1).split()) - {"\\Recent"}])
        compare(f"messages of {listener.mailbox}", listener.messages, there)
        for context in listener.contexts.values():
            lines = fresh.command(context.query())[0]
            found = [int(n) for line in lines if re.match(r"\* (SEARCH|SORT)", line) for n in line.split()[2:]]
            compare(context.query(), context.uids(), found)
    fresh.close()


def compare(what, believed, there):
    if believed != there:
        raise SystemExit(f"{what}:\n  believed {believed}\n  there    {there}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    full = os.environ.get("BUZON_FULL") == "1"
    parser.add_argument("--rounds", type=int, default=1000 if full else 60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6) if full else 51)   # without it the same each time
    options = parser.parse_args()
    print(f"seed {options.seed}")
    dice = random.Random(options.seed)
    with Buzon(accounts=["ana"]) as mail:
        listener, actors = Listener(mail, dice), [Actor(mail, dice), Actor(mail, dice)]
        kept = 0
        for turn in range(options.rounds):
            try:
                for _ in range(dice.randrange(2, 12)):
                    if dice.random() < 0.3:
                        own_act(listener, dice)
                    else:
                        dice.choice(actors).act(listener.mailbox)
                    if dice.random() < 0.5:
                        listener.drain()
                check(listener, mail)
                kept += len(listener.contexts)
            except (SystemExit, Wrong) as error:
                raise SystemExit(f"seed {options.seed}, round {turn}: {error}") from None
        print(f"{options.rounds} rounds: {listener.heard} responses heard, what they say is what is there; {kept} results kept up to date")


main()
