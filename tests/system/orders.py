#!/usr/bin/env python3
"""Orders of the administrator end sessions within a second: while IDLEing, in a submission, in the middle of a login, by a back end that does not
answer; other accounts go on."""
import base64
import hashlib
import hmac
import os
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon  # noqa: E402


class Line:
    """A connection that speaks in lines."""

    def __init__(self, mail, service):
        self.socket = mail.connect(service)
        self.socket.settimeout(10)
        self.lines = self.socket.makefile("rb")
        self.hear()

    def hear(self):
        return self.lines.readline()

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def until(self, start):
        while True:
            line = self.hear()
            assert line, f"ended before {start}"
            if line.startswith(start):
                return line

    def ended_within(self, began, seconds):
        heard = b""
        while True:
            self.socket.settimeout(max(0.01, began + seconds - time.monotonic()))
            try:
                line = self.hear()
            except (socket.timeout, TimeoutError):
                raise AssertionError(f"it goes on after {seconds} s, heard {heard}") from None
            except OSError:
                line = b""
            if not line:
                return heard
            heard += line


def idling(mail, name):
    line = Line(mail, "imaps")
    line.say(f"a LOGIN {mail.address(name)} {mail.password(name)}")
    assert b"OK" in line.until(b"a ")
    line.say("b SELECT INBOX")
    line.until(b"b OK")
    line.say("c IDLE")
    line.until(b"+")
    return line


def idles(line):
    line.say("DONE")
    assert b"OK" in line.until(b"c "), "the other account's session goes on"
    line.say("c IDLE")
    line.until(b"+")


def submitting(mail, name):
    line = Line(mail, "submissions")
    line.say("EHLO here")
    line.until(b"250 ")
    token = base64.b64encode(f"\0{mail.address(name)}\0{mail.password(name)}".encode()).decode()
    line.say("AUTH PLAIN " + token)
    line.until(b"235")
    line.say(f"MAIL FROM:<{mail.address(name)}>")
    line.until(b"250")
    return line


def submits(line, mail, name):
    line.say("RSET")
    line.until(b"250")
    line.say(f"MAIL FROM:<{mail.address(name)}>")
    line.until(b"250")


def before_the_last_step(mail, name):
    """SCRAM-SHA-256 (RFC 7677) up to the server's signature, which the client does not acknowledge."""
    line, nonce = Line(mail, "imaps"), base64.b64encode(os.urandom(12)).decode()
    bare = f"n={mail.address(name)},r={nonce}"
    line.say("a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(f"n,,{bare}".encode()).decode())
    first = base64.b64decode(line.until(b"+")[2:]).decode()
    fields = dict(item.split("=", 1) for item in first.split(","))
    final = "c=biws,r=" + fields["r"]
    salted = hashlib.pbkdf2_hmac("sha256", mail.password(name).encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), f"{bare},{first},{final}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    line.say(base64.b64encode(f"{final},p={proof}".encode()).decode())
    assert base64.b64decode(line.until(b"+")[2:]).startswith(b"v=")
    return line


def order(mail, verb, name):
    password = f"New-{time.monotonic_ns()}" if verb == "passwd" else None
    mail.run("account", verb, mail.address(name), *(["--password-stdin"] if password else []), input=password)
    if password:
        mail.passwords[mail.address(name)] = password
    return time.monotonic()


def back_ends_end_them(mail, verb):
    phone, writer, login = idling(mail, "ana"), submitting(mail, "ana"), before_the_last_step(mail, "ana")
    other, other_writer = idling(mail, "ben"), submitting(mail, "ben")
    began = order(mail, verb, "ana")
    assert b"BYE" in phone.ended_within(began, 1), "said goodbye by the mail store"
    writer.ended_within(began, 1)
    login.ended_within(began, 1)
    idles(other)
    submits(other_writer, mail, "ben")
    if verb == "passwd":
        idles(idling(mail, "ana"))   # with the new password at once
        time_of_grace = time.monotonic() + 1
        fresh = idling(mail, "ana")
        while time.monotonic() < time_of_grace:
            idles(fresh)
    else:
        mail.run("account", "enable", mail.address("ana"))


def gateway_ends_them(mail, verb):
    """Second line: both back ends stand still."""
    phone, writer = idling(mail, "ana"), submitting(mail, "ana")
    other, other_writer = idling(mail, "ben"), submitting(mail, "ben")
    stopped = mail.pid("mailstore") + mail.pid("mta")
    assert len(stopped) == 2, stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = order(mail, verb, "ana")
        phone.ended_within(began, 1)
        writer.ended_within(began, 1)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    idles(other)
    submits(other_writer, mail, "ben")
    if verb == "disable":
        mail.run("account", "enable", mail.address("ana"))


def main():
    with Buzon(accounts=("ana", "ben")) as mail:
        for part in (back_ends_end_them, gateway_ends_them):
            for verb in ("disable", "passwd"):
                part(mail, verb)
                print(f"orders: {part.__name__} by {verb}", flush=True)
    print("orders: in order")


if __name__ == "__main__":
    main()
