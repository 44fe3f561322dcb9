#!/usr/bin/env python3
"""Hostile peers against a running buzon: injection before STARTTLS, smuggling by odd line ends, peers that never read, thousands of connections that
never log in, gigantic literals, endless nesting, endless guessing. Each meets a limit that is in the config, and everybody else goes on."""
import base64
import os
import pathlib
import re
import resource
import socket
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "harness"), str(pathlib.Path(__file__).resolve().parent.parent / "transcripts")]
from buzon import Buzon, wait_until  # noqa: E402
from phone import Phone, Stalled  # noqa: E402
from scripts import append, connect, fresh_mailbox, message, multi, plain  # noqa: E402

SETTINGS = """
[gateway]
workers = 2
max_pre_login = 9500
max_pre_login_per_address = 9500
login_time = "20s"
"""


def plain_smtp(mail, service="smtp"):
    phone = Phone(mail.connect(service), greeting=False)
    phone.expect(rb"220 ")
    return phone


def over_tls(mail, phone):
    return Phone(mail.tls().wrap_socket(phone.socket, server_hostname=mail.host), greeting=False)


def starttls_injection(mail):
    for service in ("smtp", "submission"):
        phone = plain_smtp(mail, service)
        phone.send("EHLO evil.test")
        multi(phone)
        phone.packet("STARTTLS", "EHLO injected.test", "MAIL FROM:<injected@evil.test>", "RCPT TO:<ana@example.test>")
        phone.expect(rb"220 ")
        assert not phone.buffer, phone.buffer
        phone = over_tls(mail, phone)
        phone.quiet(0.5)   # an answer now would answer what came in clear
        phone.send("EHLO after.test")
        assert b"250-" in multi(phone)[0]
        phone.send("RCPT TO:<ana@example.test>")
        assert re.match(rb"5(03|30) ", phone.line())   # no MAIL was taken over
    return "what was sent in clear before STARTTLS is thrown away"


ENDS = {"LF.CRLF": b"\n.\r\n", "LF.LF": b"\n.\n", "CRLF.LF": b"\r\n.\n", "CR.CRLF": b"\r.\r\n", "CR.CR": b"\r.\r", "CRLF.CR": b"\r\n.\r",
        "LF.CR LF": b"\n.\r \n", "NUL": b"\r\n\0.\r\n", "CRLF NUL.CRLF": b"\r\n.\0\r\n"}


def smuggling(mail):
    before, answers = mail.count("ana"), {}
    for name, end in ENDS.items():
        phone = plain_smtp(mail)
        phone.send("EHLO evil.test")
        multi(phone)
        phone.send("MAIL FROM:<outer@outside.test>")
        phone.expect(rb"250 ")
        phone.send("RCPT TO:<ana@example.test>")
        phone.expect(rb"250 ")
        phone.send("DATA")
        phone.expect(rb"354 ")
        phone.write(b"Subject: outer\r\n\r\ntext" + end + b"MAIL FROM:<smuggled@outside.test>\r\nRCPT TO:<ana@example.test>\r\nDATA\r\n"
                    b"Subject: smuggled\r\n\r\ntext\r\n.\r\n")
        answers[name] = phone.line()[:3].decode()
        try:
            phone.send("QUIT")
            rest = []
            while True:
                rest.append(phone.line())
        except (Stalled, OSError):
            pass
        assert not any(line.startswith((b"250", b"354")) for line in rest[:-1]), (name, rest)
    wait_until("the queue is empty", lambda: '"qid"' not in mail.run("queue", "list", "--json").stdout)
    accepted = sum(code == "250" for code in answers.values())
    assert mail.count("ana") == before + accepted, (before, mail.count("ana"), answers)
    with mail.imap("ana", "INBOX") as box:
        assert box.search(None, "SUBJECT", "smuggled")[1][0] == b""
    return f"no variant smuggles a second message: {answers}"


def rss(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def never_reads(mail):
    owner = connect(mail, "whole", "ana")
    fresh_mailbox(owner, "Large")
    for number in range(20):
        append(owner, f"n{number}", "Large", message(f"large{number}", "x" * 70 + "\r\n", "") + (b"y" * 76 + b"\r\n") * 13000)
    pids = mail.pid("mailstore") + mail.pid("gateway")
    before = sum(map(rss, pids))
    mute = connect(mail, "whole", "ana", "M")
    mute.ok("M2", "SELECT Large")
    mute.socket.settimeout(1)
    sent = 0
    try:
        for number in range(5000):
            mute.socket.sendall(b"M%d FETCH 1:* (BODY.PEEK[])\r\n" % (number + 10))
            sent += 1
    except (TimeoutError, OSError):
        pass
    grown = sum(map(rss, pids)) - before
    owner.ok("n98", "NOOP")   # everybody else goes on
    assert grown < 64 << 10, f"memory grew by {grown} KiB"
    mute.socket.close()
    return f"a peer that asks {sent} times for 20 MB and reads nothing costs {max(0, grown)} KiB"


def crowd(mail):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    sockets = []
    for number in range(9000):
        s = socket.socket()
        s.bind((f"127.0.0.{2 + number // 4000}", 0))
        s.connect(("127.0.0.1", mail.port("imaps")))
        sockets.append(s)
    started = time.monotonic()
    connect(mail, "whole", "ana").ok("c1", "NOOP")
    took = time.monotonic() - started
    memory = sum(map(rss, mail.pid("gateway")))
    for s in sockets:
        s.close()
    assert took < 5, took
    return f"9,000 connections that say nothing: login still takes {1000 * took:.0f} ms, gateway {memory / 1024:.0f} MiB"


def huge_literals(mail):
    phone = connect(mail, "whole", "ana")
    phone.send("h1 APPEND INBOX {1073741824}")
    assert re.match(rb"h1 NO \[TOOBIG\] ", phone.line())
    phone.send("h2 SELECT {1073741824}")
    assert re.match(rb"h2 (BAD|NO) ", phone.line())
    phone.ok("h3", "NOOP")
    stranger = Phone(mail.connect("imaps"))
    stranger.send("h4 LOGIN {1073741824}")
    line = stranger.line()
    assert re.match(rb"h4 (BAD|NO) |\* BYE ", line), line
    over = connect(mail, "whole", "ana")
    over.write(b"h5 " + b"x" * 300_000 + b"\r\n")
    try:
        line = over.line()
        assert re.match(rb"(h5|\*) (BAD|BYE) ", line), line
    except Stalled:
        pass
    return "a literal of 1 GiB and an endless line are refused before they are taken"


def deep_nesting(mail):
    phone = connect(mail, "whole", "ana")
    depth = 10_000
    head = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth))
    data = ("Subject: deep\r\nMIME-Version: 1.0\r\n" + head + "Content-Type: text/plain\r\n\r\nbottom\r\n").encode()
    fresh_mailbox(phone, "Deep")
    started = time.monotonic()
    uid = append(phone, "d1", "Deep", data)[1]
    phone.ok("d2", "SELECT Deep")
    phone.ok("d3", f"UID FETCH {uid} (ENVELOPE BODYSTRUCTURE)")
    phone.ok("d4", "UID SEARCH BODY bottom")
    took = time.monotonic() - started
    assert took < 5, took
    return f"MIME nested {depth} deep: stored, described and searched in {1000 * took:.0f} ms"


def over_pop3(mail):
    owner = connect(mail, "whole", "ana")
    append(owner, "p0", "INBOX", message("over pop3", "x" * 70 + "\r\n", "") + (b"y" * 76 + b"\r\n") * 100_000)
    # what was sent in clear behind STLS is thrown away
    phone = Phone(mail.connect("pop3"))
    phone.packet("STLS", "USER injected", "PASS inj")
    phone.expect(rb"\+OK Begin TLS")
    assert not phone.buffer, phone.buffer
    phone = over_tls(mail, phone)
    phone.quiet(0.5)
    phone.send("PASS x")
    phone.expect(rb"-ERR USER first")
    # guesses and an endless line end the connection
    tries = 0
    try:
        while tries < 100:
            phone.send("AUTH PLAIN " + base64.b64encode(b"\0ana@example.test\0wrong%d" % tries).decode())
            phone.expect(rb"-ERR \[AUTH\] ")
            tries += 1
    except (Stalled, OSError):
        pass
    assert 0 < tries < 20, tries
    long = Phone(mail.connect("pop3s"))
    try:
        long.write(b"USER " + b"x" * 300_000)
        long.expect(rb"-ERR Line too long")
        long.line()
        raise AssertionError("an endless line was taken")
    except (Stalled, OSError):
        pass
    # a peer that asks for everything and reads nothing
    pids = mail.pid("mailstore") + mail.pid("gateway")
    before = sum(map(rss, pids))
    mute = Phone(mail.connect("pop3s"))
    mute.send(f"AUTH PLAIN {plain(mail, 'ana')}")
    number = int(re.search(rb"messages: (\d+)", mute.expect(rb"\+OK ")).group(1))
    mute.socket.settimeout(1)
    sent = 0
    try:
        for _ in range(5000):
            mute.socket.sendall(b"RETR %d\r\nDELE %d\r\nRSET\r\n" % (number, number) * 100)
            sent += 100
    except (TimeoutError, OSError):
        pass
    grown = sum(map(rss, pids)) - before
    owner.ok("p99", "NOOP")
    assert grown < 32 << 10, f"memory grew by {grown} KiB"
    mute.socket.close()
    return f"STLS injection, guesses (after {tries}), an endless line; who asks {sent} times for 8 MB and reads nothing costs {max(0, grown)} KiB"


def endless_commands(mail):
    phone = Phone(mail.connect("imaps"))
    with_bye = False
    try:
        for number in range(100):
            phone.send(f"e{number} NONSENSE")
            with_bye |= phone.line().startswith(b"* BYE")
        raise AssertionError("100 bad commands before login were all taken")
    except (Stalled, OSError):
        pass
    smtp = plain_smtp(mail, "submission")
    smtp.send("EHLO guess.test")
    multi(smtp)
    smtp.send("STARTTLS")
    smtp.expect(rb"220 ")
    smtp = over_tls(mail, smtp)
    smtp.send("EHLO guess.test")
    multi(smtp)
    tries = 0
    try:
        while tries < 100:
            smtp.send("AUTH PLAIN " + base64.b64encode(b"\0ana@example.test\0wrong%d" % tries).decode())
            smtp.expect(rb"(535|421) ")
            tries += 1
    except (Stalled, OSError):
        pass
    assert tries < 20, tries
    return f"bad commands and guesses end the connection (after {tries} passwords)"


def silent_login(mail):
    s = mail.connect("submission")
    s.settimeout(40)
    started = time.monotonic()
    data = b"x"
    while data:
        data = s.recv(4096)
    took = time.monotonic() - started
    assert 15 < took < 35, took
    return f"a client that never logs in is closed after {took:.0f} s (login_time 20s)"


def main():
    failed = 0
    with Buzon(accounts=["ana"], settings=SETTINGS) as mail:
        for attack in (starttls_injection, smuggling, huge_literals, deep_nesting, never_reads, over_pop3, endless_commands, crowd, silent_login):
            try:
                print(f"held: {attack.__name__}: {attack(mail)}", flush=True)
            except Exception as error:   # every failure is counted and shown
                failed += 1
                print(f"FAILED: {attack.__name__}: {type(error).__name__}: {error}", flush=True)
        assert mail.run("status").returncode == 0
        assert mail.run("verify").returncode == 0
        if failed:
            mail.show_logs()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
