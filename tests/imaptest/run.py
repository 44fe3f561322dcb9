#!/usr/bin/env python3
"""Plays scripted IMAP sessions in the form of Dovecot's imaptest against a server and says which hold.

    run.py --host 127.0.0.1 --port 10993 --tls --ca CA --user NAME --password-file F [--exceptions FILE] SCRIPT...

A script: header lines (capabilities, connections, messages, state), an empty line, then commands with the replies that must come
("* ..."), must not come ("! ...") and the tagged result. Names after "$" are bound by their first match.
Exceptions: a file of "script <tab> reason"; a listed script must fail, so that a stale line is seen.
"""
import argparse
import os
import re
import socket
import ssl
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "harness")]
import imap_tap  # noqa: E402
from replies import Variables, match_untagged, match_one, parse  # noqa: E402


class Failed(Exception):
    pass


class Reply(list):
    """The tokens of an untagged reply; original: what number its message had when the command began (0: came later)."""
    original = None


class Connection:
    def __init__(self, options, number):
        self.number, self.buffer, self.counter = number, b"", 0
        raw = socket.create_connection((options.host, options.port), timeout=20)
        if options.tls:
            context = imap_tap.tapped(ssl.create_default_context(cafile=options.ca))
            context.check_hostname = False
            raw = context.wrap_socket(raw, server_hostname=options.name)
        self.socket = raw
        self.exists, self.original = 0, []
        self.read_reply()

    def read_reply(self):
        """One reply as text, its literals taken out as markers."""
        literals, text = [], ""
        while True:
            while b"\r\n" not in self.buffer:
                more = self.socket.recv(65536)
                if not more:
                    raise Failed(f"connection {self.number} ended")
                self.buffer += more
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            text += line.decode("latin-1")
            m = re.search(r"\{(\d+)\}$", text)
            if not m:
                return text, literals
            size = int(m.group(1))
            while len(self.buffer) < size:
                more = self.socket.recv(65536)
                if not more:
                    raise Failed(f"connection {self.number} ended inside a literal")
                self.buffer += more
            literals.append(self.buffer[:size].decode("latin-1"))
            self.buffer = self.buffer[size:]
            text = text[:m.start()] + f"\x00{len(literals) - 1}\x00"

    def send(self, tag, command, literals):
        data = (tag + " " + command).encode("latin-1")
        pieces = re.split(rb"\x00(\d+)\x00", data)
        out = pieces[0]
        for index, rest in zip(pieces[1::2], pieces[2::2]):
            body = literals[int(index)].encode("latin-1")
            self.socket.sendall(out + b"{%d}\r\n" % len(body))
            while True:
                text, _ = self.read_reply()
                if text.startswith("+"):
                    break
                if text.startswith(tag + " "):
                    return text
            out = body + rest
        self.socket.sendall(out + b"\r\n")
        return None

    def start(self):
        self.original = list(range(1, self.exists + 1))

    def collect(self, tag, early=None):
        """Untagged replies up to the tagged one; keeps the original number of each expunged message."""
        untagged = []
        while True:
            text, literals = (early, []) if early else self.read_reply()
            early = None
            if text.startswith("* "):
                tokens = Reply(parse(text[2:], literals))
                self.track(tokens)
                untagged.append(tokens)
            elif text.startswith(tag + " "):
                return untagged, parse(text[len(tag) + 1:], literals)
            elif not text.startswith("+"):
                raise Failed(f"neither untagged nor tagged {tag}: {text}")

    def track(self, tokens):
        if len(tokens) < 2 or not isinstance(tokens[1], str) or not tokens[0].isdigit():
            return
        number, kind = int(tokens[0]), tokens[1].lower()
        if kind == "exists":
            self.original += [0] * (number - len(self.original))
            self.exists = number
        elif kind == "expunge":
            if not 1 <= number <= len(self.original):
                raise Failed(f"EXPUNGE {number} of {len(self.original)} messages")
            tokens.original = self.original.pop(number - 1)
            self.exists = len(self.original)
        elif kind == "fetch" and 1 <= number <= len(self.original):
            tokens.original = self.original[number - 1]


def read_mbox(path):
    with open(path, "rb") as file:
        data = file.read().decode("latin-1").replace("\r\n", "\n")
    pieces = re.split(r"(?m)^From (.*)\n", data)[1:]
    return [(internal_date(line), message) for line, message in zip(pieces[::2], pieces[1::2])]


def internal_date(from_line):
    """The date of an mbox separator as APPEND takes it; empty if it has none."""
    m = re.search(r"([A-Z][a-z]{2}) +(\d+) (\d\d:\d\d:\d\d) (\d{4})(?: ([-+]\d{4}))?", from_line)
    return f'"{int(m.group(2)):2d}-{m.group(1)}-{m.group(4)} {m.group(3)} {m.group(5) or "+0000"}" ' if m else ""


# Scripts whose mbox has another name: fetch-body-mime quotes the message of fetch-binary-mime.mbox octet for octet (it is the same script with
# BODY for BINARY); thread-orderedsubject threads the 15 subjects of sort-subject.mbox.
MBOX_OF = {"fetch-body-mime": "fetch-binary-mime", "thread-orderedsubject": "sort-subject"}


# A script that fetches messages and does not say how many there must be; its twin urlauth does.
MESSAGES_OF = {"urlauth2": "2"}


class Script:
    def __init__(self, path, options):
        self.path, self.options, self.name = path, options, os.path.basename(path)
        with open(path, "rb") as file:
            text = file.read().decode("latin-1")
        head, _, body = text.partition("\n\n")
        self.head = dict(re.findall(r"(?m)^([a-z_]+): *(.*)$", head))
        if not self.head:
            body = text
        self.literals = []

        def take(m):
            octets = m.group(2).removesuffix("\n")   # of a literal8 as they are
            self.literals.append(octets if m.group(1) else re.sub(r"(?<!\r)\n", "\r\n", octets))
            return f"{m.group(1)}\x00{len(self.literals) - 1}\x00"
        self.lines = [line for line in re.sub(r"(?s)(~?)\{\{\{\n(.*?)\}\}\}", take, body).split("\n")
                      if line.strip() and not line.startswith("#")]
        self.many = int(self.head.get("connections", 1))
        self.messages, self.next_message = read_mbox(self.mbox_of(path)), 0
        self.mailbox = "imaptest" + re.sub(r"\W", "", self.name)
        self.variables = Variables(mailbox=self.mailbox, mailbox_url=self.mailbox, user=options.user, password=options.secret,
                                   username=options.user.split("@")[0], domain=options.user.split("@")[-1])

    @staticmethod
    def mbox_of(path):
        """SCRIPT.mbox; without one that of the name before the last "-", and so on; at the end default.mbox."""
        folder, name = os.path.split(path)
        name = MBOX_OF.get(name, name)
        while name:
            if os.path.exists(os.path.join(folder, name + ".mbox")):
                return os.path.join(folder, name + ".mbox")
            name = name.rpartition("-")[0]
        return os.path.join(folder, "default.mbox")

    def one(self, connection, command, literals=()):
        tag = f"x{connection.counter}"
        connection.counter += 1
        connection.start()
        early = connection.send(tag, command, list(literals))
        return connection.collect(tag, early)

    def must(self, connection, command, literals=()):
        untagged, result = self.one(connection, command, literals)
        if result[0].lower() != "ok":
            raise Failed(f"set-up: {command} -> {' '.join(map(str, result))}")
        return untagged

    def append_next(self, connection, arguments):
        date, message = self.messages[self.next_message % len(self.messages)]
        self.next_message += 1
        return f"{arguments or self.mailbox} {date}\x000\x00", [message.replace("\n", "\r\n")]

    def run(self):
        state = self.head.get("state", "selected")
        self.connections = [Connection(self.options, n + 1) for n in range(self.many)]
        first = self.connections[0]
        if state != "nonauth":
            for connection in self.connections:
                self.must(connection, f'LOGIN "{self.options.user}" "{self.options.secret}"')
        if state != "nonauth":
            for name in self.leftovers(first):
                self.one(first, f'DELETE "{name}"')
        if state in ("created", "appended", "selected"):
            self.must(first, f"CREATE {self.mailbox}")
        if state in ("appended", "selected"):
            count = self.head.get("messages", MESSAGES_OF.get(self.name, "0"))
            for _ in range(len(self.messages) if count == "all" else int(count)):
                arguments, literal = self.append_next(first, "")
                self.must(first, "APPEND " + arguments, literal)
        if state == "selected":
            for connection in self.connections:
                self.must(connection, f"SELECT {self.mailbox}")
        self.play()

    def leftovers(self, connection):
        names = []
        for tokens in self.must(connection, f'LIST "" "{self.mailbox}*"'):
            if tokens[0].lower() == "list":
                names.append(tokens[3])
        return sorted(names, key=len, reverse=True)

    def play(self):
        pending, at = {}, 0
        while at < len(self.lines):
            at = self.step(at, pending)
        if pending:
            raise Failed(f"no result line for {', '.join(pending)}")

    def step(self, at, pending):
        line = self.lines[at]
        number, rest = self.split_connection(line)
        connection = self.connections[number - 1]
        pipelined = re.match(r"(tag\d+) (.*)$", rest, re.S)
        if pipelined:
            return self.pipelined(at, pending)
        inline = re.match(r'(ok|no|bad|"")(?: |$)(.*)$', rest, re.S)
        command = inline.group(2) if inline else rest
        wanted, banned = [], []
        at += 1
        while at < len(self.lines) and self.lines[at][:2] in ("* ", "! ", "? "):
            if self.lines[at][0] != "?":   # "?": may come
                (wanted if self.lines[at][0] == "*" else banned).append(self.lines[at][2:])
            at += 1
        result = inline.group(1) if inline else None
        if result is None:
            if at == len(self.lines):
                raise Failed(f"no result line after: {line}")
            result = self.split_connection(self.lines[at])[1]
            at += 1
        self.command(connection, command, wanted, banned, result, line)
        return at

    def split_connection(self, line):
        m = re.match(r"(\d+) (.*)$", line, re.S) if self.many > 1 else None
        return (int(m.group(1)), m.group(2)) if m else (1, line)

    def prepare(self, command, connection):
        m = re.match(r"(?i)append(?: (.*))?$", command, re.S)
        literals = self.literals
        if m and "\x00" not in command:
            arguments, literals = self.append_next(connection, self.variables.expand(m.group(1) or ""))
            return "append " + arguments, literals
        return self.variables.expand(command), literals

    def command(self, connection, command, wanted, banned, result, line):
        tag = f"s{connection.counter}"
        connection.counter += 1
        self.variables["tag"] = tag
        text, literals = self.prepare(command, connection)
        connection.start()
        early = connection.send(tag, text, literals)
        untagged, tagged = connection.collect(tag, early)
        self.check(untagged, wanted, banned, line)
        self.check_result(result, tagged, line)

    def check_result(self, result, tagged, line):
        tokens = parse(result, self.literals)
        if not tokens or tokens[0] in ('""', ""):
            return
        if tokens[0].lower() != tagged[0].lower():
            raise Failed(f"{line}\n    wanted {result}, got {' '.join(map(str, tagged))}")
        if len(tokens) > 1 and tokens[1].startswith("["):
            if len(tagged) < 2 or not match_one(tokens[1], tagged[1], self.variables, ""):
                raise Failed(f"{line}\n    wanted {result}, got {' '.join(map(str, tagged))}")

    def check(self, untagged, wanted, banned, line):
        for text in wanted:
            tokens = parse(text, self.literals)
            for got in untagged:
                bound = self.compare(tokens, got)
                if bound is not None:
                    self.variables.update(bound)
                    break
            else:
                raise Failed(f"{line}\n    missing: * {text}\n    got: " + "\n         ".join(map(str, untagged)))
        for text in banned:
            tokens = parse(text, self.literals)
            for got in untagged:
                if self.compare(tokens, got) is not None:
                    raise Failed(f"{line}\n    must not come: * {text}")

    def compare(self, tokens, got):
        """A leading $N means: the message that had number N when the command began, whatever was expunged since."""
        m = re.fullmatch(r"\$(\d+)", tokens[0]) if isinstance(tokens[0], str) else None
        if m:
            if got.original != int(m.group(1)):
                return None
            tokens = [got[0]] + tokens[1:]
        return match_untagged(tokens, got, self.variables)

    def pipelined(self, at, pending):
        """Lines "[conn] tagN command" sent together, then what must come, then their results."""
        sent = {}
        while at < len(self.lines):
            number, rest = self.split_connection(self.lines[at])
            m = re.match(r"(tag\d+) (.*)$", rest, re.S)
            if not m or re.match(r"(ok|no|bad)\b", m.group(2)):
                break
            connection = self.connections[number - 1]
            sent.setdefault(connection, []).append((m.group(1), self.variables.expand(m.group(2)), self.lines[at]))
            at += 1
        for connection, commands in sent.items():
            connection.start()
            connection.socket.sendall("".join(f"{tag} {text}\r\n" for tag, text, _ in commands).encode("latin-1"))
        untagged, results = [], {}
        for connection, commands in sent.items():
            for tag, _, _ in commands:
                lines, tagged = connection.collect(tag)
                untagged += lines
                results[connection.number, tag] = tagged
        wanted, banned = [], []
        while at < len(self.lines) and self.lines[at][:2] in ("* ", "! ", "? "):
            if self.lines[at][0] != "?":   # "?": may come
                (wanted if self.lines[at][0] == "*" else banned).append(self.lines[at][2:])
            at += 1
        self.check(untagged, wanted, banned, "pipelined commands")
        for _ in range(len(results)):
            number, rest = self.split_connection(self.lines[at])
            tag, _, result = rest.partition(" ")
            if (number, tag) not in results:
                raise Failed(f"result line for a command that was not sent: {self.lines[at]}")
            self.check_result(result, results[number, tag], self.lines[at])
            at += 1
        return at


def capabilities(options):
    connection = Connection(options, 1)
    script = Script.__new__(Script)
    script.must(connection, f'LOGIN "{options.user}" "{options.secret}"')
    for tokens in script.must(connection, "CAPABILITY"):
        if tokens[0].lower() == "capability":
            return {t.lower() for t in tokens[1:]}
    raise Failed("no CAPABILITY reply")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--name", help="name in the certificate")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--ca")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", required=True)
    parser.add_argument("--exceptions")
    parser.add_argument("scripts", nargs="+")
    options = parser.parse_args()
    with open(options.password_file) as file:
        options.secret = file.read().strip()
    exceptions = {}
    if options.exceptions:
        with open(options.exceptions) as file:
            exceptions = dict(line.rstrip("\n").split("\t", 1) for line in file if "\t" in line and not line.startswith("#"))
    offered = capabilities(options)
    counts = {"passed": 0, "failed": 0, "not offered": 0, "excepted": 0}
    for path in options.scripts:
        try:
            script = Script(path, options)
        except UnicodeError as error:
            print(f"FAILED {path}: {error}")
            counts["failed"] += 1
            continue
        missing = [c for c in script.head.get("capabilities", "").lower().split() if c not in offered]
        if missing:
            counts["not offered"] += 1
            print(f"not offered {script.name}: {' '.join(missing)}")
            continue
        try:
            script.run()
            if script.name in exceptions:
                counts["failed"] += 1
                print(f"FAILED {script.name}: it passes, but is listed as an exception")
            else:
                counts["passed"] += 1
                print(f"passed {script.name}")
        except (Failed, OSError, IndexError, ValueError, AttributeError) as error:
            if script.name in exceptions:
                counts["excepted"] += 1
                print(f"excepted {script.name}: {exceptions[script.name]}")
            else:
                counts["failed"] += 1
                print(f"FAILED {script.name}: {type(error).__name__ if not isinstance(error, Failed) else ''} {error}")
        finally:
            for connection in getattr(script, "connections", []):
                connection.socket.close()
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


if __name__ == "__main__":
    main()
