#!/usr/bin/env python3
"""The journey in: 480 real messages by smtplib and 20 by swaks over STARTTLS on 25, while a session idles. Each is announced to the idling session
within a second of its 250 and comes back octet for octet behind its trace header. Messages that must be refused are, with the code expected.
"""
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, corpus, wait_until  # noqa: E402
from smtp import Submission  # noqa: E402

BY_SMTPLIB, BY_SWAKS = 480, 20


def normalised(path):
    """CRLF line ends; an mbox separator line is not part of the message. None: nothing that could be sent."""
    data = path.read_bytes()
    if data.startswith(b"From "):
        data = data.split(b"\n", 1)[1]
    data = re.sub(rb"\r\n|\n", b"\r\n", data)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    return data if len(data) > 20 else None


def choose(folder):
    groups = ["real-mail/sample", "i18n-made", "mime/mail-parser", "mime/mime4j-testmsgs", "mime/ruby-mail", "dsn/sisimai-dos", "mime/james",
              "mime/nodemailer-mailparser", "mime/cpython"]
    good, refused = [], []
    for group in groups:
        for path in sorted((folder / group).rglob("*")):
            if not path.is_file() or path.name.startswith(".") or path.suffix in (".bin", ".json", ".xml", ".txt", ".out", ".tsv", ".md", ".py", ".rb", ".xz"):
                continue
            data = normalised(path)
            if data is None or len(data) > 2_000_000:
                continue
            bare = re.search(rb"\r(?!\n)", data) or b"\0" in data
            (refused if bare else good).append((path, data))
    return good, refused


class Idler(threading.Thread):
    """Notes when each EXISTS arrives."""

    def __init__(self, mail):
        super().__init__(daemon=True)
        self.socket = mail.connect("imaps")
        self.seen, self.ended = {}, None
        self.buffer = b""
        self.read_line()
        self.command(f'a LOGIN {mail.address("ana")} {mail.password("ana")}')
        self.command("b SELECT INBOX")
        self.socket.sendall(b"c IDLE\r\n")
        assert self.read_line().startswith(b"+")

    def read_line(self):
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def command(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        tag = line.split()[0].encode()
        while True:
            reply = self.read_line()
            if reply.startswith(tag + b" "):
                assert b" OK" in reply, reply
                return

    def run(self):
        self.socket.settimeout(120)
        try:
            while True:
                m = re.match(rb"\* (\d+) EXISTS", self.read_line())
                if m:
                    now = time.monotonic()
                    for number in range(max(self.seen, default=0) + 1, int(m.group(1)) + 1):
                        self.seen[number] = now
        except (EOFError, OSError) as error:
            self.ended = error


def main():
    good, refused = choose(corpus())
    assert len(good) >= BY_SMTPLIB + BY_SWAKS, f"only {len(good)} messages"
    with Buzon() as mail:
        idler = Idler(mail)
        idler.start()
        accepted, sent = [], []
        client = Submission(mail, "smtp").secure()
        for number, (path, data) in enumerate(good[:BY_SMTPLIB]):
            if number % 50 == 49:   # not one connection for all
                client.quit()
                client = Submission(mail, "smtp").secure()
            client.mail("stranger@outside.test")
            client.rcpt(mail.address("ana"))
            code, text = raw_data(client, data)
            assert code == 250, (path, code, text)
            accepted.append(time.monotonic())
            sent.append((path, data))
            wait_until(f"EXISTS {len(sent)}", lambda: len(idler.seen) >= len(sent), 10)
        listed = []
        for path, data in refused[:30]:
            client.mail("stranger@outside.test")
            client.rcpt(mail.address("ana"))
            code, text = raw_data(client, data)
            listed.append((path.name, code, text.decode(errors="replace")[:60]))
            assert 500 <= code < 600, (path, code, text)
            client.close() if code == 521 else client.rset()
            if client.sock is None:
                client = Submission(mail, "smtp").secure()
        client.quit()
        for path, data in good[BY_SMTPLIB:BY_SMTPLIB + BY_SWAKS]:
            swaks(mail, path, data)
            accepted.append(time.monotonic())
            sent.append((path, data))
            wait_until(f"EXISTS {len(sent)}", lambda: len(idler.seen) >= len(sent), 10)
        delays = sorted(1000 * (idler.seen[n + 1] - accepted[n]) for n in range(len(sent)))
        print(f"{len(sent)} messages; EXISTS after 250: p50 {delays[len(delays) // 2]:.1f} ms, p99 {delays[len(delays) * 99 // 100]:.1f} ms, "
              f"max {delays[-1]:.1f} ms (negative: before the client had read the 250)")
        assert delays[-1] < 1000, delays[-5:]
        different = compare(mail, sent)
        print(f"{len(sent) - different} of {len(sent)} come back identical behind their trace headers")
        for row in listed:
            print("refused:", *row)
        assert different == 0
        assert mail.run("verify").returncode == 0


def raw_data(client, data):
    """DATA without smtplib's own line-end repair."""
    code, text = client.docmd("DATA")
    if code != 354:
        return code, text
    client.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
    return client.getreply()


def swaks(mail, path, data):
    file = mail.folder / "swaks.eml"
    file.write_bytes(data.replace(b"\r\n", b"\n")[:-1])   # swaks ends the last line itself
    done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(mail.port("smtp")), "--tls", "--tls-verify", "--tls-ca-path", mail.ca,
                           "--tls-verify-target", mail.host, "--from", "stranger@outside.test", "--to", mail.address("ana"), "--data", f"@{file}",
                           "--no-data-fixup", "--helo", "swaks.test"], capture_output=True, text=True)
    if done.returncode and "tls-verify-target" in done.stderr:
        done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(mail.port("smtp")), "--tls", "--tls-ca-path", mail.ca,
                               "--from", "stranger@outside.test", "--to", mail.address("ana"), "--data", f"@{file}", "--helo", "swaks.test"],
                              capture_output=True, text=True)
    assert done.returncode == 0, (path, done.stdout[-1500:], done.stderr)


def compare(mail, sent):
    different = 0
    with mail.imap("ana", "INBOX") as client:
        for number, (path, data) in enumerate(sent, 1):
            kind, reply = client.fetch(str(number), "(BODY.PEEK[])")
            body, data = reply[0][1], without_return_path(data)
            if not body.endswith(data) or not trace_only(body[:len(body) - len(data)]):
                different += 1
                at = next((n for n in range(1, min(len(data), len(body)) + 1) if data[-n] != body[-n]), min(len(data), len(body)))
                print(f"DIFFERS {path}: {len(body)} octets for {len(data)}; {at} from the end: sent {data[-at:][:60]!r}, got {body[-at:][:60]!r}; "
                      f"trace {trace_only(body[:len(body) - len(data)])}, before it {body[-at - 40:][:40]!r}")
    return different


def without_return_path(data):
    """Final delivery puts its own Return-Path in the place of older ones (RFC 5321 section 4.4)."""
    head = re.match(rb"(?s)(?:[^\r\n: \t]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*", data).group()
    return re.sub(rb"(?im)^Return-Path[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", b"", head) + data[len(head):]


def trace_only(head):
    """Return-Path and Received fields, whole ones, nothing else."""
    fields = re.findall(rb"(?s)(\S+?):.*?\r\n(?![ \t])", head)
    return head.endswith(b"\r\n") and fields and set(f.lower() for f in fields) <= {b"return-path", b"received", b"delivered-to"} and \
        b"received" in [f.lower() for f in fields]


if __name__ == "__main__":
    main()
