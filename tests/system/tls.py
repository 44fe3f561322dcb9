#!/usr/bin/env python3
"""The gateway's TLS as clients see it: names and certificates, both kinds of key, new files without losing a session, stapling, tickets over
workers and rotations, profiles, `buzon tls`, and what a phone does that looks for a server."""
import pathlib
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
import resumption  # noqa: E402
from buzon import Buzon, wait_until  # noqa: E402
from pki import Pki  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)   # old TLS versions are asked for on purpose
OLD_PORT, STARTTLS_PORT = 5, 6   # added to the port base, as the others are


class TlsBuzon(Buzon):
    """A system with more certificates and listeners than `init` makes."""

    def prepare(self, head, tail):
        self.run("init", str(self.state), "--port-base", str(self.base), "--listen", "127.0.0.1", "--host", self.host, "--domain", self.domain)
        self.config.write_text(head + self.config.read_text() + tail)
        self.serve()
        self.add_account("ana")

    def client(self, name=None, port=None, maximum=None, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
        if maximum:
            context.maximum_version = maximum
        raw = socket.create_connection(("127.0.0.1", port or self.port("imaps")), 20)
        return context.wrap_socket(raw, server_hostname=name)

    def shown(self, name, ciphers=None):
        """The certificate for a name, in DER."""
        with self.client(name, maximum=ssl.TLSVersion.TLSv1_2 if ciphers else None, ciphers=ciphers) as s:
            return s.getpeercert(binary_form=True)

    def s_client(self, *options, say="Q\n", port=None):
        return resumption.s_client(port or self.port("imaps"), *options, say=say)

    def save_session(self, saved, version):
        resumption.save_session(self.port("imaps"), self.host, saved, version)

    def resumed(self, saved, version, rounds=1):
        return resumption.resumed(self.port("imaps"), self.host, saved, version, rounds)


def der(path):
    return ssl.PEM_cert_to_DER_cert(re.search(r"-----BEGIN.*?-----END CERTIFICATE-----", pathlib.Path(path).read_text(), re.S).group(0))


def install_file(pki, source, target):
    """As an administrator's renewal does it: into place at once."""
    new = pathlib.Path(f"{target}.new")
    new.write_bytes(pathlib.Path(source).read_bytes())
    new.chmod(0o600)
    new.rename(target)


def names(mail, pki):
    main, rsa = der(mail.state / "tls/certificate.pem"), der(mail.state / "tls/rsa-certificate.pem")
    other, other_rsa = der(pki.path("other.pem")), der(pki.path("other-rsa.pem"))
    assert mail.shown(mail.host) == main
    assert mail.shown(None) == main and mail.shown("unknown.test") == main, "who asks for nothing known gets the first"
    assert mail.shown("imap.other.test") == other and mail.shown("IMAP.Other.Test") == other
    assert mail.shown("imap.other.test", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0") == other_rsa, "both kinds stand side by side"
    assert mail.shown("any.other.test", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0") == other_rsa, "the wildcard"
    assert mail.shown(mail.host, "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0") == rsa


def reload_without_loss(mail, pki):
    session = mail.client("imap.other.test")
    lines = session.makefile("rb")
    assert lines.readline().startswith(b"* OK")

    def ask(command):
        session.sendall(b"a " + command.encode() + b"\r\n")
        while not (line := lines.readline()).startswith(b"a "):
            assert line, "the session has ended"
        return line
    assert b" OK" in ask(f"LOGIN {mail.address('ana')} {mail.password('ana')}")
    pki.issue("renewed", san="DNS:imap.other.test,DNS:any.other.test")
    pki.chain("renewed", "middle")
    install_file(pki, pki.path("renewed.key"), mail.state / "tls/other.key")
    install_file(pki, pki.path("renewed+middle.chain"), mail.state / "tls/other.pem")
    mail.run("reload")
    wait_until("the new certificate is shown", lambda: mail.shown("imap.other.test") == der(pki.path("renewed.pem")))
    assert b" OK" in ask("NOOP"), "the session went on"
    # A pair that does not fit is refused, and the old one stays.
    good = (mail.state / "tls/other.key").read_bytes()
    install_file(pki, pki.path("other.key"), mail.state / "tls/other.key")
    refused = mail.run("reload", check=False)
    assert refused.returncode == 1 and "not the key of the first certificate" in refused.stderr, refused
    assert mail.shown("imap.other.test") == der(pki.path("renewed.pem"))
    (mail.state / "tls/other.key").write_bytes(good)
    mail.run("reload")
    session.close()


def staple(mail, pki):
    assert "OCSP response: no response sent" in mail.s_client("-status", "-servername", "imap.other.test")
    answer = mail.state / "tls/other.ocsp"
    pki.openssl("ocsp", "-issuer", "middle.pem", "-cert", "renewed.pem", "-reqout", "question")
    # The responder's data base must know the serial number: that of `openssl ca`.
    pki.openssl("ocsp", "-index", "index.txt", "-CA", "middle.pem", "-rsigner", "middle.pem", "-rkey", "middle.key", "-reqin", "question", "-ndays", "2",
                "-respout", str(answer))
    mail.run("reload")
    wait_until("the response is stapled", lambda: "OCSP Response Status: successful" in mail.s_client("-status", "-servername", "imap.other.test"))
    assert "no response sent" in mail.s_client("-status", "-servername", mail.host), "the other certificate has none"
    assert re.search(r"staple: good for 4[78] hours", shown := mail.run("tls", "show").stdout), shown
    install_file(pki, pki.path("question"), answer)   # no response at all
    mail.run("reload")
    wait_until("dropped", lambda: "OCSP response: no response sent" in mail.s_client("-status", "-servername", "imap.other.test"))


def fetch_staple(mail, pki):
    """`buzon tls staple` asks the responder that the certificate names."""
    pki.issue("stapled", san="DNS:imap.other.test", extra=f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{mail.ocsp_port}/\n")
    responder = subprocess.Popen(["openssl", "ocsp", "-port", str(mail.ocsp_port), "-index", "index.txt", "-CA", "middle.pem", "-rsigner", "middle.pem", "-rkey",
                                  "middle.key", "-ndays", "3", "-ignore_err"], cwd=pki.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert "ACCEPT" in responder.stdout.readline(), "the responder listens"   # it serves one after the other: no trial connection
        done = mail.run("tls", "install", "--cert", pki.path("stapled.pem"), "--key", pki.path("stapled.key"), "--chain", pki.path("middle.pem"), "--ca",
                        pki.path("root.pem"))
        assert "installed tls/other.pem, 2 certificates" in done.stdout, done.stdout
        done = mail.run("tls", "staple")
        assert re.search(r"tls/other.ocsp: good for 7[12] hours", done.stdout), done.stdout
        wait_until("stapled", lambda: "OCSP Response Status: successful" in mail.s_client("-status", "-servername", "imap.other.test"))
    finally:
        responder.kill()
        responder.wait()
    assert mail.run("tls", "staple", check=False).returncode == 1, "nobody answers"
    assert (mail.state / "tls/other.ocsp").stat().st_size > 100, "the old response stays"


def tickets(mail, folder):
    workers = len(mail.pid("gateway"))
    assert workers == 2
    for version in resumption.VERSIONS:
        saved = str(folder / f"session{version}")
        mail.save_session(saved, version)
        # The kernel chooses the worker by the client's port: twenty connections meet both.
        assert all(mail.resumed(saved, version, 20)), f"{version}: each worker takes the ticket"

        def rotations():
            return (mail.folder / "serve.out").read_text().count("ticket_keys_rotated")
        before = rotations()
        mail.save_session(saved, version)
        wait_until("a rotation", lambda: rotations() > before, 30)
        assert all(mail.resumed(saved, version)), f"{version}: the previous key is taken"
        before = rotations()
        wait_until("three more rotations", lambda: rotations() > before + 3, 60)
        wait_until("a forgotten key is not taken", lambda: not any(mail.resumed(saved, version)), 10)


def profiles(mail):
    old = mail.base + OLD_PORT
    assert "listener old takes TLS 1.0" in (mail.folder / "serve.out").read_text(), "a loud word in the log"
    with mail.client(port=old, maximum=ssl.TLSVersion.TLSv1) as s:
        assert s.version() == "TLSv1" and s.recv(4) == b"* OK"
    with mail.client(port=old) as s:
        assert s.version() == "TLSv1.3", "current phones lose nothing there"
    for maximum in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        try:
            mail.client(maximum=maximum).close()
            raise AssertionError(f"{maximum} on 993")
        except (ssl.SSLError, ConnectionError):
            pass


def looking_phones(mail):
    """On STARTTLS doors: a TLS hello at once is served; who says nothing gets a greeting soon, and may still be silent for a while."""
    for port, greeting in ((mail.port("submission"), b"220 "), (mail.base + STARTTLS_PORT, b"* OK")):
        with mail.client(mail.host, port=port) as s:   # the hello goes out before any greeting
            assert s.recv(4) == greeting[:4]
        quiet = socket.create_connection(("127.0.0.1", port), 20)
        begin = time.monotonic()
        assert quiet.recv(4) == greeting[:4]
        assert time.monotonic() - begin < 2, "the greeting waits for the hello a moment only"
        lines = quiet.makefile("rb")
        lines.readline()
        assert not select.select([quiet], [], [], 0.5)[0], "five times the wait for a hello: silence is no reason to end"
        quiet.sendall(b"NOOP\r\n" if greeting == b"220 " else b"a NOOP\r\n")
        assert b"250" in (line := lines.readline()) or b"a OK" in line, line
        late = socket.create_connection(("127.0.0.1", port), 20)
        assert late.recv(4) == greeting[:4]
        late.sendall(b"\x16\x03\x01\x00\x05hello")   # too late: an end, and no ban
        while late.recv(1000):
            pass
        again = socket.create_connection(("127.0.0.1", port), 20)
        assert again.recv(4) == greeting[:4]
        for s in (quiet, late, again):
            s.close()


def silence_holds_nobody_up(mail):
    """Silent connections on every door, and others are served at once meanwhile."""
    ports = [mail.port("imaps"), mail.port("submission"), mail.port("submissions"), mail.base + STARTTLS_PORT]
    held = [socket.create_connection(("127.0.0.1", port), 20) for port in ports for _ in range(5)]
    begin = time.monotonic()
    with mail.imap("ana") as client:
        client.noop()
    assert time.monotonic() - begin < 5
    for s in held:
        s.close()


def commands(mail, pki):
    made = mail.run("tls", "csr", "--host", mail.host, "--host", "imap.example.test").stdout
    request = re.search(r"request: (.*)", made).group(1)
    key = pathlib.Path(re.search(r"key: +(.*)", made).group(1))
    assert key.stat().st_mode & 0o777 == 0o600
    assert "DNS:imap.example.test" in pki.openssl("req", "-in", str(pathlib.Path(request).resolve()), "-noout", "-text", "-verify")
    assert mail.run("tls", "csr", "--host", mail.host, check=False).returncode == 1, "no key is overwritten"
    # The authority answers; the key is found by itself, root and order are put right.
    (pki.folder / "signed.ext").write_text(f"basicConstraints=CA:FALSE\nsubjectAltName=DNS:{mail.host},DNS:imap.example.test\nextendedKeyUsage=serverAuth\n")
    pki.openssl("x509", "-req", "-in", str(pathlib.Path(request).resolve()), "-CA", "middle.pem", "-CAkey", "middle.key", "-CAcreateserial", "-days", "90",
                "-extfile", "signed.ext", "-out", "signed.pem")
    heap = pki.chain("root", "middle", "signed")
    session = mail.client(mail.host)
    assert session.recv(4) == b"* OK"
    before = mail.shown(mail.host)
    refused = mail.run("tls", "install", "--cert", heap, check=False)
    assert refused.returncode == 1 and "chain-incomplete" in refused.stderr and mail.shown(mail.host) == before, refused
    done = mail.run("tls", "install", "--cert", heap, "--ca", pki.path("root.pem"))
    assert "installed tls/certificate.pem, 2 certificates, key ECDSA P-256" in done.stdout, done.stdout
    wait_until("it is served without a restart", lambda: mail.shown(mail.host) == der(pki.path("signed.pem")))
    session.sendall(b"a NOOP\r\n")
    assert session.recv(100), "nobody was thrown out"
    chain = mail.s_client("-showcerts", "-servername", mail.host)
    assert chain.count("BEGIN CERTIFICATE") == 2, "leaf and intermediate, without the root"
    for fault, recipe in (("expired", {"start": -40, "days": 30}), ("san-missing", {"san": ""}), ("validity-too-long", {"days": 900})):
        if fault == "san-missing":
            recipe = {"san": "DNS:elsewhere.test"}
        pki.issue(fault, **{"san": f"DNS:{mail.host}", **recipe})
        bad = mail.run("tls", "install", "--cert", pki.chain(fault, "middle"), "--key", pki.path(f"{fault}.key"), "--ca", pki.path("root.pem"), check=False)
        assert bad.returncode == 1 and (fault in bad.stderr or "names neither" in bad.stderr), bad
    wrong = mail.run("tls", "install", "--cert", pki.chain("expired"), "--key", pki.path("other.key"), check=False)
    assert wrong.returncode == 1 and "none of the certificates is for this key" in wrong.stderr, wrong
    shown = mail.run("tls", "show").stdout
    assert "names: mail.example.test, imap.example.test" in shown, shown
    assert mail.run("tls", "rotate", check=False).returncode == 1, "no ticket_key_file"
    good = mail.run("tls", "lint", pki.chain("signed", "middle"), "--ca", pki.path("root.pem"), "--host", mail.host, check=False)
    assert good.returncode == 0, good
    assert mail.run("tls", "lint", pki.chain("expired", "middle"), "--ca", pki.path("root.pem"), check=False).returncode == 1


def shared_ticket_file(mail, folder):
    (mail.state / "tls/tickets").write_text("ab" * 32 + "\n")
    (mail.state / "tls/tickets").chmod(0o600)
    mail.config.write_text('tls.ticket_key_file = "tls/tickets"\n' + mail.config.read_text())
    mail.run("reload")
    saved = str(folder / "session-shared")

    def kept():
        mail.save_session(saved, "-tls1_3")
        mail.restart()   # what a second gateway would see: other processes, the same file
        return all(mail.resumed(saved, "-tls1_3", 3))
    assert kept()
    mail.run("tls", "rotate")
    lines = (mail.state / "tls/tickets").read_text().split()
    assert len(lines) == 2 and lines[1] == "ab" * 32 and (mail.state / "tls/tickets").stat().st_mode & 0o777 == 0o600
    wait_until("the previous key is taken", lambda: all(mail.resumed(saved, "-tls1_3")))


def main():
    with tempfile.TemporaryDirectory(prefix="buzon-tls-") as name:
        folder = pathlib.Path(name)
        pki = Pki(folder / "pki")
        pki.issue("other", san="DNS:imap.other.test")
        pki.issue("other-rsa", san="DNS:*.other.test", rsa=2048)
        mail = TlsBuzon(accounts=("ana",))
        with socket.create_server(("127.0.0.1", 0)) as s:
            mail.ocsp_port = s.getsockname()[1]
        try:
            (mail.folder / "state").mkdir(mode=0o755)
            (mail.folder / "state/tls").mkdir(mode=0o755)
            for kind in ("other", "other-rsa"):
                install_file(pki, pki.chain(kind, "middle"), mail.state / f"tls/{kind}.pem")
                install_file(pki, pki.path(f"{kind}.key"), mail.state / f"tls/{kind}.key")
            listeners = "".join(f'\n[[listener]]\nname = "{n}"\nservice = "imap"\naddress = "127.0.0.1"\nport = {mail.base + p}\n{extra}\n'
                                for n, p, extra in (("old", OLD_PORT, 'tls_profile = "legacy"'), ("imap", STARTTLS_PORT, 'tls = "starttls"')))
            mail.prepare('gateway.workers = 2\ntls.ticket_rotation = "3s"\n',
                         '\n[[certificate]]\ncertificate_file = "tls/other.pem"\nkey_file = "tls/other.key"\nocsp_file = "tls/other.ocsp"\n'
                         '[[certificate]]\ncertificate_file = "tls/other-rsa.pem"\nkey_file = "tls/other-rsa.key"\n' + listeners)
            names(mail, pki)
            tickets(mail, folder)
            profiles(mail)
            looking_phones(mail)
            silence_holds_nobody_up(mail)
            reload_without_loss(mail, pki)
            staple(mail, pki)
            fetch_staple(mail, pki)
            commands(mail, pki)
            shared_ticket_file(mail, folder)
        except BaseException:
            mail.show_logs()
            raise
        finally:
            mail.stop()
            mail.__exit__(None)
    print("tls: in order")


if __name__ == "__main__":
    main()
