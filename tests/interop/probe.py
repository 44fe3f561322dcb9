#!/usr/bin/env python3
"""`buzon probe` against buzon, against Dovecot and Cyrus, and against servers that are broken on purpose: each fault must be named, and a server without
it must not be blamed."""
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, binary  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from pki import Pki  # noqa: E402
from strangers import Dovecot  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)   # old TLS versions are offered on purpose
CAPABILITIES = "IMAP4rev1 SASL-IR ID IDLE UIDPLUS MOVE SPECIAL-USE AUTH=PLAIN"


def probe(host, ports, ca, *more, password=None):
    command = [binary(), "probe", host, "--address", "127.0.0.1", "--ports", ports, "--ca", str(ca), "--json", *more]
    done = subprocess.run(command, input=password, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), f"{command}: {done.returncode} {done.stderr}"
    report = json.loads(done.stdout)
    assert report["passed"] == (done.returncode == 0), report
    for finding in report["findings"]:
        assert finding["text"] and finding["advice"], finding
    return report


def codes(report, *severities):
    return {f["code"] for f in report["findings"] if not severities or f["severity"] in severities}


class Broken:
    """A server of one connection at a time after another; `talk(connection)` says what it says."""

    def __init__(self, talk, tls=None):
        self.talk, self.tls = talk, tls
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.settimeout(30)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.talk(connection)
        except (OSError, ValueError):
            pass   # the probe left
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def context(chain, key, maximum=None):
    out = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    out.set_ciphers("ALL:@SECLEVEL=0")   # the faults are too weak for OpenSSL's own taste
    if maximum:
        out.minimum_version, out.maximum_version = ssl.TLSVersion.TLSv1, maximum
    out.load_cert_chain(chain, key)
    return out


def imap(capabilities=CAPABILITIES, greeting=None, id_answer="OK"):
    def talk(connection):
        connection.sendall((greeting or f"* OK [CAPABILITY {capabilities}] ready").encode() + b"\r\n")
        for line in connection.makefile("rb"):
            tag, _, rest = line.decode(errors="replace").strip().partition(" ")
            verb = rest.split(" ")[0].upper()
            if verb == "CAPABILITY":
                connection.sendall(f"* CAPABILITY {capabilities}\r\n".encode())
            connection.sendall(f"{tag} {id_answer if verb == 'ID' else 'OK'} {verb}\r\n".encode())
    return talk


def smtp(before=("STARTTLS",), after=("AUTH PLAIN LOGIN",), greeting="220 mail.test ESMTP", tls=None, refuse=False, ban=None):
    def say(connection, words):
        lines = ["mail.test", *words]
        connection.sendall("".join(f"250{'-' if i + 1 < len(lines) else ' '}{w}\r\n" for i, w in enumerate(lines)).encode())

    last = []   # of the server that bans: when its newest connection is over

    def talk_in_order(connection):
        """A ban counts for the next connection, so that one is served when the one before has been read to its end."""
        previous, over = (last[-1] if last else None), threading.Event()
        last.append(over)
        try:
            if previous:
                previous.wait(2)
            talk(connection)
        finally:
            over.set()

    def talk(connection):
        if ban and ban.is_set():
            return connection.sendall(b"554 go away\r\n")
        connection.sendall(greeting.encode() + b"\r\n")
        lines, words = connection.makefile("rb"), before
        while line := lines.readline():
            verb = line.split(b" ")[0].strip().upper()
            if ban and line.startswith(b"\x16\x03"):
                return ban.set()
            if verb == b"EHLO":
                say(connection, words)
            elif verb == b"STARTTLS" and refuse:
                connection.sendall(b"454 no TLS today\r\n")
            elif verb == b"STARTTLS":
                connection.sendall(b"220 go on\r\n")
                connection = tls.wrap_socket(connection, server_side=True)
                lines, words = connection.makefile("rb"), after
            else:
                connection.sendall(b"250 well\r\n")
    return talk_in_order if ban else talk


def silent(connection):
    connection.recv(1 << 16)
    connection.recv(1)


def say_once(text):
    def talk(connection):
        connection.sendall(text)
        connection.recv(1 << 16)
    return talk


def broken_servers(pki):
    """(name, door, server, codes that must be there, whether the probe must fail)"""
    good = context(pki.chain(pki.issue("good"), "middle"), pki.path("good.key"))

    def with_leaf(fault, **recipe):
        pki.issue(fault, **recipe)
        by_middle = recipe.get("by", "middle") == "middle"
        return Broken(imap(), context(pki.chain(fault, "middle") if by_middle else pki.chain(fault), pki.path(f"{fault}.key")))

    yield "nothing wrong", "imaps", Broken(imap(), good), set(), False
    yield "expired", "imaps", with_leaf("expired", start=-40, days=30), {"expired"}, True
    yield "not yet valid", "imaps", with_leaf("early", start=2), {"not-yet-valid"}, True
    yield "another name", "imaps", with_leaf("other", san="DNS:other.test"), {"name-mismatch"}, True
    yield "no alternative name", "imaps", with_leaf("nosan", san=""), {"san-missing"}, True
    yield "1024 bits", "imaps", with_leaf("short", rsa=1024), {"key-weak"}, True
    yield "no serverAuth", "imaps", with_leaf("noeku", usage=""), {"eku-missing"}, True
    yield "SHA-1", "imaps", with_leaf("sha1", md="sha1"), {"signature-weak"}, True
    yield "900 days", "imaps", with_leaf("long", days=900), {"validity-too-long"}, True
    yield "must-staple without staple", "imaps", with_leaf("staple", extra="tlsfeature=status_request\n"), {"must-staple"}, True
    yield "self-signed", "imaps", with_leaf("selfsigned", by=None), {"self-signed"}, True
    yield "expires soon", "imaps", with_leaf("soon", start=-20, days=25), {"expires-soon"}, False
    yield "incomplete chain", "imaps", Broken(imap(), context(pki.chain("good"), pki.path("good.key"))), {"chain-incomplete"}, True
    yield "chain out of order", "imaps", Broken(imap(), context(pki.chain("good", "root", "middle"), pki.path("good.key"))), {"chain-order"}, False
    pki.issue("rsa", rsa=2048)
    rsa = pki.chain("rsa", "middle"), pki.path("rsa.key")
    yield "TLS 1.0 only", "imaps", Broken(imap(), context(*rsa, ssl.TLSVersion.TLSv1)), {"tls-old"}, True
    yield "TLS 1.1 only", "imaps", Broken(imap(), context(*rsa, ssl.TLSVersion.TLSv1_1)), {"tls-old"}, True
    yield "in clear on 993", "imaps", Broken(imap()), {"plain-text-on-tls-port", "tls-failed"}, True
    yield "silent on 993", "imaps", Broken(silent), {"tls-silent"}, True
    yield "silent after TLS", "imaps", Broken(silent, good), {"greeting-missing"}, True
    yield "garbage for a greeting", "imaps", Broken(say_once(b"SSH-2.0-x\r\n"), good), {"greeting-garbage"}, True
    yield "endless line", "imaps", Broken(say_once(b"* OK " + b"x" * 100_000), good), {"greeting-missing"}, True
    yield "LOGINDISABLED for ever", "imaps", Broken(imap("IMAP4rev1 LOGINDISABLED"), good), {"login-disabled"}, True
    yield "SCRAM only", "imaps", Broken(imap("IMAP4rev1 LOGINDISABLED AUTH=SCRAM-SHA-256"), good), {"login-disabled"}, True
    yield "PLAIN by SASL only", "imaps", Broken(imap(f"{CAPABILITIES} LOGINDISABLED"), good), set(), False
    yield "ID refused", "imaps", Broken(imap(id_answer="BAD"), good), {"id-refused"}, False
    yield "no IDLE", "imaps", Broken(imap("IMAP4rev1 AUTH=PLAIN"), good), {"no-idle", "capability-missing"}, False
    yield "POP3 on 993", "imaps", Broken(say_once(b"+OK pop\r\n"), good), {"greeting-garbage"}, True
    yield "SMTP on 995", "pop3s", Broken(smtp(), good), {"greeting-garbage"}, True
    yield "nothing wrong", "submission", Broken(smtp(tls=good)), set(), False
    yield "STARTTLS stripped", "submission", Broken(smtp(before=())), {"starttls-missing"}, True
    yield "STARTTLS refused", "submission", Broken(smtp(refuse=True)), {"starttls-refused"}, True
    yield "AUTH in clear", "submission", Broken(smtp(before=("STARTTLS", "AUTH PLAIN"), tls=good)), {"auth-in-clear"}, False
    yield "no AUTH", "submission", Broken(smtp(after=(), tls=good)), {"no-mechanism"}, True
    yield "blocked", "submission", Broken(smtp(greeting="554 blocked")), {"greeting-refused"}, True
    yield "garbage for a greeting", "submission", Broken(say_once(b"* OK imap\r\n")), {"greeting-garbage"}, True
    yield "silent", "submission", Broken(silent), {"greeting-missing"}, True
    yield "bans a phone's hello", "submission", Broken(smtp(tls=good, ban=threading.Event())), {"early-hello-banned"}, True
    yield "in clear on 465", "submissions", Broken(smtp()), {"plain-text-on-tls-port", "tls-failed"}, True


def against_broken(pki):
    number = 0
    for name, door, server, wanted, fails in broken_servers(pki):
        with server:
            report = probe("mail.test", f"{door}={server.port}", pki.path("root.pem"), "--patience", "2")
        found = codes(report)
        assert wanted <= found, f"{name}: wanted {wanted}, found {found}"
        assert report["passed"] != fails, f"{name}: {report}"
        blamed = codes(report, "error") - wanted
        assert not blamed, f"{name}: also blamed for {blamed}"
        number += 1
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    found = codes(probe("mail.test", f"imaps={port},submission={port}", pki.path("root.pem")), "error")
    assert found == {"port-closed", "no-submission"}, found
    return number + 1


def against_buzon():
    with Buzon() as mail:
        doors = f"imaps={mail.port('imaps')},submission={mail.port('submission')},submissions={mail.port('submissions')},smtp={mail.port('smtp')}"
        user = ["--user", mail.address("ana"), "--password-stdin"]
        report = probe(mail.host, doors, mail.ca, *user, password=mail.password("ana") + "\n")
        assert not codes(report, "error", "warning"), report
        worked = [fact for fact in report["facts"] if "works" in fact]
        assert len(worked) == 9, worked   # three mechanisms at three doors
        assert any("before the greeting is served" in fact for fact in report["facts"]), report["facts"]
        assert any("TLSv1.3" in fact for fact in report["facts"])
        wrong = probe(mail.host, doors, mail.ca, *user, password="wrong\n")
        assert codes(wrong, "error") == {"login-failed"}, wrong
        assert mail.password("ana") not in json.dumps(report)
        stranger = probe("mail.other.test", doors, mail.ca)
        assert codes(stranger, "error") == {"name-mismatch"}, stranger
        lint = subprocess.run([binary(), "tls", "lint", f"127.0.0.1:{mail.port('imaps')}", "--host", mail.host, "--ca", mail.ca],
                              capture_output=True, text=True, timeout=60)
        assert lint.returncode == 0 and "nothing here" in lint.stdout.lower(), lint


def against_dovecot():
    with Dovecot(mechanisms="plain login cram-md5") as stranger:
        report = probe("mail.outside.test", f"imaps={stranger.imaps_port},imap={stranger.imap_port}", stranger.ca, "--user", "ana",
                       "--password-stdin", password="secret\n")
        assert not codes(report, "error"), report
        assert codes(report, "warning") <= {"login-in-clear"}, report
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            assert sum(f"login by {mechanism} works" in fact for fact in report["facts"]) == 2, (mechanism, report)


def against_cyrus():
    with Cyrus(["ana"]) as stranger:
        report = probe("mail.outside.test", f"imaps={stranger.imaps_port},pop3s={stranger.pop3s_port}", stranger.ca, "--user", "ana",
                       "--password-stdin", password="secret\n")
        print("Cyrus:", "; ".join(report["facts"]), codes(report))
        assert not codes(report, "error"), report


def main():
    with tempfile.TemporaryDirectory(prefix="buzon-probe-") as folder:
        number = against_broken(Pki(folder))
    against_buzon()
    against_dovecot()
    against_cyrus()
    print(f"probe: {number} broken servers named; buzon, Dovecot and Cyrus pass")


if __name__ == "__main__":
    main()
