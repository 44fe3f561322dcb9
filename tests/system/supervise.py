#!/usr/bin/env python3
"""The supervisor's promises: a state folder below a folder that only root may enter, reload under open sessions, orders of the administrator that
end sessions at once, a stop in order, both ways of `buzon verify`."""
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402


class Session:
    def __init__(self, mail, name):
        self.socket = mail.connect("imaps")
        self.socket.settimeout(10)
        self.lines = self.socket.makefile("rb")
        assert self.lines.readline().startswith(b"* OK")
        assert b" OK" in self.ask(f"LOGIN {mail.address(name)} {mail.password(name)}")
        assert b" OK" in self.ask("SELECT INBOX")

    def ask(self, command):
        self.socket.sendall(b"a " + command.encode() + b"\r\n")
        while True:
            line = self.lines.readline()
            if not line or line.startswith(b"a "):
                return line

    def ends(self, within):
        """The server closes the connection in this time; what it said before."""
        end, heard = time.monotonic() + within, b""
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                line = self.lines.readline()
            except (socket.timeout, TimeoutError):
                raise AssertionError(f"the session goes on after {within} s, heard {heard}") from None
            except OSError:
                return heard
            if not line:
                return heard
            heard += line


def certificate(mail):
    with mail.connect("imaps") as s:
        return s.getpeercert(binary_form=True)


def reload_keeps_sessions(mail):
    session, before = Session(mail, "ana"), certificate(mail)
    other = mail.folder / "other"
    mail.run("init", str(other), "--port-base", str(mail.base), "--listen", "127.0.0.1", "--host", mail.host, "--domain", mail.domain)
    for path in (other / "tls").iterdir():
        (mail.state / "tls" / path.name).write_bytes(path.read_bytes())
    mail.process.send_signal(signal.SIGHUP)

    def changed():
        try:
            return certificate(mail) != before
        except OSError:   # the old certificate is not from the new authority
            return False
    wait_until("new connections see the new certificate", changed)
    assert b" OK" in session.ask("NOOP"), "the session went on"
    mail.config.write_text("nonsense = 1\n" + mail.config.read_text())
    mail.process.send_signal(signal.SIGHUP)
    wait_until("a wrong configuration is refused", lambda: "reload_refused" in (mail.folder / "serve.out").read_text())
    mail.config.write_text(mail.config.read_text().split("\n", 1)[1])
    assert b" OK" in session.ask("NOOP")


def orders_end_sessions(mail):
    for name, order, text in (("ana", "disable", None), ("ben", "passwd", "Another-1"), ("cyd", "remove", None)):
        session = Session(mail, name)
        mail.run("account", order, mail.address(name), *(["--password-stdin"] if text else []), input=text)
        session.ends(1)


def stop_in_order(mail):
    mail.run("account", "enable", mail.address("ana"))
    session, process = Session(mail, "ana"), mail.process
    process.send_signal(signal.SIGTERM)
    assert b"* BYE" in session.ends(8)
    assert process.wait(20) == 0
    ended = [line for line in (mail.folder / "serve.out").read_text().splitlines() if "role_ended" in line]
    assert ended and all("exit status 0" in line for line in ended[-4:]), ended
    assert "offline" in mail.run("verify").stdout


def main():
    parent = pathlib.Path(tempfile.mkdtemp(prefix="buzon-closed-"))   # mode 0700
    (parent / "in").mkdir()
    try:
        with Buzon(accounts=("ana", "ben", "cyd"), folder=parent / "in") as mail:
            if os.geteuid() == 0:
                owner = pathlib.Path(f"/proc/{mail.pid('mailstore')[0]}").stat().st_uid
                assert owner != 0, "roles run as users of their own"
            reload_keeps_sessions(mail)
            assert "online" in mail.run("verify").stdout
            orders_end_sessions(mail)
            stop_in_order(mail)
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    print("supervise: in order")


if __name__ == "__main__":
    main()
