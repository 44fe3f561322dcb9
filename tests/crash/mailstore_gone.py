#!/usr/bin/env python3
"""What sessions see when the mail store goes. Stopped in order (SIGTERM to its process) it tells each session BYE itself. Killed, it cannot: the
gateway says BYE for it to every client whose last line was complete, and just ends the connection of one that is in the middle of a message,
which must not take our words for its text. Either way each session ends within a second and a login works again within two, also when a client
does not read what it is told."""
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402

LARGE = 12 << 20   # more than all buffers between the mail store and a client that does not read


class Session:
    def __init__(self, mail, name="ana"):
        self.socket, self.heard, self.ended = mail.connect("imaps"), b"", None
        self.socket.settimeout(20)
        self.until(rb"\r\n")
        self.ask(f"LOGIN {mail.address(name)} {mail.password(name)}")

    def until(self, pattern):
        while not (found := re.search(pattern, self.heard)):
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.heard)
            self.heard += data
        text, self.heard = self.heard[:found.end()], self.heard[found.end():]
        return text

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def ask(self, command):
        self.say("t " + command)
        text = self.until(rb"t (OK|NO|BAD)[^\r\n]*\r\n")
        assert b"t OK" in text, text
        return text

    def watch(self):
        """In a thread: everything up to the end, and when that was."""
        try:
            while data := self.socket.recv(65536):
                self.heard += data
        except OSError as error:
            self.error = error
        self.ended = time.monotonic()


def append_large(mail):
    session = Session(mail)
    body = b"Subject: large\r\n\r\n" + b"0123456789abcdef0123456789abcdef0123456789\r\n" * (LARGE // 44)
    session.socket.sendall(b"t APPEND INBOX {%d+}\r\n" % len(body) + body + b"\r\n")
    assert b"t OK" in session.until(rb"t (OK|NO|BAD)[^\r\n]*\r\n")
    session.ask("LOGOUT")


def start_sessions(mail):
    """Each in another state: waiting, in IDLE, in the middle of an APPEND, with half a command said, not reading a large message."""
    sessions = {state: Session(mail) for state in ("waiting", "idle", "append", "half", "fetch")}
    for session in sessions.values():
        session.ask("SELECT INBOX")
    sessions["idle"].say("t IDLE")
    sessions["idle"].until(rb"\+ [^\r\n]*\r\n")
    sessions["append"].say("t APPEND INBOX {100000}")
    sessions["append"].until(rb"\+ [^\r\n]*\r\n")
    sessions["append"].socket.sendall(b"x" * 50_000)
    sessions["half"].socket.sendall(b"t UID FET")
    sessions["fetch"].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sessions["fetch"].say("t FETCH 1 BODY.PEEK[]")
    sessions["fetch"].until(rb"\{(\d+)\}\r\n")
    return sessions


def log_in(mail):
    def attempt():
        try:
            session = Session(mail)
            session.ask("SELECT INBOX")
            return True
        except (OSError, EOFError, AssertionError):
            return False
    return wait_until("a login works again", attempt, 20)


def play(mail, number):
    sessions = start_sessions(mail)
    process = mail.pid("mailstore")[0]
    watchers = [threading.Thread(target=s.watch, daemon=True) for state, s in sessions.items() if state != "fetch"]
    for watcher in watchers:
        watcher.start()
    begin = time.monotonic()
    os.kill(process, number)
    for watcher in watchers:
        watcher.join(20)
    log_in(mail)
    again = time.monotonic() - begin
    sessions["fetch"].watch()
    ends = {state: s.ended - begin for state, s in sessions.items() if state != "fetch"}
    print(f"{signal.Signals(number).name}: " + ", ".join(f"{state} ended in {span * 1000:.0f} ms" for state, span in ends.items()) +
          f"; login works again after {again * 1000:.0f} ms")
    assert max(ends.values()) < 1, "a session goes on for longer than a second"
    assert again < 2, "a login takes longer than two seconds"
    for state in ends:
        assert re.fullmatch(rb"([*t] [^\r\n]*\r\n)*\* BYE [^\r\n]+\r\n", sessions[state].heard), (state, sessions[state].heard[-300:])
    return sessions


def main():
    with Buzon(accounts=("ana",)) as mail:
        append_large(mail)
        sessions = play(mail, signal.SIGTERM)
        assert b"The server is going down" in sessions["waiting"].heard, "the mail store said it itself"
        wait_until("all roles are back", lambda: mail.run("status", check=False).returncode == 0, 30)
        sessions = play(mail, signal.SIGKILL)
        assert b"* BYE [UNAVAILABLE]" in sessions["idle"].heard
        assert len(sessions["fetch"].heard) < LARGE, "the message came whole: this proves nothing"
        assert b"BYE" not in sessions["fetch"].heard, "the gateway spoke in the middle of a message"
        wait_until("all roles are back", lambda: mail.run("status", check=False).returncode == 0, 30)
        assert mail.run("verify", check=False).returncode == 0
    print("sessions end as promised")


if __name__ == "__main__":
    main()
