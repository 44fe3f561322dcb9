#!/usr/bin/env python3
"""Settings change under a running system: listeners, workers, certificates, the smart host, log files; sessions go on, mail moves, a wrong file
changes nothing. Logins in clear on a listener that allows them, and nowhere else."""
import base64
import gzip
import json
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, binary, skip, wait_until  # noqa: E402


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Session:
    """IMAP over any connected socket, logged in."""

    def __init__(self, mail, name, connection=None):
        self.socket = connection or mail.connect("imaps")
        self.socket.settimeout(10)
        self.lines = self.socket.makefile("rb")
        self.greeting = self.lines.readline()
        assert self.greeting.startswith(b"* OK"), self.greeting
        assert b" OK" in self.ask(f"LOGIN {mail.address(name)} {mail.password(name)}")

    def ask(self, command):
        self.socket.sendall(b"a " + command.encode() + b"\r\n")
        while True:
            line = self.lines.readline()
            if not line or line.startswith(b"a "):
                return line

    def end(self):
        self.lines.close()
        self.socket.close()


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False


class Settings:
    """The configuration file as text that a test edits."""

    def __init__(self, mail):
        self.mail, self.first = mail, mail.config.read_text()

    def write(self, text):
        self.mail.config.write_text(text)

    def add(self, text):
        self.write(self.mail.config.read_text() + "\n" + text)

    def top(self, text):
        self.write(text + "\n" + self.mail.config.read_text())

    def replace(self, old, new):
        text = self.mail.config.read_text()
        assert old in text, old
        self.write(text.replace(old, new))

    def back(self):
        self.write(self.first)
        self.mail.run("reload")


def listener(name, service, port, tls, address="127.0.0.1"):
    return f'[[listener]]\nname = "{name}"\nservice = "{service}"\naddress = "{address}"\nport = {port}\ntls = "{tls}"\n'


def listeners_come_and_go(mail, settings):
    session, port, other = Session(mail, "ana"), free_port(), free_port()
    settings.add(listener("second", "imap", port, "implicit"))
    done = mail.run("reload")
    assert "is in force" in done.stdout, done.stdout
    raw = socket.create_connection(("127.0.0.1", port), 5)
    there = Session(mail, "ana", mail.tls().wrap_socket(raw, server_hostname=mail.host))
    # It moves and speaks another way of TLS: the old port is closed, sessions that came by it go on.
    settings.replace(listener("second", "imap", port, "implicit"), listener("second", "imap", other, "starttls"))
    mail.run("reload")
    assert not connects(port), "the old port is closed when reload returns"
    with socket.create_connection(("127.0.0.1", other), 5) as plain:
        lines = plain.makefile("rb")
        assert b"STARTTLS" in lines.readline()
    # Other mechanisms at once.
    settings.replace(listener("second", "imap", other, "starttls"),
                     listener("second", "imap", other, "implicit") + 'mechanisms = ["SCRAM-SHA-256"]\n')
    mail.run("reload")
    raw = socket.create_connection(("127.0.0.1", other), 5)
    greeting = mail.tls().wrap_socket(raw, server_hostname=mail.host).makefile("rb").readline()
    assert b"AUTH=SCRAM-SHA-256" in greeting and b"LOGINDISABLED" in greeting and b"AUTH=PLAIN" not in greeting, greeting
    settings.back()
    assert not connects(other)
    for s in (session, there):
        assert b" OK" in s.ask("NOOP"), "no session ended"


def a_wrong_file_changes_nothing(mail, settings):
    session = Session(mail, "ana")
    for edit, words in (
            (lambda: settings.top("gateway.workers = 1000"), ":1: gateway.workers: must be a whole number, from 0 to 64"),
            (lambda: settings.add(listener("open", "imap", free_port(), "none", "0.0.0.0")), "needs a loopback or private address"),
            (lambda: settings.replace("tls/key.pem", "tls/rsa-key.pem"), "certificate.pem"),
            (lambda: settings.top('tls.key_fil = "x"'), "nearest known one is tls.key_file")):
        edit()
        done = mail.run("reload", check=False)
        assert done.returncode == 1 and words in done.stderr and "stay in force" in done.stderr, (words, done)
        told = json.loads(mail.run("reload", "--json", check=False).stdout)
        assert told["reloaded"] is False and words in told["error"], told
        assert mail.run("status").returncode == 0
        settings.write(settings.first)
    # A place that somebody else has.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        settings.add(listener("taken", "imap", held.getsockname()[1], "implicit"))
        done = mail.run("reload", check=False)
        assert done.returncode == 1 and "listener taken" in done.stderr, done
    settings.back()
    settings.write("host = \n" + settings.first)   # no TOML at all: the tool says so by itself
    done = mail.run("reload", check=False)
    assert done.returncode == 1 and ":1: TOML:" in done.stderr and "stay in force" in done.stderr, done
    settings.back()
    assert b" OK" in session.ask("NOOP")
    assert b" OK" in Session(mail, "ana").ask("NOOP")


def restarts_are_named(mail, settings):
    settings.top('mailstore.lanes = 7\nmta.max_recipients = 200')
    assert "takes effect at a restart: mailstore.lanes" in mail.run("reload").stdout
    settings.back()


def workers_come_and_go(mail, settings):
    sessions = [Session(mail, "ana") for _ in range(8)]
    settings.top("gateway.workers = 4")
    mail.run("reload")
    wait_until("four workers", lambda: mail.run("status", check=False).stdout.count("gateway.") == 4
               and mail.run("status", check=False).returncode == 0)
    sessions += [Session(mail, "ana") for _ in range(24)]
    settings.replace("gateway.workers = 4", "gateway.workers = 1")
    # Who connects while workers go is served, whichever worker's queue it was in.
    stop, refused, served = threading.Event(), [], []

    def connect_on():
        while not stop.is_set():
            try:
                with mail.connect("imaps") as s:
                    assert s.recv(100).startswith(b"* OK")
                    served.append(1)
            except (OSError, AssertionError) as error:
                refused.append(error)
    thread = threading.Thread(target=connect_on)
    thread.start()
    wait_until("somebody connects", lambda: len(served) > 5)
    mail.run("reload")
    wait_until("others connect", lambda: len(served) > 20)
    status = mail.run("status").stdout
    assert status.count("draining") >= 1 and status.count("ready") == 4, status
    stop.set()
    thread.join()
    # The kernel resets what completes between a worker's last look into its queue and the close of its socket; microseconds.
    assert len(served) > 10 and len(refused) <= 1, (len(served), refused)
    for s in sessions:
        assert b" OK" in s.ask("NOOP"), "the surplus workers serve their sessions to the end"
    # Orders reach those too; with the last session the worker ends, and is not started again.
    for s in sessions:
        s.ask("LOGOUT")
        s.end()
    wait_until("surplus workers end", lambda: mail.run("status").stdout.count("gateway.") == 1)
    # A worker that drains ends after gateway.drain_time, whatever goes on in it.
    settings.replace("gateway.workers = 1", 'gateway.workers = 3\ngateway.drain_time = "1s"')
    mail.run("reload")
    wait_until("three workers", lambda: mail.run("status", check=False).stdout.count("ready") == 6)
    sessions = [Session(mail, "ana") for _ in range(24)]
    settings.replace("gateway.workers = 3", "gateway.workers = 1")
    mail.run("reload")
    wait_until("they end for lack of patience", lambda: mail.run("status").stdout.count("gateway.") == 1)
    left = sum(1 for s in sessions if alive(s))
    assert 0 < left < 24, left
    settings.back()
    wait_until("as before", lambda: mail.run("status", check=False).returncode == 0)


def alive(session):
    try:
        return b" OK" in session.ask("NOOP")
    except OSError:
        return False


def files_are_watched(mail, settings):
    session = Session(mail, "ana")

    def certificate():
        try:
            with mail.connect("imaps") as s:
                return s.getpeercert(binary_form=True)
        except OSError:
            return None
    before = certificate()
    other = mail.folder / "other"
    mail.run("init", str(other), "--port-base", str(mail.base), "--listen", "127.0.0.1", "--host", mail.host, "--domain", mail.domain)
    for path in (other / "tls").iterdir():
        if path.name != "auth-secrets.key":
            (mail.state / "tls" / path.name).write_bytes(path.read_bytes())
    wait_until("new certificates are taken without being asked to", lambda: certificate() not in (None, before), 15)
    port = free_port()
    settings.add(listener("watched", "imap", port, "implicit"))
    wait_until("a new listener is opened without being asked to", lambda: connects(port), 15)
    assert b" OK" in session.ask("NOOP")
    settings.back()


class Relay(socketserver.ThreadingTCPServer):
    """A smart host that counts connections and is never there for anybody."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self):
        self.seen = 0
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                relay.seen += 1
                self.request.sendall(b"421 4.3.2 not now\r\n")
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def smart_host_changes(mail, settings):
    first, second = Relay(), Relay()
    where = lambda relay: f'smart_host.host = "127.0.0.1"\nsmart_host.port = {relay.server_address[1]}\nmta.first_retry = "1s"\n'
    settings.top(where(first))
    mail.run("reload")
    with mail.connect("submissions") as s:
        lines = s.makefile("rb")

        def say(line, code):
            s.sendall(line.encode() + b"\r\n")
            reply = lines.readline()
            while reply[3:4] == b"-":
                reply = lines.readline()
            assert reply.startswith(code), reply
        assert lines.readline().startswith(b"220")
        say("EHLO here", b"250")
        token = base64.b64encode(f"\0{mail.address('ana')}\0{mail.password('ana')}".encode()).decode()
        say("AUTH PLAIN " + token, b"235")
        say(f"MAIL FROM:<{mail.address('ana')}>", b"250")
        say("RCPT TO:<far@outside.test>", b"250")
        say("DATA", b"354")
        say(f"From: {mail.address('ana')}\r\nSubject: x\r\n\r\nbody\r\n.", b"250")
    wait_until("the first smart host is asked", lambda: first.seen >= 1)
    settings.write(settings.first)
    settings.top(where(second))
    mail.run("reload")
    wait_until("mail that waits goes to the second", lambda: second.seen >= 1)
    seen = first.seen
    wait_until("and again", lambda: second.seen >= 2)
    assert first.seen == seen, "the first is asked no more"
    qid = re.search(r"\b([a-z0-9]{12})\b", mail.run("queue", "list").stdout).group(1)
    mail.run("queue", "remove", qid)
    settings.back()
    for relay in (first, second):
        relay.shutdown()
        relay.server_close()


def logins_in_clear(mail, settings):
    port, submit, guarded = free_port(), free_port(), free_port()
    settings.add(listener("local", "imap", port, "none") + listener("local-submit", "submission", submit, "none")
                 + listener("guarded", "imap", guarded, "starttls"))
    mail.run("reload")
    session = Session(mail, "ana", socket.create_connection(("127.0.0.1", port), 5))
    assert b"AUTH=PLAIN" in session.greeting and b"LOGINDISABLED" not in session.greeting
    assert b" OK" in session.ask("SELECT INBOX")
    with socket.create_connection(("127.0.0.1", submit), 5) as s:
        lines = s.makefile("rb")
        lines.readline()
        token = base64.b64encode(f"\0{mail.address('ana')}\0{mail.password('ana')}".encode()).decode()
        s.sendall(f"EHLO here\r\n".encode())
        heard = [lines.readline()]
        while heard[-1][3:4] == b"-":
            heard.append(lines.readline())
        assert any(b"AUTH PLAIN" in line for line in heard), heard
        s.sendall(f"AUTH PLAIN {token}\r\n".encode())
        assert lines.readline().startswith(b"235")
    # Elsewhere nothing is said in clear.
    with socket.create_connection(("127.0.0.1", guarded), 5) as s:
        lines = s.makefile("rb")
        assert b"LOGINDISABLED" in lines.readline()
        s.sendall(f"a LOGIN {mail.address('ana')} {mail.password('ana')}\r\n".encode())
        assert lines.readline().startswith(b"a NO [PRIVACYREQUIRED]")
    # The listener takes TLS from now on: who is in stays, nobody else comes in clear.
    settings.replace(listener("local", "imap", port, "none"), listener("local", "imap", port, "starttls"))
    mail.run("reload")
    assert b" OK" in session.ask("NOOP")
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        assert b"LOGINDISABLED" in s.makefile("rb").readline()
    settings.back()


def logs_are_rotated(mail, settings):
    """No line is lost while files are moved away: every login of this time is in one of them."""
    log, sids, stop = mail.state / "log" / "gateway.log", [], threading.Event()

    def log_in():
        while not stop.is_set():
            s = Session(mail, "ana")
            s.ask("LOGOUT")
            sids.append(1)
    before = sum(e["event"] == "handoff" for e in mail.events("gateway"))
    threads = [threading.Thread(target=log_in) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(1, 9):
        for role in ("gateway", "auth", "mailstore", "mta"):
            path = mail.state / "log" / f"{role}.log"
            os.rename(path, f"{path}.{turn}")
        if turn % 2:
            mail.run("logs", "reopen")
        else:
            mail.process.send_signal(signal.SIGUSR1)
            wait_until("a new file", log.exists)
            mail.run("logs", "reopen")   # the answer means that nobody writes to the old files
        old = pathlib.Path(f"{log}.{turn}")
        size = old.stat().st_size
        done = len(sids)
        wait_until("logins go on", lambda: len(sids) > done + 3)
        assert old.stat().st_size == size, "nothing is written to the old file any more"
    with concurrent.futures.ThreadPoolExecutor(8) as several:   # at the same moment: each is answered, none refused
        list(several.map(lambda _: mail.run("logs", "reopen"), range(8)))
    stop.set()
    for thread in threads:
        thread.join()
    text = "".join(p.read_text() for p in sorted((mail.state / "log").glob("gateway.log*")))
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+ (debug|info|warn|error) gateway \S+", line) for line in text.splitlines())
    found = text.count(" gateway handoff ")
    assert found == before + len(sids), (found, before, len(sids))
    if os.geteuid() == 0:
        assert log.stat().st_mode & 0o777 == 0o640


def logrotate_example_works(mail, settings):
    """The example of docs/administration.md, with this system's paths."""
    if not shutil.which("logrotate"):
        skip("logrotate is not installed")
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "administration.md").read_text()
    block = re.search(r"^    /srv/buzon/log/\*\.log \{\n.*?^    \}\n", text, re.M | re.S).group(0)
    rules = block.replace("/srv/buzon/", f"{mail.state}/").replace("buzon logs", f"{binary()} logs")
    # logrotate goes by the owner of the folder: it wants to be told when that is not root's own.
    path, state = mail.folder / "logrotate.conf", mail.folder / "logrotate.state"
    path.write_text(rules)
    path.chmod(0o644)
    for log in (mail.state / "log").glob("*.log.*"):
        log.unlink()
    Session(mail, "ana").ask("LOGOUT")
    before = (mail.state / "log" / "gateway.log").read_text()
    done = subprocess.run(["logrotate", "--force", "--verbose", "--state", str(state), str(path)], capture_output=True, text=True)
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr
    Session(mail, "ana").ask("LOGOUT")
    log = mail.state / "log" / "gateway.log"
    wait_until("the new file is written to", lambda: "handoff" in log.read_text())
    assert before in gzip.open(f"{log}.1.gz", "rt").read(), "and the old one is whole, and compressed"


def main():
    with Buzon(accounts=("ana", "ben")) as mail:
        settings = Settings(mail)
        for part in (listeners_come_and_go, a_wrong_file_changes_nothing, restarts_are_named, workers_come_and_go, smart_host_changes,
                     logins_in_clear, logs_are_rotated, files_are_watched, logrotate_example_works):
            began = time.monotonic()
            part(mail, settings)
            print(f"reload: {part.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print("reload: in order")


if __name__ == "__main__":
    main()
