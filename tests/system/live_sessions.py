#!/usr/bin/env python3
"""IMAP sessions in IDLE, through TLS and the gateway, while the system changes under them: a reload, a new certificate, and the death of auth and of
mta drop none, which each proves by reporting a message that arrives afterwards; the mail store's end is told to each by BYE within a second,
and a login works again within two.

    tests/system/live_sessions.py [--sessions 2000]
"""
import argparse
import concurrent.futures
import os
import pathlib
import selectors
import signal
import smtplib
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402

ACCOUNTS = ["ana", "ben", "cyd", "dan"]
BYE_TIME, LOGIN_TIME, NEWS_TIME = 1.0, 2.0, 30.0


class Session:
    """Logged in and in IDLE on INBOX when made; from then on only Crowd reads from it."""

    def __init__(self, mail, name):
        self.name, self.heard, self.ended = name, b"", False
        self.socket = mail.connect("imaps")
        self.until(b"\r\n")
        self.ask(f"a LOGIN {mail.address(name)} {mail.password(name)}", b"a OK")
        self.ask("b SELECT INBOX", b"b OK")
        self.ask("c IDLE", b"+ ")
        self.socket.setblocking(False)

    def until(self, words):
        while words not in self.heard:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"ended after {self.heard[-200:]}")
            self.heard += data

    def ask(self, line, answer):
        self.heard = b"\r\n"
        self.socket.sendall(line.encode() + b"\r\n")
        self.until(b"\r\n" + answer.split()[0] + b" ")
        assert b"\r\n" + answer in self.heard, self.heard[-200:]
        self.heard = b""

    def take(self):
        """What has come; ended is set at the end."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    self.ended = True
                    return
                self.heard += data
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            self.ended = True


class Crowd:
    def __init__(self, mail, count):
        began = time.monotonic()
        self.selector = selectors.DefaultSelector()
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            self.sessions = list(pool.map(lambda n: Session(mail, ACCOUNTS[n % len(ACCOUNTS)]), range(count)))
        for session in self.sessions:
            self.selector.register(session.socket, selectors.EVENT_READ, session)
        self.count = count
        print(f"{count} sessions in IDLE after {time.monotonic() - began:.1f} s")

    def wait(self, what, seconds, done, may_end=False):
        """Until done(session) of each was true once; seconds it took. A session that ends meanwhile is an error, unless it may."""
        began = time.monotonic()
        missing = {session for session in self.sessions if not done(session)}
        while missing:
            left = began + seconds - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{what}: {len(missing)} of {self.count} sessions not within {seconds:g} s; one of them heard {next(iter(missing)).heard[-200:]}")
            for key, _ in self.selector.select(left):
                session = key.data
                session.take()
                if session.ended:
                    self.selector.unregister(session.socket)
                    if not may_end:
                        raise AssertionError(f"{what}: a session of {session.name} ended, heard {session.heard[-200:]}")
                if done(session):
                    missing.discard(session)
        return time.monotonic() - began

    def all_there(self):
        """None has ended or been told to go, as far as we were told."""
        for key, _ in self.selector.select(0):
            key.data.take()
        gone = [s for s in self.sessions if s.ended or b"BYE" in s.heard]
        assert not gone, f"{len(gone)} of {self.count} sessions dropped, one heard {gone[0].heard[-200:]}"

    def hear_news(self, mail, number, after):
        """A message for each account, and its EXISTS in each session."""
        self.all_there()
        expected = b"* %d EXISTS\r\n" % number

        missing = [mail.address(name) for name in ACCOUNTS]

        def deliver():   # a 4xx while a role starts again, of all or of some, is for a sender to try later; so do we
            try:
                with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=10) as client:
                    missing[:] = client.sendmail("s@outside.test", missing, f"Subject: {after}\r\n\r\nx\r\n".encode())
            except (smtplib.SMTPException, OSError):
                return False
            return not missing
        wait_until("a message is taken", deliver)
        seconds = self.wait(after, NEWS_TIME, lambda s: expected in s.heard)
        self.all_there()
        print(f"after {after}: 0 of {self.count} dropped, the last EXISTS {seconds:.2f} s after the 250")

    def finish(self):
        for session in self.sessions:
            session.heard = b"\r\n"
            session.socket.sendall(b"DONE\r\nd NOOP\r\n")
        self.wait("DONE", NEWS_TIME, lambda s: b"\r\nc OK" in s.heard and b"\r\nd OK" in s.heard)
        print(f"DONE and NOOP answered in all {self.count}")

    def close(self):
        self.selector.close()
        for session in self.sessions:
            session.socket.close()


def pss(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def dies(mail, role, how):
    """Ends the process and waits for the next one."""
    before = mail.pid(role)
    assert len(before) == 1, before
    os.kill(before[0], how)
    wait_until(f"{role} is there again", lambda: mail.pid(role) not in ([], before))


def reload(mail):
    mail.config.write_text("gateway.idle_time = \"50m\"\n" + mail.config.read_text())
    mail.run("reload")


def new_certificate(mail):
    def certificate():
        with mail.connect("imaps") as s:
            return s.getpeercert(binary_form=True)
    before, other = certificate(), mail.folder / "other"
    mail.run("init", str(other), "--port-base", str(mail.base), "--listen", "127.0.0.1", "--host", mail.host, "--domain", mail.domain)
    for path in (other / "tls").iterdir():
        if path.suffix == ".pem":   # the key that secrets are sealed with stays
            (mail.state / "tls" / path.name).write_bytes(path.read_bytes())
    mail.process.send_signal(signal.SIGHUP)

    def changed():
        try:
            return certificate() != before
        except OSError:   # the old one is not from the new authority
            return False
    wait_until("new connections see the new certificate", changed)


def mail_store_ends(mail, count, how):
    crowd = Crowd(mail, count)
    pid, = mail.pid("mailstore")
    began = time.monotonic()
    os.kill(pid, how)
    crowd.wait("BYE", BYE_TIME, lambda s: b"* BYE" in s.heard, may_end=True)
    told = time.monotonic() - began

    def login():
        try:
            with mail.imap("ana", "INBOX"):
                return True
        except Exception:   # whatever the client makes of it: not yet
            return False
    wait_until("a login works again", login, LOGIN_TIME - (time.monotonic() - began))
    print(f"mail store ended by {how.name}: the last BYE after {told:.2f} s, a login works after {time.monotonic() - began:.2f} s")
    crowd.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=200)
    count = parser.parse_args().sessions
    with Buzon(accounts=ACCOUNTS, settings="[mailstore]\nmax_sessions_per_account = 10000\n") as mail:
        before = {role: pss(mail.pid(role)) for role in ("gateway", "mailstore")}
        crowd = Crowd(mail, count)
        print("a session costs " + ", ".join(f"{(pss(mail.pid(role)) - kib) / count:.1f} KiB PSS in {role}" for role, kib in before.items()))
        crowd.hear_news(mail, 1, "nothing")
        reload(mail)
        crowd.hear_news(mail, 2, "a reload")
        new_certificate(mail)
        crowd.hear_news(mail, 3, "a new certificate")
        dies(mail, "auth", signal.SIGKILL)
        crowd.hear_news(mail, 4, "the death of auth")
        dies(mail, "mta", signal.SIGKILL)
        crowd.hear_news(mail, 5, "the death of mta")
        crowd.finish()
        crowd.close()
        for how in (signal.SIGTERM, signal.SIGKILL):
            mail_store_ends(mail, count, how)
    print("PASS")


if __name__ == "__main__":
    main()
