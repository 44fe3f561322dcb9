"""A running buzon for tests: its own state folder, its own ports, its own certificate authority. Real processes, real TLS.

    with Buzon(domain="example.test", accounts=["ana", "ben"]) as mail:
        phone = mail.imap("ana")
"""
import atexit
import contextlib
import fcntl
import imaplib
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import imap_tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTS = {"imaps": 993, "pop3s": 995, "pop3": 110, "submission": 587, "submissions": 465, "smtp": 25}


def binary():
    path = pathlib.Path(os.environ.get("BUZON", ROOT / "build/release/bin/buzon"))
    if not path.exists():
        raise SystemExit(f"{path} is not built; ./test.sh builds it")
    return str(path)


def skip(reason):
    """A test that cannot run here: reported as skipped; with CI=true that is a failure."""
    print(f"SKIPPED: {reason}")
    sys.exit(1 if os.environ.get("CI") else 77)


def corpus():
    folder = os.environ.get("BUZON_CORPUS")
    if not folder or not pathlib.Path(folder).is_dir():
        skip("BUZON_CORPUS is not set")
    return pathlib.Path(folder)


HELD = []   # lock files of ports, until the process ends


def hold_ports(ports):
    """False: another test has one of them. Two servers may listen on one port (SO_REUSEPORT), and a test that has chosen does not listen yet, so
    binding alone does not tell."""
    folder = pathlib.Path(tempfile.gettempdir()) / f"buzon-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        for port in ports:
            file = stack.enter_context(open(folder / str(port), "w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        HELD.append(stack.pop_all())
    return True


def free_port_base():
    """A number N such that N+port is free for every port that we listen on."""
    for _ in range(200):
        base = random.randrange(11000, 30000, 10)
        if not hold_ports(base + port for port in PORTS.values()):
            continue
        sockets = []
        try:
            for port in PORTS.values():
                s = socket.socket()
                sockets.append(s)
                s.bind(("127.0.0.1", base + port))
            return base
        except OSError:
            continue
        finally:
            for s in sockets:
                s.close()
    raise RuntimeError("no free ports")


def wait_until(what, condition, seconds=20.0):
    """Polls; a test waits for a state, never for a span of time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)


class Buzon:
    listen = "127.0.0.1"   # where its clients connect to
    prefix = ()            # words before each command: another host (namespaces.py)
    own_imap = True        # False: accounts may live on servers of strangers, whose replies are not ours

    def __init__(self, domain="example.test", accounts=("ana", "ben"), settings="", host=None, folder=None, secrets=""):
        self.domain, self.settings, self.names, self.secrets = domain, settings, accounts, secrets
        self.host = host or f"mail.{domain}"
        self.owned = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="buzon-test-"))
        self.folder.chmod(0o755)
        self.state = self.folder / "state"
        self.base = free_port_base()
        self.process = None
        self.tls_maximum = None   # a test may hold its clients to TLS 1.2
        self.passwords = {}

    # --- life ---
    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def __exit__(self, kind, *_):
        self.stop()
        if kind and kind is not SystemExit:
            self.show_logs()
        if self.owned and not os.environ.get("BUZON_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        fresh = not self.state.exists()
        if fresh:
            self.run("init", str(self.state), "--port-base", str(self.base), "--listen", self.listen, "--host", self.host,
                     "--domain", self.domain)
            if self.settings:
                with open(self.config, "a") as file:
                    file.write("\n" + self.settings)
        self.serve()
        if fresh:
            for name in self.names:
                self.add_account(name)
        return self

    def serve(self):
        output = open(self.folder / "serve.out", "ab")
        self.process = subprocess.Popen([*self.prefix, binary(), "serve", "--config", str(self.config)], stdout=output, stderr=output,
                                        stdin=subprocess.DEVNULL)
        atexit.register(self.stop)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}: {(self.folder / 'serve.out').read_text()[-3000:]}")
            return self.run("status", check=False).returncode == 0 and self.listening()
        wait_until("all roles ready", ready, 30)

    def listening(self):
        for service in PORTS:
            try:
                socket.create_connection((self.listen, self.port(service)), 1).close()
            except OSError:
                return False
        return True

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("serve did not end within 30 s of SIGTERM") from None
        self.process = None

    def restart(self):
        self.stop()
        self.serve()

    # --- the administrator's side ---
    @property
    def config(self):
        return self.state / "buzon.toml"

    @property
    def ca(self):
        return str(next(p for p in (self.state / "tls/ca.pem", self.state / "ca.pem") if p.exists()))

    def port(self, service):
        return self.base + PORTS[service]

    @property
    def certificate(self):
        """Files of the certificate chain and its key."""
        return [str(self.state / "tls" / name) for name in ("certificate.pem", "key.pem")]

    def run(self, *arguments, input=None, check=True):
        command = [*self.prefix, binary(), *arguments]
        if arguments[0] not in ("init", "version"):
            command += ["--config", str(self.config)]
        done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise AssertionError(f"{shlex.join(command)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def address(self, name):
        return name if "@" in name else f"{name}@{self.domain}"

    def add_account(self, name, password=None, *options):
        self.passwords[self.address(name)] = password = password or f"Pw-{name}-{random.randrange(10**9)}"
        extra = ["--secrets", self.secrets] if self.secrets else []
        self.run("account", "add", self.address(name), "--password-stdin", *extra, *options, input=password)

    def password(self, name):
        return self.passwords[self.address(name)]

    def events(self, role, name=None):
        """The role's event log: a list of dicts with "event" and the fields."""
        out = []
        path = self.state / "log" / f"{role}.log"
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            parts = line.split(" ", 4)
            if len(parts) < 4:
                continue
            fields = {k: (q.replace('\\"', '"') if q else v) for k, q, v in re.findall(r'([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line)}
            fields.update(event=parts[3], level=parts[1])
            if name is None or parts[3] == name:
                out.append(fields)
        return out

    def show_logs(self):
        for path in [self.folder / "serve.out", *sorted((self.state / "log").glob("*.log"))]:
            if path.exists():
                print(f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-40:]))

    def pid(self, role):
        """Process ids of a role."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", f"role {role}"], capture_output=True, text=True)
        return [int(p) for p in found.stdout.split()]

    # --- the phone's side ---
    def tls(self, minimum=None, maximum=None):
        context = ssl.create_default_context(cafile=self.ca)
        if minimum:
            context.minimum_version = minimum
        if maximum or self.tls_maximum:
            context.maximum_version = maximum or self.tls_maximum
        return context

    def imap_tls(self):
        return imap_tap.tapped(self.tls(), self.own_imap)

    def connect(self, service, tls=None):
        """A connected socket; TLS from the start on 993, 995 and 465. What IMAP answers is held against imap_rules."""
        raw = socket.create_connection((self.listen, self.port(service)), 20)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            tls = service in ("imaps", "pop3s", "submissions")
        context = self.imap_tls() if service == "imaps" else self.tls()
        return context.wrap_socket(raw, server_hostname=self.host) if tls else raw

    @contextlib.contextmanager
    def imap(self, name, select=None):
        class Client(imaplib.IMAP4_SSL):
            def _create_socket(client, timeout):   # connect to loopback, check the certificate for the real name
                return self.connect("imaps")
        client = Client(self.host)
        client.login(self.address(name), self.password(name))
        try:
            if select:
                kind, data = client.select(select)
                assert kind == "OK", data
            yield client
        finally:
            with contextlib.suppress(Exception):
                client.logout()

    def count(self, name, mailbox="INBOX"):
        with self.imap(name) as client:
            kind, data = client.status(mailbox, "(MESSAGES)")
            assert kind == "OK", data
            return int(re.search(rb"MESSAGES (\d+)", data[0]).group(1))
