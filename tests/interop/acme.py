#!/usr/bin/env python3
"""Certificates by ACME from a real authority (Pebble): by each of the three challenges, with refused nonces and authorizations used again, while a phone
is connected; what fails is said in clear words and leaves the old certificate; renewal in time; staples from a real OCSP responder."""
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from acme_authority import Authority  # noqa: E402
from buzon import Buzon, wait_until  # noqa: E402
from strangers import free_port  # noqa: E402

HOOK = """#!/bin/sh
# As an administrator writes it: changes the TXT record by the interface of his DNS.
echo "$1 $2 $3 as $(id -un)" >> {folder}/hook.calls
case $1 in
  add) exec curl -sf -d "{{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}}" http://127.0.0.1:{port}/set-txt ;;
  remove) exec curl -sf -d "{{\\"host\\":\\"$2.\\"}}" http://127.0.0.1:{port}/clear-txt ;;
esac
"""


class AcmeBuzon(Buzon):
    def __init__(self, **more):
        super().__init__(accounts=["ana"], **more)
        self.http = free_port()
        self.roots, self.before, self.failed = None, None, 0

    def settings_for(self, authority, challenge="http-01", more="", tls=""):
        """Replaces what [acme] says in the configuration, which takes effect by itself or by `reload`."""
        self.roots = self.folder / "roots.pem"
        self.roots.write_text(authority.issuer("roots") + pathlib.Path(self.ca).read_text())
        acme = f"""
[acme]
directory = "{authority.directory}"
ca_file = "{authority.ca}"
contact = ["mailto:postmaster@example.test"]
agree_terms = true
challenge = "{challenge}"
http_addresses = ["127.0.0.1"]
http_port = {self.http}
tls_alpn_listener = "imaps"
dns_hook = "{self.folder}/hook"
dns_wait = "0s"
{more}
"""
        text = self.config.read_text().split("\n[acme]")[0]
        self.config.write_text((tls if tls not in text else "") + text + acme)

    def begin(self, authority, **settings):
        self.run("init", str(self.state), "--port-base", str(self.base), "--listen", "127.0.0.1", "--host", self.host, "--domain", self.domain)
        self.settings_for(authority, **settings)
        self.serve()
        self.add_account("ana")

    def tls(self, minimum=None, maximum=None):
        return ssl.create_default_context(cafile=str(self.roots))   # its own authority's, and those of the authority

    def shown(self, name=None):
        """The certificate that a phone sees, checked by what a phone checks."""
        context = self.tls()
        raw = socket.create_connection(("127.0.0.1", self.port("imaps")), 20)
        with context.wrap_socket(raw, server_hostname=name or self.host) as s:
            return s.getpeercert(binary_form=True)

    def issuer_of(self, der):
        text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-issuer"], input=der, capture_output=True, check=True).stdout
        return text.decode()

    def issued(self, other_than, name=None, seconds=60):
        def there():
            try:
                der = self.shown(name)
            except ssl.SSLCertVerificationError:   # of our own making, until one is issued
                return None
            return der if der != other_than and "Pebble" in self.issuer_of(der) else None
        return wait_until("a new certificate is served", there, seconds)

    def acme(self, *words, check=True):
        return self.run("acme", *words, check=check)

    def renew(self, authority, check=True):
        """Renews `tls` with a proof that the authority asks for. Where it asked for none (Authority.__init__) nothing was shown, and there is
        another renewal. `before`: the certificate before the one that counts; `failed`: how many have failed since one went well."""
        for _ in range(20):
            made, self.before = authority.authorizations(), self.shown()
            done = self.acme("renew", "tls", check=False)
            self.failed = self.failed + 1 if done.returncode else 0
            if authority.authorizations() > made:
                assert not check or done.returncode == 0, done.stderr
                return done
            assert done.returncode == 0, done.stderr
            self.issued(self.before, seconds=10)
        raise AssertionError("the authority uses every authorization again")

    def all_issued(self, *certificates):
        wait_until(f"{certificates} are issued and served", lambda: all(self.status(c)["issued"] for c in certificates), 60)

    def status(self, certificate="tls"):
        return next(one for one in json.loads(self.acme("status", "--json").stdout) if one["certificate"] == certificate)


class Phone:
    """An IMAP session in IDLE that must live through everything."""

    def __init__(self, mail):
        self.mail = mail
        self.socket = mail.connect("imaps")
        self.lines = self.socket.makefile("rb")
        assert self.lines.readline().startswith(b"* OK")
        self.order("a1", f'LOGIN {mail.address("ana")} {mail.password("ana")}')
        self.order("a2", "SELECT INBOX")
        self.socket.sendall(b"a3 IDLE\r\n")
        assert self.lines.readline().startswith(b"+")

    def order(self, tag, text):
        self.socket.sendall(f"{tag} {text}\r\n".encode())
        while not (line := self.lines.readline()).startswith(tag.encode()):
            assert line, "the session has ended"
        assert b" OK" in line, line

    def hears(self, count):
        """A new message reaches it, and nothing else has been said meanwhile."""
        with self.mail.imap("ana") as other:
            kind, data = other.append("INBOX", None, None, b"Subject: still there\r\n\r\nbody\r\n")
            assert kind == "OK", data
        self.socket.settimeout(20)
        while True:
            line = self.lines.readline()
            assert line.startswith(b"* "), line
            if line == f"* {count} EXISTS\r\n".encode():
                return
            assert b"BYE" not in line and (b"OK" in line or b"RECENT" in line), line


def the_three_challenges():
    mail = AcmeBuzon()
    with Authority(mail.http, mail.port("imaps"), nonce_reject=30) as authority:
        try:
            mail.begin(authority)
            phone = Phone(mail)   # with the certificate of `buzon init`, or already the new one
            mail.issued(None)   # nobody asked for it
            mail.all_issued("tls", "tls.rsa")
            assert mail.events("admin", "challenge_fetched"), "the authority has been at the door"
            phone.hears(1)
            print("http-01: issued by itself; the session in IDLE noticed nothing")

            mail.renew(authority)
            mail.issued(mail.before, seconds=10)
            phone.hears(2)

            mail.settings_for(authority, "tls-alpn-01")
            mail.run("reload")
            done = mail.renew(authority)
            assert "issued and installed" in done.stdout, done.stdout
            mail.issued(mail.before, seconds=10)
            assert any(e.get("reason") == "challenge of an authority" for e in mail.events("gateway", "end")), "the authority has seen the challenge"
            phone.hears(3)
            print("tls-alpn-01: renewed at the door of IMAP")

            hook = mail.folder / "hook"
            hook.write_text(HOOK.format(folder=mail.folder, port=authority.dns_management))
            hook.chmod(0o755)
            mail.folder.chmod(0o777)
            mail.settings_for(authority, "dns-01")
            mail.run("reload")
            mail.renew(authority)
            mail.issued(mail.before, seconds=10)
            calls = (mail.folder / "hook.calls").read_text()
            assert re.fullmatch(r"add (_acme-challenge\.mail\.example\.test) ([\w-]{43}) as (\S+)\nremove \1 \2 as \3\n", calls), calls
            assert "as root" not in calls, "the hook runs without rights"
            phone.hears(4)
            print("dns-01: renewed by the hook")

            keys = subprocess.run(["openssl", "pkey", "-in", str(mail.state / "tls/key.pem"), "-noout", "-text"], capture_output=True, text=True)
            assert keys.returncode == 0 and (mail.state / "tls/key.pem").stat().st_mode & 0o77 == 0
            for name in ("account-key.pem", "state.json"):
                assert (mail.state / "acme" / name).stat().st_mode & 0o777 == 0o600, name
            said = "".join(p.read_text(errors="replace") for p in (mail.state / "log").glob("*.log"))
            assert "PRIVATE KEY" not in said

            failures(mail, authority)
            phone.hears(5)
            roles = mail.run("status").stdout
            assert all("restarts 0" in line for line in roles.splitlines()), roles
        finally:
            mail.__exit__(*sys.exc_info())


def failures(mail, authority):
    """Each says what to do, and the old certificate stays."""
    mail.settings_for(authority, "http-01")
    mail.run("reload")
    authority.dns_order("set-default-ipv4", ip="127.0.0.9")   # where nobody listens
    done = mail.renew(authority, check=False)
    assert done.returncode == 1 and "cannot reach http://mail.example.test/" in done.stderr and "port 80" in done.stderr, done.stderr
    authority.dns_order("set-default-ipv4", ip="")
    done = mail.renew(authority, check=False)
    assert done.returncode == 1 and "A and AAAA records of mail.example.test" in done.stderr and "could not resolve" in done.stderr, done.stderr
    status = mail.status()
    assert status["failures"] == mail.failed > 0 and status["renewal"] > time.time() + 60, status
    assert "could not resolve" in mail.acme("status").stdout
    authority.dns_order("set-default-ipv4", ip="127.0.0.1")
    hook = mail.folder / "hook"
    hook.write_text("#!/bin/sh\necho no such zone >&2\nexit 3\n")
    mail.settings_for(authority, "dns-01")
    mail.run("reload")
    done = mail.renew(authority, check=False)
    assert done.returncode == 1 and "acme.dns_hook" in done.stderr and "exit status 3" in done.stderr, done.stderr
    assert "no such zone" in (mail.state / "log/hook.log").read_text()
    hook.write_text("#!/bin/sh\nsleep 600\n")
    mail.settings_for(authority, "dns-01", 'dns_hook_time = "1s"')
    mail.run("reload")
    done = mail.renew(authority, check=False)
    assert done.returncode == 1 and "did not end in time" in done.stderr, done.stderr
    done = mail.acme("test", check=False)
    assert done.returncode == 1 and "did not end in time" in done.stderr, done.stderr
    assert mail.shown() == mail.before, "the old certificate stays"
    mail.settings_for(authority, "http-01")
    mail.run("reload")
    mail.renew(authority)
    mail.issued(mail.before, seconds=10)
    assert mail.status()["failures"] == 0
    print("failures: said in clear words, the old certificate served on, and the next attempt went well")


def more_certificates():
    """An RSA certificate, and one for other names whose files are not there yet; every second nonce refused, every authorization used again."""
    mail = AcmeBuzon()
    eab = {"kid-7": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
    with Authority(mail.http, mail.port("imaps"), nonce_reject=50, reuse=100, eab=eab) as authority:
        try:
            key = mail.folder / "eab"
            key.write_text(eab["kid-7"] + "\n")
            key.chmod(0o600)
            more = f'eab_key_id = "kid-7"\neab_key_file = "{key}"\n[[certificate]]\ncertificate_file = "other.pem"\nkey_file = "other.key"\n' \
                   'acme_names = ["imap.other.test", "smtp.other.test"]\n'
            mail.begin(authority, more=more)
            mail.issued(None, "imap.other.test")
            mail.issued(None, "smtp.other.test")
            mail.all_issued("tls", "tls.rsa", "certificate.1")
            text = subprocess.run(["openssl", "x509", "-in", str(mail.state / "tls/rsa-certificate.pem"), "-noout", "-text"], capture_output=True, text=True).stdout
            assert "rsaEncryption" in text and "2048 bit" in text
            fetched = len(mail.events("admin", "challenge_fetched"))
            mail.acme("renew")
            assert len(mail.events("admin", "challenge_fetched")) == fetched, "what has been proved is not proved again"
            print("more certificates: RSA, other names, external account binding, authorizations used again, half of the nonces refused")
        finally:
            mail.__exit__(*sys.exc_info())


def renewal_in_time():
    mail = AcmeBuzon()
    with Authority(mail.http, mail.port("imaps"), seconds=45) as authority:
        try:
            mail.begin(authority)
            first = mail.issued(None)
            began = time.monotonic()
            mail.issued(first, seconds=45)   # nobody asks
            assert 10 < time.monotonic() - began < 40, time.monotonic() - began
            print("renewal: in time and unasked")
        finally:
            mail.__exit__(*sys.exc_info())


def staples():
    port = free_port()
    mail = AcmeBuzon()
    with Authority(mail.http, mail.port("imaps"), ocsp=f"http://127.0.0.1:{port}/") as authority, tempfile.TemporaryDirectory() as folder:
        responder = None
        try:
            mail.begin(authority, tls='tls.ocsp = "auto"\n')
            der = mail.issued(None)
            wait_until("no responder is there, and that is said", lambda: mail.events("admin", "staple_failed"), 30)
            folder = pathlib.Path(folder)
            (folder / "issuer.pem").write_text(authority.issuer("intermediates"))
            (folder / "issuer.key").write_text(authority.issuer("intermediate-keys"))
            serial = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=der, capture_output=True).stdout.decode()
            (folder / "index").write_text(f"V\t351231235959Z\t\t{serial.strip().split('=')[1]}\tunknown\t/CN=mail\n")
            responder = subprocess.Popen(["openssl", "ocsp", "-index", folder / "index", "-port", str(port), "-CA", folder / "issuer.pem", "-rsigner",
                                          folder / "issuer.pem", "-rkey", folder / "issuer.key", "-nmin", "1"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            phone = Phone(mail)

            def stapled():
                done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{mail.port('imaps')}", "-status", "-servername", mail.host], input="Q\n",
                                      capture_output=True, text=True, timeout=60)
                found = re.search(r"Cert Status: good.*?This Update: ([^\n]+)", done.stdout, re.S)
                return found.group(1) if found else None
            # Tried again a minute after the failure, then again after half of the response's minute.
            first = wait_until("a staple", stapled, 100)
            second = wait_until("a fresher staple", lambda: (stapled() or first) != first and stapled(), 60)
            phone.hears(1)
            assert "tls staple: good" in mail.acme("status").stdout
            print(f"staples: fetched ({first}), refreshed at half of their time ({second}), no session lost")
        finally:
            if responder:
                responder.kill()
                responder.wait()
            mail.__exit__(*sys.exc_info())


PARTS = [the_three_challenges, more_certificates, renewal_in_time, staples]

if __name__ == "__main__":
    for part in PARTS:
        if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
            part()
