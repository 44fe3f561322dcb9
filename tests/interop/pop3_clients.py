#!/usr/bin/env python3
"""Strangers' POP3 clients on an INBOX of the corpus: raw sockets, poplib, curl, mpop, fetchmail, getmail. Each sees every message and its octets; the
second run of those that leave mail on the server fetches nothing, also after a restart. Then what the protocol promises: one session at a time,
nothing removed without QUIT, IMAP beside it, and the end of an account's sessions."""
import collections
import hashlib
import os
import pathlib
import poplib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "journeys"))
from buzon import Buzon, corpus, wait_until  # noqa: E402
from receive import choose  # noqa: E402

COUNT = 300
poplib._MAXLINE = 1 << 20   # its own limit is shorter than lines of real mail


def run(command, allowed=(0,), **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, errors="replace", **options)
    assert done.returncode in allowed, (command, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


class Pop(poplib.POP3_SSL):
    """poplib on a listener of ours, logged in."""

    def __init__(self, mail, name="ana", service="pop3s"):
        self.mail, self.service = mail, service
        super().__init__(mail.host, mail.port("pop3s"), context=mail.tls())
        self.user(mail.address(name))
        self.pass_(mail.password(name))

    def drop(self):
        self.sock.close()
        self.file.close()


def fill(mail):
    good, _ = choose(corpus())
    with mail.imap("ana") as client:
        for _, data in good[:COUNT]:
            kind, answer = client.append("INBOX", None, None, data)
            assert kind == "OK", answer
    return good[:COUNT]


class Wire:
    """Octets as they come, without anybody's idea of lines."""

    def __init__(self, mail, service="pop3s", login=True):
        self.socket, self.buffer = mail.connect(service), b""
        self.socket.settimeout(30)
        self.greeting = self.line()
        if login:
            assert self.ask(f"USER {mail.address('ana')}").startswith(b"+OK")
            assert self.ask(f"PASS {mail.password('ana')}").startswith(b"+OK")

    def send(self, text):
        self.socket.sendall(text.encode())

    def until(self, end):
        while (at := self.buffer.find(end)) < 0:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.buffer[-200:])
            self.buffer += data
        out, self.buffer = self.buffer[:at + len(end)], self.buffer[at + len(end):]
        return out

    def line(self):
        return self.until(b"\r\n")

    def ask(self, command):
        self.send(command + "\r\n")
        return self.line()

    def body(self):
        """The rest of a response of several lines, as a client that knows CRLF only reads it."""
        data = b"\r\n" + self.until(b"\r\n.\r\n")[:-3] if not self.buffer.startswith(b".\r\n") else b"\r\n" + self.until(b".\r\n")[:-3]
        return data.replace(b"\r\n.", b"\r\n")[2:]


def by_socket(mail, messages):
    wire = Wire(mail)
    wire.send("UIDL\r\nLIST\r\n" + "".join(f"RETR {n}\r\n" for n in range(1, COUNT + 1)) + "QUIT\r\n")   # one flight
    assert wire.line().startswith(b"+OK")
    uids = [line.split()[1] for line in wire.body().splitlines()]
    assert wire.line().startswith(b"+OK")
    sizes = [int(line.split()[1]) for line in wire.body().splitlines()]
    assert len(set(uids)) == COUNT and all(re.fullmatch(rb"[!-~]{1,70}", uid) for uid in uids)
    for number, (path, data) in enumerate(messages):
        said = int(re.match(rb"\+OK (\d+) octets", wire.line()).group(1))
        got = wire.body()
        assert got == data and said == len(data) == sizes[number], (path, said, sizes[number], len(data), len(got))
    assert wire.line().startswith(b"+OK")
    assert wire.socket.recv(1) == b""
    print(f"socket: {COUNT} messages octet for octet in one flight")
    return uids


def by_poplib(mail, messages, uids):
    client = Pop(mail)
    octets = sum(len(data) for _, data in messages)
    assert client.stat() == (COUNT, octets), client.stat()
    capabilities = client.capa()
    for name in ("TOP", "UIDL", "USER", "SASL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "IMPLEMENTATION"):
        assert name in capabilities, (name, capabilities)
    assert capabilities["EXPIRE"] == ["NEVER"] and capabilities["LOGIN-DELAY"] == ["0"] and "STLS" not in capabilities, capabilities
    for number, (path, data) in enumerate(messages, 1):
        _, lines, size = client.retr(number)
        assert lines == data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n"), path
        _, top, _ = client.top(number, 0)
        header = data if data.startswith(b"\r\n") else data.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"
        assert b"\n".join(top) == header.replace(b"\r\n", b"\n").removesuffix(b"\n") or b"\r\n\r\n" not in data, path
        assert client.uidl(number).split()[2] == uids[number - 1]
    client.quit()
    print(f"poplib: {COUNT} messages by RETR, TOP and UIDL")
    plain = poplib.POP3(mail.host, mail.port("pop3"))
    assert "STLS" in plain.capa() and "SASL" not in plain.capa() and "USER" not in plain.capa()
    for attempt in (lambda: plain.user(mail.address("ana")), lambda: plain._shortcmd("AUTH PLAIN AGEAYg==")):
        try:
            attempt()
            raise SystemExit("a login in clear was not refused")
        except poplib.error_proto as error:
            assert b"STLS first" in error.args[0], error
    plain.stls(mail.tls())
    plain.user(mail.address("ana"))
    try:
        plain.pass_("wrong")
        raise SystemExit("a wrong password was taken")
    except poplib.error_proto as error:
        assert b"[AUTH]" in error.args[0], error
    plain.user(mail.address("ana"))
    plain.pass_(mail.password("ana"))
    assert plain.stat()[0] == COUNT
    plain.quit()
    print("poplib: STLS on 110, no login before it")


def by_curl(mail, messages):
    login = ["curl", "-sS", "--cacert", mail.ca, "-u", f"{mail.address('ana')}:{mail.password('ana')}"]
    for url, extra in ((f"pop3s://{mail.host}:{mail.port('pop3s')}", []), (f"pop3://{mail.host}:{mail.port('pop3')}", ["--ssl-reqd"]),
                       (f"pop3s://{mail.host}:{mail.port('pop3s')}", ["--sasl-ir", "--login-options", "AUTH=PLAIN"]),
                       (f"pop3s://{mail.host}:{mail.port('pop3s')}", ["--login-options", "AUTH=LOGIN"])):
        for number in (1, 17, COUNT):
            done = subprocess.run([*login, *extra, f"{url}/{number}"], capture_output=True, timeout=60)
            assert done.returncode == 0 and done.stdout == messages[number - 1][1], (done.stderr, len(done.stdout))
    assert len(run([*login, f"pop3s://{mail.host}:{mail.port('pop3s')}/"]).stdout.splitlines()) == COUNT
    print("curl: pop3s and STLS, by its own choice, PLAIN with an initial response, LOGIN")


def digests(bodies):
    return collections.Counter(hashlib.sha256(body).hexdigest() for body in bodies)


def by_mpop(mail, messages):
    folder = mail.folder / "mpop"
    for sub in ("new", "cur", "tmp"):
        (folder / sub).mkdir(parents=True)
    config = mail.folder / "mpoprc"
    config.write_text(f"account default\nhost {mail.host}\nport {mail.port('pop3s')}\ntls on\ntls_starttls off\ntls_trust_file {mail.ca}\n"
                      f"user {mail.address('ana')}\npassword {mail.password('ana')}\nkeep on\nuidls_file {mail.folder}/mpop-uidls\n"
                      f"received_header off\ndelivery maildir {folder}\npipelining on\n")
    config.chmod(0o600)
    first = run(["mpop", "-C", str(config), "-Q"])
    got = digests(path.read_bytes() for path in (folder / "new").iterdir())
    assert got == digests(data.replace(b"\r\n", b"\n") for _, data in messages), (len(got), first.stderr[-500:])
    run(["mpop", "-C", str(config), "-Q"])
    assert len(list((folder / "new").iterdir())) == COUNT
    print(f"mpop: {COUNT} messages with pipelining, none by the second run")
    return lambda: run(["mpop", "-C", str(config), "-Q"]) and len(list((folder / "new").iterdir()))


def by_fetchmail(mail, messages):
    folder = mail.folder / "fetchmail"
    folder.mkdir()
    deliver = mail.folder / "deliver"
    deliver.write_text(f'#!/bin/sh\nexec cat >"$(mktemp {folder}/XXXXXXXX)"\n')
    deliver.chmod(0o755)
    config = mail.folder / "fetchmailrc"
    config.write_text(f"set no bouncemail\nset invisible\npoll {mail.host} proto pop3 port {mail.port('pop3s')} uidl\n"
                      f"  user \"{mail.address('ana')}\" password \"{mail.password('ana')}\" ssl sslcertck sslcertfile \"{mail.ca}\"\n"
                      f"  keep no rewrite no mimedecode pass8bits mda \"{deliver}\"\n")
    config.chmod(0o600)
    command = ["fetchmail", "-f", str(config), "--pidfile", str(mail.folder / "fetchmail.pid"), "-i", str(mail.folder / "fetchids"), "-N"]
    run(command)
    got = [path.read_bytes() for path in folder.iterdir()]
    assert len(got) == COUNT, len(got)
    # It writes some header fields in its own way; bodies come as they are.
    def body(data):
        return data.split(b"\n\n", 1)[-1].rstrip(b"\n")
    missing = digests(body(data.replace(b"\r\n", b"\n")) for _, data in messages) - digests(map(body, got))
    assert sum(missing.values()) <= COUNT // 50, missing   # headers that are none move the border between header and body
    second = run(command, allowed=(1,))
    assert "fetched" not in second.stdout and len(list(folder.iterdir())) == COUNT, second.stdout[-500:]
    print(f"fetchmail: {COUNT} messages, {sum(missing.values())} with another body border, none by the second run")
    return lambda: run(command, allowed=(1,)) and len(list(folder.iterdir()))


def by_getmail(mail, messages):
    folder, rc = mail.folder / "getmail", mail.folder / "getmail-rc"
    for sub in ("new", "cur", "tmp"):
        (folder / sub).mkdir(parents=True)
    rc.mkdir()
    as_user = ""
    if os.geteuid() == 0:   # it delivers nothing as root
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
        as_user = "user = nobody"
    (rc / "getmailrc").write_text(f"""
[retriever]
type = SimplePOP3SSLRetriever
server = {mail.host}
port = {mail.port('pop3s')}
username = {mail.address('ana')}
password = {mail.password('ana')}
ca_certs = {mail.ca}
[destination]
type = Maildir
path = {folder}/
{as_user}
[options]
read_all = false
delete = false
received = false
delivered_to = false
""")
    command = ["getmail", "--getmaildir", str(rc)]
    run(command)
    got = [path.read_bytes() for path in (folder / "new").iterdir()]
    assert len(got) == COUNT, len(got)

    def body(data):
        return data.split(b"\n\n", 1)[-1].rstrip(b"\n")
    missing = digests(body(data.replace(b"\r\n", b"\n")) for _, data in messages) - digests(map(body, got))
    assert sum(missing.values()) <= COUNT // 30, missing   # it takes messages apart and writes them anew
    second = run(command)
    assert " 0 messages " in second.stdout + second.stderr and len(list((folder / "new").iterdir())) == COUNT, second.stdout[-500:]
    print(f"getmail: {COUNT} messages, {sum(missing.values())} whose body it writes in its own way, none by the second run")
    return lambda: run(command) and len(list((folder / "new").iterdir()))


def one_at_a_time(mail):
    first = Pop(mail)
    try:
        Pop(mail)
        raise SystemExit("two sessions had the maildrop")
    except poplib.error_proto as error:
        assert b"-ERR [IN-USE]" in error.args[0], error
    assert first.stat()[0] == COUNT
    first.quit()
    for _ in range(20):   # the lock is free when QUIT is answered
        Pop(mail).quit()
    print("in use: the second session is told so; after QUIT the next one comes in at once")


def nothing_without_quit(mail):
    client = Pop(mail)
    for number in range(1, 6):
        client.dele(number)
    client.drop()
    wait_until("the dropped session is over", lambda: len(mail.events("mailstore", "pop3_end")) == len(mail.events("mailstore", "pop3_start")))
    assert mail.count("ana") == COUNT
    client = Pop(mail)
    client.dele(1)
    client.rset()
    client.quit()
    assert mail.count("ana") == COUNT
    print("dropped before QUIT: nothing is removed")


def beside_imap(mail, messages):
    client = Pop(mail)
    with mail.imap("ana", "INBOX") as imap:
        imap.store("2", "+FLAGS.SILENT", "\\Deleted")
        imap.expunge()
        imap.append("INBOX", None, None, messages[0][1])
        try:
            client.retr(2)
            raise SystemExit("an expunged message was shown")
        except poplib.error_proto as error:
            assert b"-ERR" in error.args[0]
        assert client.retr(3)[2] > 0 and client.stat()[0] == COUNT
        client.retr(4)
        client.dele(1)
        client.quit()
        kind, data = imap.uid("SEARCH", "UID 1:4")
        assert data[0].split() == [b"3", b"4"], data
        kind, data = imap.uid("SEARCH", "UID 1:5 SEEN")
        assert b"4" in data[0].split(), data
    assert mail.count("ana") == COUNT - 1
    print("beside IMAP: expunged messages are refused by their number, the others keep theirs; QUIT removes what was marked")


def ended_by_the_administrator(mail):
    client = Wire(mail)
    mail.run("account", "disable", mail.address("ana"))
    assert client.socket.recv(100) == b""
    mail.run("account", "enable", mail.address("ana"))
    Pop(mail).quit()
    print("disabled: the session ends within a second, without a word")


def main():
    with Buzon(accounts=["ana"], host="localhost") as mail:
        messages = fill(mail)
        uids = by_socket(mail, messages)
        by_poplib(mail, messages, uids)
        by_curl(mail, messages)
        again = [by_mpop(mail, messages), by_fetchmail(mail, messages), by_getmail(mail, messages)]
        one_at_a_time(mail)
        nothing_without_quit(mail)
        mail.restart()
        assert by_socket(mail, messages) == uids, "UIDL changed over a restart"
        assert [client() for client in again] == [COUNT] * 3, "a client fetched mail again after a restart"
        beside_imap(mail, messages)
        ended_by_the_administrator(mail)
        assert mail.run("verify").returncode == 0


if __name__ == "__main__":
    main()
