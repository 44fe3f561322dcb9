#!/usr/bin/env python3
"""Random SEARCH queries over real and made messages must find what an independent implementation finds (search_reference.py: Python's email
package over the same octets): all keys of RFC 3501, text in other case and with other accents, charsets, decoded bodies, nests of OR and NOT.

60 queries over 300 messages by default; with BUZON_FULL=1 1,000 over 20,000. Always the same ones without it, so
that a change is judged by what it changed; others each time with it. --messages N, --queries N, --seed N. Messages of the corpus that
the two parsers are known to read differently (known_differences_real.tsv) and those with defects that Python names are left out.
"""
import argparse
import base64
import datetime
import email
import email.policy
import os
import pathlib
import quopri
import random
import re
import sys
import tarfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from buzon import Buzon, corpus  # noqa: E402
from imap_lines import Wire, numbers  # noqa: E402
from search_reference import Message, matches  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
FLAGS = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Work", "k1"]
TEXTS = {"utf-8": "El ñandú comió crème brûlée en Łódź; Straße, ΣΊΣΥΦΟΣ и щука, が か 日本語", "iso-8859-1": "Año nuevo, façade, Grüße an Ærø",
         "iso-8859-2": "Žluťoučký kůň příliš", "windows-1252": "naïve – “quoted” coöperation", "koi8-r": "Привет, мир", "gb2312": "你好世界",
         "shift_jis": "こんにちは世界", "iso-2022-jp": "日本の夏", "euc-kr": "안녕하세요 세계", "us-ascii": "plain words only"}
START = 1_000_000_000


def known_different():
    rows = (HERE / "known_differences_real.tsv").read_text().splitlines()
    return {row.split("\t")[0] for row in rows if row and not row.startswith("#")}


def real_messages(count, dice):
    with tarfile.open(corpus() / "real-mail/spamassassin-6046.tar.xz") as archive:
        skip, out = known_different(), []
        for member in archive:
            if not member.name.endswith(".eml") or member.name.lstrip("./") in skip:
                continue
            raw = re.sub(rb"(?<!\r)\n", b"\r\n", archive.extractfile(member).read())
            if raw.count(b"\r") == raw.count(b"\r\n") and b"\0" not in raw and not defects(email.message_from_bytes(raw)):
                out.append(raw)
    dice.shuffle(out)
    return out[:count]


def defects(message):
    return any(part.defects for part in message.walk())


def made(dice, number):
    """A message with everything that has to be decoded."""
    charset = dice.choice(list(TEXTS))
    text = " ".join(dice.sample(TEXTS[charset].split(), k=len(TEXTS[charset].split()))) + f"\r\nline {number} of many\r\n"
    data, encoding = text.encode(charset), dice.choice(["base64", "quoted-printable", "8bit"])
    if encoding == "8bit" and charset == "utf-16":
        encoding = "base64"
    body = {"base64": lambda: base64.encodebytes(data).replace(b"\n", b"\r\n"), "8bit": lambda: data,
            "quoted-printable": lambda: quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")}[encoding]()
    subject = TEXTS[charset][:12].strip().encode(charset)
    head = (b"From: =?%s?B?%s?= <user%d@example.%s>\r\nTo: \"Some, One\" <one@example.org>, two@(c) example.net\r\nSubject: =?%s?Q?%s?= no %d\r\n"
            b"Date: %d %s %d %02d:30:00 %s\r\nX-Kind: made %d\r\n" %
            (charset.encode(), base64.b64encode(subject), number % 7, dice.choice([b"com", b"org"]), charset.encode(),
             b"".join(b"=%02X" % c for c in subject), number, dice.randrange(1, 29), dice.choice(MONTHS).encode(), dice.randrange(1999, 2026),
             dice.randrange(24), dice.choice([b"+0000", b"-0800", b"+0930"]), number % 5))
    part = b"Content-Type: text/%s; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (dice.choice([b"plain", b"html"]), charset.encode(), encoding.encode())
    shape = dice.randrange(4)
    if shape < 2:
        return head + part + body
    inner = (b"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?caf=C3=A9?= forwarded %d\r\nFrom: in@side.test\r\n" % number + part + body if shape == 2 else
             b"Content-Type: application/pdf; name=\"report-%d.pdf\"\r\n\r\nnot text %d\r\n" % (number, number))
    return head + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n--b0\r\n" + part + body + b"\r\n--b0\r\n" + inner + b"\r\n--b0--\r\n"


class Queries:
    def __init__(self, messages, dice, now):
        self.messages, self.dice, self.now = messages, dice, now

    def words(self, pieces):
        """A run of characters out of these texts, in another case perhaps, with accents or without (texts are folded already)."""
        piece = self.dice.choice([p for p in pieces if p.strip()] or ["nothing"])
        at = self.dice.randrange(len(piece))
        text = re.sub(r"[\r\n\t\0].*", "", piece[at:at + self.dice.choice([1, 2, 4, 7, 12, 20])], flags=re.S) or "e"
        change = self.dice.randrange(4)
        return {0: text, 1: text.upper(), 2: text.replace("e", "é").replace("n", "ñ"), 3: text + self.dice.choice(["", "zq"])}[change]

    def key(self, depth):
        dice, message = self.dice, self.dice.choice(self.messages)
        kinds = ["flag"] * 3 + ["header"] * 3 + ["body"] * 3 + ["text"] * 2 + ["set", "size", "date", "sent", "age", "new"]
        kind = dice.choice(kinds + ["or", "not", "and"] * 3 if depth < 4 else kinds)
        if kind == "or":
            return ("OR", self.key(depth + 1), self.key(depth + 1))
        if kind == "not":
            return ("NOT", self.key(depth + 1))
        if kind == "and":
            return ("AND", *(self.key(depth + 1) for _ in range(dice.randrange(1, 4))))
        if kind == "flag":
            return ("FLAG", dice.choice(FLAGS + ["$Unknown"]))
        if kind == "new":
            return ("AND", ("NOT", ("FLAG", "\\Seen")), ("NOT", ("FLAG", "\\Draft")))
        if kind == "header":
            name, value = dice.choice(message.fields or [("x-none", "")])
            return ("HEADER", dice.choice([name, name, "from", "to", "subject", "cc"]), "" if dice.random() < 0.1 else self.words([value]))
        if kind in ("body", "text"):
            return (kind.upper(), self.words(message.body if kind == "body" or dice.random() < 0.5 else [v for _, v in message.fields]))
        if kind == "set":
            some = [(dice.randrange(len(self.messages)) + 1, dice.choice([0, dice.randrange(len(self.messages)) + 1])) for _ in range(dice.randrange(1, 4))]
            return ("SET", dice.choice(["", "UID "]), some)
        if kind == "size":
            return ("SIZE", dice.choice(["LARGER", "SMALLER"]), message.size + dice.choice([-1, 0, 1]))
        if kind == "age":
            return ("AGE", dice.choice(["OLDER", "YOUNGER"]), max(1, self.now - message.internal + 1000))   # away from the second we run in
        when = message.sent if kind == "sent" and message.sent else datetime.datetime.fromtimestamp(message.internal, datetime.timezone.utc).date()
        return (kind.upper(), dice.choice(["BEFORE", "ON", "SINCE"]), when + datetime.timedelta(days=dice.choice([-1, 0, 0, 1])))


def string(text, charset):
    data = text.encode(charset)
    plain = data.isascii() and not re.search(rb'[\r\n"\\\0]', data)
    return b'"' + data + b'"' if plain else b"{%d+}\r\n%s" % (len(data), data)


def written(query, charset, dice):
    kind, *rest = query
    if kind == "AND":
        return b"(" + b" ".join(written(q, charset, dice) for q in rest) + b")"
    if kind in ("OR", "NOT"):
        return b" ".join([kind.encode(), *(written(q, charset, dice) for q in rest)])
    if kind == "FLAG":
        return rest[0][1:].upper().encode() if rest[0].startswith("\\") else b"KEYWORD " + rest[0].encode()
    if kind == "HEADER":
        if rest[0] in ("from", "to", "cc", "bcc", "subject") and rest[1] and dice.random() < 0.7:
            return rest[0].upper().encode() + b" " + string(rest[1], charset)
        return b"HEADER " + rest[0].encode() + b" " + string(rest[1], charset)
    if kind in ("BODY", "TEXT"):
        return kind.encode() + b" " + string(rest[0], charset)
    if kind == "SET":
        return rest[0].encode() + ",".join(f"{a or '*'}:{b or '*'}" for a, b in rest[1]).encode()
    if kind in ("SIZE", "AGE"):
        return f"{rest[0]} {rest[1]}".encode()
    return (("SENT" if kind == "SENT" else "") + f"{rest[0]} {rest[1].day}-{MONTHS[rest[1].month - 1]}-{rest[1].year}").encode()


def charset_for(query, dice):
    def texts(q):
        return [x for part in q[1:] for x in (texts(part) if isinstance(part, tuple) else [part] if isinstance(part, str) else [])]
    for charset in dice.sample(["iso-8859-1", "utf-8"], 2):
        try:
            "".join(texts(query)).encode(charset)
            return charset
        except UnicodeEncodeError:
            continue
    return "utf-8"


def main():
    full = bool(os.environ.get("BUZON_FULL"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000 if full else 300)
    parser.add_argument("--queries", type=int, default=1000 if full else 60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6) if full else 151594)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    raws = real_messages(min(options.messages * 2 // 3, 6046), dice)
    raws += [made(dice, number) for number in range(options.messages - len(raws))]
    dice.shuffle(raws)
    with Buzon(accounts=["ana"]) as mail:
        wire, messages = Wire(mail, "ana"), []
        wire.command("CREATE box")
        for number, raw in enumerate(raws):
            flags = dice.sample(FLAGS, dice.randrange(3))
            internal = START + number * 7919
            when = datetime.datetime.fromtimestamp(internal, datetime.timezone.utc)
            date = f"{when.day:2d}-{MONTHS[when.month - 1]}-{when.year} {when:%H:%M:%S} +0000"
            _, tagged = wire.command(f'APPEND box ({" ".join(flags)}) "{date}"', raw)
            assert tagged.startswith("OK"), tagged
            messages.append(Message(raw, flags, internal))
        wire.command("SELECT box")
        queries, wrong, hits, spent = Queries(messages, dice, int(time.time())), 0, 0, 0.0
        for turn in range(options.queries):
            query = ("AND", *(queries.key(1) for _ in range(dice.randrange(1, 3))))
            charset = charset_for(query, dice)
            line = b"UID SEARCH RETURN (ALL) CHARSET " + charset.encode() + b" " + b" ".join(written(q, charset, dice) for q in query[1:])
            start = time.monotonic()
            lines, tagged = wire.command(line)
            spent += time.monotonic() - start
            assert tagged.startswith("OK"), (line, tagged)
            m = re.search(r"ALL (\S+)", lines[0])
            found = set(numbers(m.group(1))) if m else set()
            wanted = {n for n, message in enumerate(messages, 1) if matches(query, message, n, len(messages), queries.now)}
            hits += bool(wanted)
            if found != wanted:
                wrong += 1
                print(f"seed {options.seed} query {turn}: {line!r}\n  missing {sorted(wanted - found)[:5]}, too many {sorted(found - wanted)[:5]}")
                for n in sorted(wanted ^ found)[:1]:
                    print(f"  UID {n}: {raws[n - 1][:600]!r}")
    print(f"{options.queries} queries over {len(messages)} messages (seed {options.seed}): {hits} with a match, {wrong} differ; "
          f"{1000 * spent / options.queries:.0f} ms each")
    return 1 if wrong or hits < options.queries // 4 else 0


if __name__ == "__main__":
    sys.exit(main())
