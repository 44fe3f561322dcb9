#!/usr/bin/env python3
"""The gateway in a DMZ: five hosts (network namespaces), two firewalls with exactly the rules that `buzon network plan` prints. A token brings the node
in, both journeys work with stock clients, `network check` names each port that is closed, and whoever has taken the gateway's host over gets no further."""
import contextlib
import ctypes
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
import inner_wire as wire  # noqa: E402
import namespaces as net  # noqa: E402
from buzon import Buzon, binary, skip, wait_until  # noqa: E402

INNER = {"enroll": 7460, "auth": 7461, "mailstore": 7462, "mta": 7463}
OUTER = {"imaps": 993, "pop3s": 995, "pop3": 110, "submission": 587, "submissions": 465, "smtp": 25}


class OnHost(Buzon):
    """A system on one of the hosts; its clients are outside."""
    host_name, listen = "in", net.GATEWAY

    def __init__(self, **options):
        super().__init__(**options)
        self.base, self.prefix = 0, tuple(net.of(self.host_name))

    def connect(self, service, tls=None):
        return net.at("out", lambda: super(OnHost, self).connect(service, tls))


class Inside(OnHost):
    def run(self, *arguments, **options):
        done = super().run(*arguments, **options)
        if arguments[0] == "init":
            text = self.config.read_text().replace("[[listener]]\n", '[[listener]]\nnode = "dmz1"\n')
            self.config.write_text(f'inner.listen = "{net.INSIDE}"\ninner.from = ["{net.GATEWAY_INNER}"]\n{self.settings_above}\n' + text
                                   + '\n[[listener]]\nname = "local"\nservice = "imap"\naddress = "127.0.0.1"\nport = 143\ntls = "none"\n'
                                   + f'\n[[listener]]\nnode = "dmz2"\nname = "imaps2"\nservice = "imap"\naddress = "{net.GATEWAY}"\nport = 9993\n')
        return done

    def listening(self):
        with contextlib.suppress(OSError):
            net.at("in", lambda: socket.create_connection((net.INSIDE, INNER["auth"]), 1).close())
            return True
        return False


class Gateway(OnHost):
    host_name = "dmz"

    def __init__(self, inside):
        super().__init__(accounts=(), host=inside.host)
        self.passwords = inside.passwords

    def enroll(self, token):
        return subprocess.run([*self.prefix, binary(), "node", "enroll", token, "--state", str(self.state)], capture_output=True, text=True)

    def listening(self):
        with contextlib.suppress(OSError):
            net.at("out", lambda: socket.create_connection((net.GATEWAY, 993), 1).close())
            return True
        return False


class SmartHost:
    """The outside's server: TLS from the first byte, takes everything."""

    def __init__(self, folder):
        self.messages, self.ca = [], folder / "outside-ca.pem"
        key = folder / "outside-key.pem"
        net.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-out", str(self.ca),
                "-subj", "/CN=outside.test", "-addext", f"subjectAltName=IP:{net.OUTSIDE}", "-addext", "extendedKeyUsage=serverAuth", "-days", "9")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.ca, key)
        self.socket = net.at("out", lambda: socket.create_server((net.OUTSIDE, 465)))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            raw, _ = self.socket.accept()
            with contextlib.suppress(OSError):
                self.session(self.context.wrap_socket(raw, server_side=True))

    def session(self, s):
        lines = s.makefile("rb")
        s.sendall(b"220 outside.test\r\n")
        for line in lines:
            verb = line[:4].upper()
            if verb == b"DATA":
                s.sendall(b"354 go\r\n")
                self.messages.append(b"".join(iter(lines.readline, b".\r\n")))
                s.sendall(b"250 taken\r\n")
            elif verb == b"QUIT":
                return s.sendall(b"221 bye\r\n")
            else:
                s.sendall(b"250-outside.test\r\n250 8BITMIME\r\n" if verb == b"EHLO" else b"250 ok\r\n")


def curl(mail, *arguments, check=True):
    resolve = [word for service in ("imaps", "pop3s", "submissions", "submission") for word in ("--resolve", f"{mail.host}:{OUTER[service]}:{net.GATEWAY}")]
    done = subprocess.run([*net.of("out"), "curl", "-sS", "-m", "20", "--cacert", mail.ca, *resolve, "-u", f"ana@example.test:{mail.password('ana')}",
                           *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, (arguments, done.returncode, done.stderr)
    return done


def bring(subject):
    def send():
        client = smtplib.SMTP(net.GATEWAY, 25, timeout=20, local_hostname="mx.outside.test")
        client.sendmail("out@outside.test", ["ana@example.test"], f"From: out@outside.test\r\nSubject: {subject}\r\n\r\nhello\r\n")
        client.quit()
    net.at("out", send)


def journeys(inside, gateway, smart_host):
    bring("in-one")
    wait_until("the mail can be searched", lambda: curl(gateway, f"imaps://{gateway.host}/INBOX", "-X", "SEARCH SUBJECT in-one").stdout.split()[2:], 15)
    assert "hello" in curl(gateway, f"imaps://{gateway.host}/INBOX/;MAILINDEX=1").stdout
    assert "1 " in curl(gateway, f"pop3s://{gateway.host}/").stdout
    for scheme, port, extra in (("smtps", 465, []), ("smtp", 587, ["--ssl-reqd"])):
        file = gateway.folder / "out.eml"
        file.write_text(f"From: ana@example.test\r\nTo: out@outside.test\r\nSubject: out-{port}\r\n\r\nhi\r\n")
        curl(gateway, f"{scheme}://{gateway.host}:{port}/phone.test", "--mail-from", "ana@example.test", "--mail-rcpt", "out@outside.test", "-T", str(file), *extra)
        wait_until("it went out", lambda: any(f"out-{port}".encode() in m for m in smart_host.messages), 20)
    wait_until("copies in Sent", lambda: len(curl(gateway, f"imaps://{gateway.host}/Sent", "-X", "SEARCH ALL").stdout.split()) == 4, 15)
    print("received by 25 and read with curl over IMAP and POP3; sent by 465 and 587 through the smart host outside, two copies in Sent")


# --- firewalls ---
def check(host, config, *options):
    done = subprocess.run([*net.of(host), binary(), "network", "check", "--config", str(config), *options], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def without(rules, port):
    lines = [line for line in rules.splitlines() if not re.search(rf"tcp dport {port} ", line)]
    assert len(lines) == len(rules.splitlines()) - 1, (port, rules)
    return "\n".join(lines) + "\n"


def closed_ports(hosts, inside, gateway, rules):
    for host, config, options in (("dmz", gateway.config, []), ("out", inside.config, ["--outside"]), ("in", inside.config, [])):
        code, text = check(host, config, *options)
        assert code == 0 and "CLOSED" not in text and "open" in text, (host, text)
    for name, port in INNER.items():
        hosts.rules("fwi", without(rules["inner"], port))
        code, text = check("dmz", gateway.config)
        assert code == 1 and re.findall(r"CLOSED .*tcp/(\d+)", text) == [str(port)], (name, text)
    hosts.rules("fwi", rules["inner"])
    for name, port in OUTER.items():
        text = "\n".join(line for line in rules["outer"].splitlines() if f"daddr {{ {net.GATEWAY} }} tcp dport {port} " not in line)
        assert text.count("\n") == rules["outer"].count("\n") - 2, (name, rules["outer"])
        hosts.rules("fwo", text + "\n")
        code, text = check("out", inside.config, "--outside")
        assert code == 1 and re.findall(r"CLOSED .*tcp/(\d+)", text) == [str(port)], (name, text)
    hosts.rules("fwo", rules["outer"])
    code, text = check("dmz", gateway.config)
    assert code == 0, text
    # A service inside that nobody planned: with the printed rules it cannot be reached; with a hole it is named.
    listener = net.at("in", lambda: socket.create_server((net.INSIDE, 8080)))
    assert check("dmz", gateway.config)[0] == 0
    hosts.rules("fwi", rules["inner"].replace("    ct state", "    tcp dport 8080 accept\n    ct state", 1))
    code, text = check("dmz", gateway.config)
    assert code == 1 and re.findall(r"LEAK .*tcp/(\d+)", text) == ["8080"], text
    hosts.rules("fwi", rules["inner"])
    print(f"each of {len(INNER)} inner and {len(OUTER)} outer ports closed in turn: network check names it and no other; an unplanned open one, too")
    return listener


# --- whoever has taken the gateway's host over ---
class Attacker:
    def __init__(self, gateway):
        self.certificate, self.key = gateway.state / "tls/node.pem", gateway.state / "tls/node-key.pem"
        self.password = gateway.password("ana")
        self.number = 0

    def node(self, role):
        return net.at("dmz", lambda: wire.Node(net.INSIDE, INNER[role], self.certificate, self.key))

    def login(self, service="imap", listener="imaps", password=None, sid=None):
        """(frame's kind, its fields, session id) of a login with ana's password."""
        self.number += 1
        sid = sid or f"evil{self.number}"
        link = self.node("auth")
        link.next("Hello")
        initial = b"\0ana@example.test\0" + (password or self.password).encode()
        link.frame("SaslStart", wire.sasl_start(self.number, service, "PLAIN", listener, sid, net.OUTSIDE, initial))
        kind, payload = link.next("SaslDone", "SaslFail")
        link.close()
        return kind, wire.sasl_done(payload) if kind == "SaslDone" else wire.sasl_fail(payload), sid

    def ticket(self, service="imap", listener="imaps"):
        kind, fields, sid = self.login(service, listener)
        assert kind == "SaslDone", fields
        return fields["ticket"], sid

    def leg(self, header, role="mailstore"):
        """What a leg with this hand-over is answered."""
        node = self.node(role)
        node.send(header)
        heard = node.heard()
        node.close()
        return heard


def forged(ticket, name=b"ben@example.test"):
    """The ticket's bytes for somebody else, and with a signature of zeros."""
    yield ticket[:4] + bytes(64) + ticket[68:]
    yield ticket.replace(b"ana@example.test", name)
    yield ticket[:-1] + bytes([ticket[-1] ^ 1])
    yield ticket[:40] + bytes([ticket[40] ^ 1]) + ticket[41:]
    yield b""
    yield b"BZT1" + random.randbytes(200)


def attacks(inside, gateway):
    evil = Attacker(gateway)
    refused = 0

    def no(heard, what):
        nonlocal refused
        assert heard == b"" or heard.startswith(b"454 4.7.0 "), (what, heard)   # mta says why, and ends
        refused += 1

    # A login that really happens passes through such a host; what it then may do with the ticket is: this session, once.
    ticket, sid = evil.ticket()
    no(evil.leg(wire.handoff("imap", "sid0")), "no ticket")
    for n, bad in enumerate(forged(ticket)):
        no(evil.leg(wire.handoff("imap", sid, ticket=bad)), f"forged {n}")
    no(evil.leg(wire.handoff("imap", "another", ticket=ticket)), "another session")
    no(evil.leg(wire.handoff("imap", sid, ticket=ticket, address="198.51.100.9")), "another client")
    no(evil.leg(wire.handoff("submission", sid, ticket=ticket), "mta"), "another audience")
    no(evil.leg(wire.handoff("imap", sid, ticket=ticket), "mta"), "imap at the mta's port")
    heard = evil.leg(wire.handoff("imap", sid, ticket=ticket))
    assert heard.startswith(b"a1 OK"), heard
    no(evil.leg(wire.handoff("imap", sid, ticket=ticket)), "replay")
    ticket, sid = evil.ticket()
    no(evil.leg(wire.handoff("pop3", sid, ticket=ticket, port=995)), "another service")
    ticket, sid = evil.ticket("submission", "submission")
    no(evil.leg(wire.handoff("imap", sid, ticket=ticket)), "a ticket for mta at the mail store")
    no(evil.leg(wire.handoff("lmtp", "l1")), "LMTP to the mail store")
    no(evil.leg(wire.handoff("lmtp", "l1"), "mta"), "LMTP to the mta")
    no(evil.leg(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\na LOGIN a b\r\n"), "no hand-over")
    ticket, sid = evil.ticket()
    inside.restart_role("auth")
    wait_until("auth is back", lambda: logs_in(evil), 20)
    no(evil.leg(wire.handoff("imap", sid, ticket=ticket)), "a ticket from before auth's start")
    # Logins: its own listeners alone, and only with a password.
    for listener in ("local", "imaps2", "nothing"):
        kind, fields, _ = evil.login(listener=listener)
        assert kind == "SaslFail" and b"not a listener of this node" in fields["reason"], (listener, kind, fields)
        refused += 1
    kind, fields, _ = evil.login(password="wrong")
    assert kind == "SaslFail" and fields["kind"] == 0, fields
    # Questions that only roles inside may ask.
    for question in ("LookupRecipient", "MaySendAs", "Hello", "EndSessions", "SaslDone"):
        link = evil.node("auth")
        link.next("Hello")
        link.frame(question, b"\x01\x01" + wire.text("ben@example.test"))
        assert link.next("RecipientVerdict") is None, question
        refused += 1
    renewals(evil)
    elsewhere(inside, gateway)
    print(f"{refused} hand-overs, logins and questions of a gateway that was taken over refused; one ticket opened one session once")


def logs_in(evil):
    with contextlib.suppress(OSError, TypeError):   # TypeError: the link ended
        return evil.login()[0] == "SaslDone"
    return False


def renewals(evil):
    """Its certificate gets no other key a certificate, and no key another name."""
    other = evil.key.parent / "other-key.pem"
    net.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(other))
    request = net.run("openssl", "req", "-new", "-key", str(other), "-subj", "/CN=inner").stdout
    node = evil.node("enroll")
    payload = b"\x01" + wire.text("") + wire.text(request)
    node.send((len(payload) + 1).to_bytes(4, "big") + bytes([109]) + payload)
    heard = node.heard()
    assert b"a renewal keeps its key" in heard and b"CERTIFICATE" not in heard, heard
    node = evil.node("enroll")
    payload = b"\x01" + wire.text("0" * 48) + wire.text(request)
    node.send((len(payload) + 1).to_bytes(4, "big") + bytes([109]) + payload)
    heard = node.heard()
    assert b"unknown, used or has expired" in heard, heard
    other.unlink()


def stolen(pid, fd):
    """A copy of another process's descriptor (pidfd_getfd)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(434, pid, 0)
    copy = libc.syscall(438, pidfd, fd, 0)
    assert copy >= 0, os.strerror(ctypes.get_errno())
    os.close(pidfd)
    return copy


def elsewhere(inside, gateway):
    """Neither its processes nor its descriptors reach anything but the planned ports, and no store is readable for its users."""
    for role in ("gateway", "connector"):
        for pid in gateway.pid(role):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status, (role, status)
            assert not re.search(r"^Uid:\t0", status, re.M), role
            for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = os.readlink(link)
                    assert stat.S_ISSOCK(os.stat(link).st_mode) or target.startswith(("anon_inode", "/dev", "pipe", str(gateway.state / "log"))), (role, target)
    pid, = gateway.pid("connector")
    os.kill(pid, signal.SIGSTOP)
    channel = socket.socket(fileno=stolen(pid, 3))
    try:
        for role, planned in (("auth", True), ("ssh", False), ("", False), ("enroll", True), ("egress", False), ("inner", False), ("gateway", False)):
            channel.send(bytes([105]) + b"\x01" + wire.text(role) + wire.varint(77))
            assert select.select([channel], [], [], 5)[0]
            data, fds, _, _ = socket.recv_fds(channel, 65536, 4)
            assert data[0] == 106 and bool(fds) == planned, (role, data, fds)
            for fd in fds:
                with socket.socket(fileno=fd) as s:
                    assert s.getpeername() == (net.INSIDE, INNER[role]), s.getpeername()
    finally:
        channel.close()
        os.kill(pid, signal.SIGCONT)
    for user in ("buzon-gateway", "buzon-connector"):
        for folder in ("auth/db", "mail/db", "queue/db", "inner/ca-key.pem", "inner/nodes"):
            done = subprocess.run(["setpriv", "--reuid", user, "--clear-groups", "ls", str(inside.state / folder)], capture_output=True, text=True)
            assert done.returncode != 0 and "Permission denied" in done.stderr, (user, folder, done)

    def reach(address, port):
        try:
            socket.create_connection((address, port), 1).close()
            return True
        except OSError:
            return False
    # 8080 listens inside; 465 is the smart host, planned from the inside alone.
    assert not net.at("dmz", lambda: reach(net.INSIDE, 8080)) and net.at("in", lambda: reach(net.INSIDE, 8080))
    assert not net.at("dmz", lambda: reach(net.OUTSIDE, 465)) and net.at("in", lambda: reach(net.OUTSIDE, 465))
    assert not net.at("out", lambda: reach(net.INSIDE, INNER["auth"]))


def enrolment(inside, gateway):
    token = inside.run("node", "token", "--name", "dmz1", "--role", "gateway").stdout.strip()
    parts = token.split("/")
    flipped = "/".join([*parts[:3], ("0" if parts[3][0] != "0" else "1") + parts[3][1:], parts[4]])
    done = gateway.enroll(flipped)
    assert done.returncode == 1 and "its authority is another one" in done.stderr, done
    done = gateway.enroll("/".join([*parts[:4], "0" * 48]))
    assert done.returncode == 1 and "unknown, used or has expired" in done.stderr, done
    done = gateway.enroll(token)
    assert done.returncode == 0 and "this host is node dmz1" in done.stdout, done
    assert stat.S_IMODE((gateway.state / "tls/node-key.pem").stat().st_mode) == 0o600
    second = Gateway(inside)
    done = second.enroll(token)
    assert done.returncode == 1 and "used" in done.stderr and not (second.state / "buzon.toml").exists(), done
    assert inside.run("node", "token", "--name", "dmz1", check=False).returncode == 1, "there is a node dmz1"
    assert "no [[listener]]" in inside.run("node", "token", "--name", "dmz3", check=False).stderr
    short = inside.run("node", "token", "--name", "dmz2", "--life", "1s").stdout.strip()
    time_over = time.monotonic() + 1.2
    wait_until("the token expires", lambda: time.monotonic() > time_over, 5)
    assert "expired" in second.enroll(short).stderr
    keys = [p for p in inside.state.rglob("*") if p.is_file() and p.stat().st_size < 100_000
            and (gateway.state / "tls/node-key.pem").read_bytes()[40:100] in p.read_bytes()]
    assert not keys, "the node's key is on its host alone"
    net.run(*net.of("dmz"), binary(), "config", "check", "--config", str(gateway.config))
    print("a token brings one node in, once: a wrong authority, a wrong secret, a used and an expired token are refused")


def renewal(inside, gateway):
    def certificate():
        return (gateway.state / "tls/node.pem").read_bytes()
    before = certificate()
    assert "nothing to do" in gateway.run("node", "renew").stdout and certificate() == before
    assert "node dmz1 has a certificate until" in gateway.run("node", "renew", "--now").stdout
    assert certificate() != before
    gateway.run("reload")
    assert curl(gateway, f"imaps://{gateway.host}/INBOX", "-X", "NOOP").returncode == 0


def main():
    missing = [tool for tool in ("ip", "nft", "curl", "setpriv", "openssl") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    try:
        hosts = net.Hosts().__enter__()
        hosts.rules("fwo", "")
    except (OSError, subprocess.CalledProcessError) as error:   # the machine's lack: a skip, with CI=true too
        print(f"SKIPPED: this kernel gives no network namespaces or no nftables: {error} {getattr(error, 'stderr', '')}")
        sys.exit(77)
    try:
        play(hosts)
    finally:
        hosts.__exit__()


def play(hosts):
    inside = Inside(accounts=("ana", "ben"), domain="example.test")
    smart_host = SmartHost(inside.folder)
    inside.settings_above = (f'smart_host.host = "{net.OUTSIDE}"\nsmart_host.port = 465\nsmart_host.implicit_tls = true\n'
                             f'smart_host.ca_file = "{smart_host.ca}"\n')
    inside.restart_role = lambda role: [os.kill(pid, signal.SIGKILL) for pid in inside.pid(role)]
    with inside:
        try:
            rules = {wall: inside.run("network", "plan", "--nft", wall).stdout for wall in ("outer", "inner")}
            hosts.rules("fwo", rules["outer"])
            hosts.rules("fwi", rules["inner"])
            table = json.loads(inside.run("network", "plan", "--json").stdout)
            assert {row["port"] for row in table if row["to"].startswith("inside")} == {f"tcp/{p}" for p in INNER.values()}, table
            gateway = Gateway(inside)
            enrolment(inside, gateway)
            with contextlib.ExitStack() as stack:
                stack.callback(gateway.stop)
                # Stands for node dmz2, whose listener is in the configuration.
                stack.enter_context(net.at("dmz", lambda: socket.create_server((net.GATEWAY, 9993))))
                gateway.serve()
                wait_until("logins", lambda: curl(gateway, f"imaps://{gateway.host}/INBOX", "-X", "NOOP", check=False).returncode == 0, 20)
                journeys(inside, gateway, smart_host)
                listener = closed_ports(hosts, inside, gateway, rules)
                attacks(inside, gateway)
                listener.close()
                renewal(inside, gateway)
                journeys_again(inside, gateway)
        except BaseException:
            with contextlib.suppress(NameError):
                gateway.show_logs()
            raise


def journeys_again(inside, gateway):
    bring("last")
    wait_until("the mail is there", lambda: curl(gateway, f"imaps://{gateway.host}/INBOX", "-X", "SEARCH SUBJECT last").stdout.split()[2:], 15)
    begun = time.monotonic()
    inside.run("node", "revoke", "dmz1")
    wait_until("cut off", lambda: curl(gateway, f"imaps://{gateway.host}/INBOX", "-X", "NOOP", check=False).returncode != 0, 5)
    print(f"revoked: logins refused {(time.monotonic() - begun) * 1000:.0f} ms later")


if __name__ == "__main__":
    main()
