#!/usr/bin/env python3
"""Mail to a server of old that offers no extension but SIZE: 8-bit content arrives as 7-bit MIME with the same text and octets, a signed message
comes back to its sender instead (5.6.3), an internationalized domain is looked up and written with A-labels."""
import email
import email.policy
import pathlib
import socket
import os
import re
import shutil
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from smtp import Submission  # noqa: E402


class OldServer(threading.Thread):
    """RFC 5321 without extensions; takes everything."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.lines, self.messages, self.eight_bit = [], [], []   # eight_bit: messages that hold it

    def run(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        file = connection.makefile("rwb")

        def say(line):
            file.write(line + b"\r\n")
            file.flush()
        say(b"220 old.outside.test")
        while line := file.readline():
            self.lines.append(line)
            verb = line[:4].upper()
            if verb == b"EHLO":
                say(b"250-old.outside.test\r\n250 SIZE 10000000")
            elif verb == b"DATA":
                say(b"354 go on")
                data = []
                while (line := file.readline()) not in (b".\r\n", b""):
                    data.append(line[1:] if line.startswith(b".") else line)
                self.eight_bit += [data] if any(b >= 0x80 for piece in data for b in piece) else []
                self.messages.append(b"".join(data))
                say(b"250 taken")
            elif verb == b"QUIT":
                say(b"221 bye")
                return
            else:
                say(b"250 ok")


HEAD = "From: Ana <ana@example.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@phone.test>\r\nMIME-Version: 1.0\r\n"


def submit(mail, to, data):
    client = Submission(mail).secure()
    client.login(mail.address("ana"), mail.password("ana"))
    options = "BODY=8BITMIME" + ("" if to.isascii() else " SMTPUTF8")
    for line, wanted in ((f"MAIL FROM:<{mail.address('ana')}> {options}", 250), (f"RCPT TO:<{to}>", 250), ("DATA", 354)):
        client.send(line.encode() + b"\r\n")
        code, text = client.getreply()
        assert code == wanted, (line, code, text)
    client.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
    code, text = client.getreply()
    assert code == 250, text
    client.quit()


def message(subject, rest, to="old@outside.test"):
    return (f"From: Ana <ana@example.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@phone.test>\r\n"
            "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n").encode() + rest


def notifications(mail):
    return mail.count("ana", "INBOX")


def last_notification(mail):
    with mail.imap("ana", "INBOX") as box:
        return box.fetch(str(notifications(mail)), "(BODY.PEEK[])")[1][0][1]


def leaves(data):
    """(type, octets without the last line end) of every leaf."""
    found = email.message_from_bytes(data, policy=email.policy.compat32)
    return [(part.get_content_type(), part.get_payload(decode=True).removesuffix(b"\r\n")) for part in found.walk() if not part.is_multipart()]


BODIES = {
    "latin": b'Content-Type: text/plain; charset="iso-8859-1"\r\nContent-Transfer-Encoding: 8bit\r\n\r\nMa\xf1ana ser\xe1 otro d\xeda.\r\n.\r\n',
    "japanese": "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\u65e5\u672c\u8a9e\u306e\u6587\r\n".encode(),
    "mixed": "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ncaf\u00e9 au lait\r\n--b\r\n"
             "Content-Type: text/html\r\n\r\n<p>plain</p>\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
             + bytes(b for b in range(0x80, 0x100)) + b"\r\n--b--\r\n",
    "large": b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "l\u00ednea de texto que se repite\r\n".encode() * 40_000,
}


def from_corpus():
    """Real and made messages with 8-bit in them, each as it can be sent."""
    root = os.environ.get("BUZON_CORPUS")
    for group in ("i18n-made", "mime", "real-mail/sample") if root else ():
        for path in sorted((pathlib.Path(root) / group).rglob("*")):
            if not path.is_file() or path.stat().st_size > 300_000:
                continue
            data = re.sub(rb"\r\n|\n", b"\r\n", path.read_bytes())
            if data.isascii() or b"\0" in data or re.search(rb"\r(?!\n)", data) or not re.match(rb"[A-Za-z][A-Za-z-]*:", data):
                continue
            yield path, data if data.endswith(b"\r\n") else data + b"\r\n"


def corpus_survives(mail, server):
    """Every message arrives in ASCII with the octets of its leaves, or is refused with 5.6.3 for a reason of its own."""
    differ, refused, count = [], 0, 0
    for path, data in from_corpus():
        before = len(server.messages), notifications(mail)
        try:
            submit(mail, "old@outside.test", data)
        except AssertionError:   # refused at the door: a header no server takes
            continue
        count += 1
        wait_until(f"{path.name} arrives or comes back", lambda: len(server.messages) > before[0] or notifications(mail) > before[1], 20)
        if len(server.messages) == before[0]:
            refused += 1
            report = last_notification(mail)
            assert b"Status: 5.6.3" in report, (path, report[:2000])
        elif leaves(server.messages[-1]) != leaves(data):
            differ.append(path.name)
    return count, refused, differ


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="old-peer-"))
    folder.chmod(0o755)
    server = OldServer()
    server.start()
    zone = folder / "dns.conf"
    zone.write_text('server:\n  do-not-query-localhost: no\n  local-zone: "test." static\n'
                    '  local-data: "outside.test. MX 10 old.outside.test."\n  local-data: "old.outside.test. A 127.0.0.1"\n'
                    '  local-data: "xn--mnchen-3ya.test. MX 10 old.outside.test."\n')
    with Buzon(accounts=(), settings=f'[mx]\nport = {server.port}\n[dns]\nconfig_file = "{zone}"\n') as mail:
        mail.add_account("ana", None, "--send-as", "*")   # the corpus is by all kinds of people
        for number, (name, rest) in enumerate(BODIES.items(), 1):
            data = message(name, rest)
            submit(mail, "old@outside.test", data)
            wait_until(f"arrival of {name}", lambda: len(server.messages) == number, 30)
            assert leaves(server.messages[-1]) == leaves(data), (name, server.messages[-1][:1500])
        assert not server.eight_bit and not any(b"BODY=" in line or b"SMTPUTF8" in line for line in server.lines)
        assert len(mail.events("mta", "converted_to_7bit")) == len(BODIES)
        # nobody may change what is signed
        submit(mail, "old@outside.test", message("signed", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ncaf\u00e9\r\n--b--\r\n".encode()))

        wait_until("the notification", lambda: notifications(mail) == 1, 20)
        assert b"Status: 5.6.3" in last_notification(mail)
        submit(mail, "old@m\u00fcnchen.test", message("idn", b"\r\nplain\r\n"))
        wait_until("arrival at the internationalized domain", lambda: len(server.messages) == len(BODIES) + 1, 20)
        assert any(line.upper().startswith(b"RCPT TO:<OLD@XN--MNCHEN-3YA.TEST>") for line in server.lines), server.lines[-6:]
        wait_until("queue empty", lambda: "queue is empty" in mail.run("queue", "list").stdout, 20)
        count, refused, differ = corpus_survives(mail, server)
        assert not server.eight_bit, b"".join(server.eight_bit[0])[:3000]
        assert not differ, differ
        assert count > 50 or not os.environ.get("BUZON_CORPUS"), f"only {count} messages of the corpus could be sent"
        wait_until("queue empty", lambda: "queue is empty" in mail.run("queue", "list").stdout, 20)
    shutil.rmtree(folder)
    print(f"{count} messages of the corpus: {count - refused} arrived with the octets of their leaves, {refused} came back (5.6.3)")
    print(f"{len(BODIES)} messages with 8-bit content arrived as 7-bit with the same octets; the signed one came back; the domain went as A-labels")


main()
