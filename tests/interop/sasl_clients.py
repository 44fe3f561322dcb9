#!/usr/bin/env python3
"""Every login mechanism with every stranger's client that has it, over IMAP and SMTP: right secret in, wrong one out, and the log of auth must
name the mechanism that was meant. Prints the table; a client that lacks a mechanism is in it as such."""
import base64
import json
import pathlib
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import ROOT, Buzon, skip, wait_until  # noqa: E402

PLAIN = ["PLAIN", "LOGIN"]
SCRAM = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]
PLUS = [name + "-PLUS" for name in SCRAM]
MD5 = ["CRAM-MD5", "DIGEST-MD5", "NTLM"]
TOKEN = ["OAUTHBEARER", "XOAUTH2"]
ALL = PLAIN + SCRAM + PLUS + MD5 + ["EXTERNAL"] + TOKEN
ISSUER = "https://id.example.test"

# What the clients of Debian 12 can do, by their own lists; the rest of ALL they have not.
HAS = {
    "curl": PLAIN + MD5 + ["EXTERNAL"] + TOKEN,
    "gsasl": PLAIN + SCRAM[:2] + PLUS[:2] + ["CRAM-MD5", "DIGEST-MD5"],   # TLS 1.3: tls-exporter
    "gsasl-1.2": PLUS[:2],                                               # TLS 1.2: tls-unique
    "msmtp": PLAIN + SCRAM[:2] + ["CRAM-MD5", "DIGEST-MD5", "EXTERNAL"] + TOKEN,
    "swaks": PLAIN + ["CRAM-MD5", "DIGEST-MD5"],
    "imapflow": PLAIN + TOKEN,
}
# What a client has in a form that we refuse on purpose.
REFUSED = {("gsasl", "NTLM"): "NTLMv1 only", ("msmtp", "NTLM"): "NTLMv1 only"}


def openssl(*arguments, input=None):
    done = subprocess.run(["openssl", *arguments], input=input, capture_output=True)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout


class Identity:
    """A CA for client certificates, and an identity provider with one RSA key."""

    def __init__(self, folder, address):
        self.folder = folder
        self.authority = self.certificate("client-ca", None, "basicConstraints=critical,CA:TRUE")
        leaf = f"extendedKeyUsage=clientAuth\nsubjectAltName=email:{address}"
        self.good = self.certificate("good", self.authority, leaf)
        self.other = self.certificate("other", self.authority, leaf.replace(address, "nobody@example.test"))
        self.key = folder / "idp.key"
        openssl("genrsa", "-out", str(self.key), "2048")
        modulus = openssl("rsa", "-in", str(self.key), "-noout", "-modulus").decode().strip().split("=")[1]
        key = dict(kty="RSA", kid="k", e="AQAB", n=self.url64(bytes.fromhex(modulus)))
        (folder / "jwks.json").write_text(json.dumps({"keys": [key]}))

    def certificate(self, name, issuer, extensions):
        base = self.folder / name
        (self.folder / "ext").write_text(extensions + "\n")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{base}.key")
        openssl("req", "-new", "-key", f"{base}.key", "-subj", f"/CN={name}", "-out", f"{base}.csr")
        sign = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial"] if issuer else ["-signkey", f"{base}.key"]
        openssl("x509", "-req", "-in", f"{base}.csr", *sign, "-days", "30", "-extfile", str(self.folder / "ext"), "-out", f"{base}.pem")
        return str(base)

    @staticmethod
    def url64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def token(self, user, audience="mail"):
        claims = dict(iss=ISSUER, aud=audience, email=user, exp=int(time.time()) + 3600)
        text = self.url64(json.dumps(dict(alg="RS256", kid="k")).encode()) + "." + self.url64(json.dumps(claims).encode())
        return text + "." + self.url64(openssl("dgst", "-sha256", "-sign", str(self.key), input=text.encode()))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Clients:
    """Each method logs in once and says whether that worked."""

    def __init__(self, mail, identity, ports):
        self.mail, self.identity, self.ports = mail, identity, ports
        self.user, self.password = mail.address("ana"), mail.password("ana")
        self.letter = mail.folder / "letter.eml"
        self.letter.write_text(f"From: {self.user}\nTo: {self.user}\nSubject: login\n\nhello\n", newline="\r\n")

    def run(self, command, input=None):
        done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=60, errors="replace",
                              env={"PATH": "/usr/bin:/bin", "HOME": str(self.mail.folder), "LANG": "C.UTF-8"})
        self.output = done.stdout + done.stderr
        return done.returncode == 0

    def port(self, protocol, mechanism):
        """With TLS from the first byte. Clients that know both take OAUTHBEARER, so XOAUTH2 has listeners of its own."""
        if mechanism == "XOAUTH2":
            return self.ports[protocol + "-xoauth2"]
        return self.mail.port("imaps" if protocol == "imap" else "submissions")

    def secret(self, mechanism, good):
        if mechanism in TOKEN:
            return self.identity.token(self.user, "mail" if good else "another")
        return self.password if good else "wrong"

    def curl(self, protocol, mechanism, good):
        port = self.port(protocol, mechanism)
        command = ["curl", "-sS", "-m", "20", "--cacert", self.mail.ca, "--login-options", f"AUTH={mechanism}", f"{protocol}s://{self.mail.host}:{port}/"]
        secret = self.secret(mechanism, good)
        if mechanism in TOKEN:
            command += ["-u", self.user, "--oauth2-bearer", secret]
        elif mechanism == "EXTERNAL":
            pair = self.identity.good if good else self.identity.other
            command += ["-u", f"{self.user}:", "--cert", f"{pair}.pem", "--key", f"{pair}.key"]
        else:
            command += ["-u", f"{self.user}:{secret}"]
        if protocol == "smtp":
            command += ["--mail-from", self.user, "--mail-rcpt", self.user, "-T", str(self.letter)]
        return self.run(command)

    def gsasl(self, protocol, mechanism, good, *options):
        port = self.ports["imap-starttls"] if protocol == "imap" else self.mail.port("submission")
        bind = [] if mechanism in PLUS else ["--no-cb"]   # with bindings at hand it refuses the weaker form
        return self.run(["gsasl", f"--{protocol}", "--starttls", "-m", mechanism, "-a", self.user, "-r", self.mail.host, *bind, *options, "-p",
                         self.secret(mechanism, good), f"--x509-ca-file={self.mail.ca}", self.mail.host, str(port)], input="")

    def gsasl_1_2(self, protocol, mechanism, good):
        return self.gsasl(protocol, mechanism, good, "--priority=NORMAL:-VERS-TLS1.3")

    def msmtp(self, protocol, mechanism, good):
        if protocol == "imap":
            return None
        secret = self.mail.folder / "msmtp-secret"
        secret.write_text(self.secret(mechanism, good))
        config = self.mail.folder / "msmtprc"
        pair = self.identity.good if good else self.identity.other
        external = f"tls_cert_file {pair}.pem\ntls_key_file {pair}.key\n" if mechanism == "EXTERNAL" else ""
        config.write_text(f"account a\nhost {self.mail.host}\nport {self.port(protocol, mechanism)}\ntls on\ntls_starttls off\n"
                          f"tls_trust_file {self.mail.ca}\nauth {mechanism.lower()}\nuser {self.user}\npasswordeval cat {secret}\n"
                          f"from {self.user}\n{external}account default : a\n")
        config.chmod(0o600)
        return self.run(["msmtp", "-C", str(config), self.user], input=self.letter.read_text())

    def swaks(self, protocol, mechanism, good):
        if protocol == "imap":
            return None
        return self.run(["swaks", "--server", self.mail.host, "--port", str(self.mail.port("submissions")), "--tlsc", "--auth", mechanism,
                         "--auth-user", self.user, "--auth-password", self.secret(mechanism, good), "--from", self.user, "--to", self.user])

    def imapflow(self, protocol, mechanism, good):
        if protocol == "smtp":
            return None
        options = dict(host=self.mail.host, port=self.port(protocol, mechanism), ca=self.mail.ca, user=self.user)
        if mechanism in TOKEN:
            options["token"] = self.secret(mechanism, good)
        else:
            options.update(password=self.secret(mechanism, good), method=f"AUTH={mechanism}")
        return self.run(["node", str(ROOT / "tests/interop/node/login.mjs")], input=json.dumps(options))


def attempt(mail, clients, client, protocol, mechanism):
    """The cell of the table: "yes", or what went another way."""
    before = len(mail.events("auth", "login"))
    worked = getattr(clients, re.sub(r"\W", "_", client))(protocol, mechanism, True)
    if worked is None:
        return "-"
    good = mail.events("auth", "login")[before:]
    if not worked or len(good) != 1 or good[0]["mech"] != mechanism or good[0].get("account") != clients.user:
        return f"FAILED: {good} {clients.output[-1500:]}"
    before += 1
    if getattr(clients, re.sub(r"\W", "_", client))(protocol, mechanism, False):
        return "FAILED: a wrong secret got in"
    bad = wait_until("the refusal is logged", lambda: mail.events("auth", "login")[before:])
    if {e["mech"] for e in bad} != {mechanism} or any(e["verdict"] != "refused" for e in bad):
        return f"FAILED: {bad} {clients.output[-1500:]}"
    return "yes"


def refused_on_purpose(mail, clients, client, protocol, mechanism, why):
    before = len(mail.events("auth", "login"))
    worked = getattr(clients, re.sub(r"\W", "_", client))(protocol, mechanism, True)
    if worked is None:
        return "-"
    end = mail.events("auth", "login")[before:]
    if worked or not end or "NTLMv2 only" not in end[-1].get("reason", ""):
        return f"FAILED: {worked} {end} {clients.output[-1500:]}"
    return f"refused: {why}"


def offer(mail, identity):
    """Everything on every listener, certificates asked for, and further listeners: IMAP with STARTTLS, and two with XOAUTH2 alone. Their ports."""
    text = re.sub(r"mechanisms = \[.*\]", f"mechanisms = {json.dumps(ALL)}\nclient_certificates = \"optional\"", mail.config.read_text())
    head, first, rest = text.partition("\n[[listener]]")
    head += (f'\nclient_certificates.ca_file = "{identity.authority}.pem"\noauth.jwks_file = "{identity.folder}/jwks.json"\n'
             f'oauth.issuer = "{ISSUER}"\noauth.audience = ["mail"]\n')
    ports = {}
    for name, service, tls, mechanisms in (("imap-starttls", "imap", "starttls", ALL), ("imap-xoauth2", "imap", "implicit", ["XOAUTH2"]),
                                           ("smtp-xoauth2", "submission", "implicit", ["XOAUTH2"])):
        ports[name] = free_port()
        rest += (f'\n[[listener]]\nname = "{name}"\nservice = "{service}"\naddress = "127.0.0.1"\nport = {ports[name]}\ntls = "{tls}"\n'
                 f'mechanisms = {json.dumps(mechanisms)}\nclient_certificates = "optional"\n')
    mail.config.write_text(head + first + rest)
    mail.restart()
    return ports


def main():
    if not (ROOT / "tests/interop/node/node_modules/imapflow").is_dir():
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=ROOT / "tests/interop/node", capture_output=True, text=True)
        if done.returncode:
            skip(f"npm ci: {done.stderr[-300:]}")
    with Buzon(accounts=["ana"], host="localhost", secrets="scram-sha-1,scram-sha-512,cram-md5,digest-md5,ntlm") as mail:
        identity = Identity(mail.folder, mail.address("ana"))
        clients = Clients(mail, identity, offer(mail, identity))
        failures, rows = [], []
        for mechanism in ALL:
            for client in HAS:
                for protocol in ("imap", "smtp"):
                    if (client, mechanism) in REFUSED:
                        cell = refused_on_purpose(mail, clients, client, protocol, mechanism, REFUSED[client, mechanism])
                    elif mechanism in HAS[client]:
                        cell = attempt(mail, clients, client, protocol, mechanism)
                    else:
                        cell = "client has none"
                    if cell.startswith("FAILED"):
                        failures.append(f"{mechanism} {client} {protocol}: {cell}")
                        cell = "FAILED"
                    rows.append((mechanism, client, protocol, cell))
        print(f"{'mechanism':20} {'client':9} {'imap':22} smtp")
        for i in range(0, len(rows), 2):
            print(f"{rows[i][0]:20} {rows[i][1]:9} {rows[i][3]:22} {rows[i + 1][3]}")
        yes = sum(row[3] == "yes" for row in rows)
        print(f"{yes} combinations log in with the right secret and not with a wrong one")
        assert not failures, "\n".join(failures)


if __name__ == "__main__":
    main()
