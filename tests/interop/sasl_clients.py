#!/usr/bin/env python3
"""Every login mechanism with every stranger's client that has it, over IMAP, POP3 and SMTP: right secret in, wrong one out, and the log of auth must
name the mechanism that was meant. Prints the table and holds the one in docs/mechanisms.md to it; --write brings that one up to date."""
import base64
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import ROOT, Buzon, wait_until  # noqa: E402
from clients import node_modules  # noqa: E402
from kdc import Kdc  # noqa: E402
from strangers import free_port, unpack  # noqa: E402

COMMAND = ["(command)"]   # IMAP's LOGIN, POP3's USER and PASS: judged as PLAIN
PLAIN = ["PLAIN", "LOGIN"]
SCRAM = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]
PLUS = [name + "-PLUS" for name in SCRAM]
MD5 = ["CRAM-MD5", "DIGEST-MD5", "NTLM"]
TOKEN = ["OAUTHBEARER", "XOAUTH2"]
GSS = ["GSSAPI", "GSS-SPNEGO"]
SASL = PLAIN + SCRAM + PLUS + MD5 + ["EXTERNAL"] + TOKEN + GSS
ALL = COMMAND + SASL[:-5] + ["APOP"] + SASL[-5:]
PROTOCOLS = ("imap", "pop3", "smtp")
ISSUER, REALM = "https://id.example.test", "EXAMPLE.TEST"
DOC = ROOT / "docs/mechanisms.md"

# What the clients of Debian 12 can do, by their own lists and manuals, for each protocol they speak; the rest of ALL they have not.
EVERY = PLAIN + MD5 + ["EXTERNAL"] + TOKEN + ["GSSAPI"]
HAS = {
    "curl": {"imap": EVERY, "pop3": EVERY + ["APOP"], "smtp": EVERY},   # the command only where no SASL is offered
    "gsasl": dict.fromkeys(("imap", "smtp"), PLAIN + SCRAM[:2] + PLUS[:2] + MD5 + ["EXTERNAL", "GSSAPI"]),   # TLS 1.3: tls-exporter
    "gsasl-1.2": dict.fromkeys(("imap", "smtp"), PLUS[:2]),                                                  # TLS 1.2: tls-unique
    "msmtp": {"smtp": PLAIN + SCRAM[:2] + MD5 + ["EXTERNAL"] + TOKEN + ["GSSAPI"]},
    "mpop": {"pop3": COMMAND + PLAIN + SCRAM[:2] + MD5 + ["EXTERNAL", "APOP"] + TOKEN + ["GSSAPI"]},
    "swaks": {"smtp": PLAIN + ["CRAM-MD5", "DIGEST-MD5"]},
    "imapflow": {"imap": COMMAND + PLAIN + TOKEN},
    "fetchmail": {"imap": COMMAND + ["CRAM-MD5", "NTLM", "EXTERNAL", "GSSAPI"], "pop3": COMMAND + ["CRAM-MD5", "NTLM", "APOP", "GSSAPI"]},
    "getmail": {"imap": COMMAND + ["CRAM-MD5", "XOAUTH2"], "pop3": COMMAND + ["APOP"]},
    "gss-ntlmssp": dict.fromkeys(PROTOCOLS, ["NTLM"]),
    "cyrus": dict.fromkeys(PROTOCOLS, GSS),
}
# What a client has in a form that we refuse on purpose.
REFUSED = {(client, "NTLM"): "NTLMv1 only" for client in ("gsasl", "msmtp", "mpop", "fetchmail")}


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


class Clients:
    """Each method logs in once and says whether that worked."""

    def __init__(self, mail, identity, ports, kdc):
        self.mail, self.identity, self.ports, self.kdc = mail, identity, ports, kdc
        self.tickets = {True: kdc.login("ana", "secret"), False: kdc.login("nobody", "secret")}
        self.cyrus_tree, self.module, self.ntlmssp = unpack("cyrus-clients", "libsasl2-modules-gssapi-mit", "gss-ntlmssp")
        for name in ("imtest", "pop3test", "smtptest"):   # one program, by its name
            (mail.folder / name).symlink_to(next(self.cyrus_tree.rglob("imtest")))
        (mail.folder / "mech").write_text(f"gssntlmssp_v1 1.3.6.1.4.1.311.2.2.10 {next(self.ntlmssp.rglob('gssntlmssp.so'))}\n")
        self.user, self.password = mail.address("ana"), mail.password("ana")
        self.letter = mail.folder / "letter.eml"
        self.letter.write_text(f"From: {self.user}\nTo: {self.user}\nSubject: login\n\nhello\n", newline="\r\n")

    def run(self, command, input=None, environment=None, allowed=(0,)):
        done = subprocess.run([str(word) for word in command], input=input, capture_output=True, text=True, timeout=60, errors="replace",
                              env={"PATH": "/usr/bin:/bin", "HOME": str(self.mail.folder), "LANG": "C.UTF-8", **(environment or {})})
        self.output = done.stdout + done.stderr
        return done.returncode in allowed

    def tickets_for(self, mechanism, good):
        """The environment of a client that shows a ticket; nothing for the others."""
        return {**self.tickets[good], "HOME": str(self.mail.folder)} if mechanism in GSS else None

    def config(self, name, text):
        path = self.mail.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def port(self, protocol, mechanism):
        """With TLS from the first byte. Clients that know both take OAUTHBEARER, so XOAUTH2 has listeners of its own."""
        if mechanism == "XOAUTH2":
            return self.ports[protocol + "-xoauth2"]
        return self.mail.port({"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}[protocol])

    def secret(self, mechanism, good):
        if mechanism in TOKEN:
            return self.identity.token(self.user, "mail" if good else "another")
        return self.password if good else "wrong"

    def curl(self, protocol, mechanism, good):
        port = self.port(protocol, mechanism)
        method = "+APOP" if mechanism == "APOP" else mechanism
        command = ["curl", "-sS", "-m", "20", "--cacert", self.mail.ca, "--login-options", f"AUTH={method}", f"{protocol}s://{self.mail.host}:{port}/"]
        secret = self.secret(mechanism, good)
        if mechanism in TOKEN:
            command += ["-u", self.user, "--oauth2-bearer", secret]
        elif mechanism == "EXTERNAL":
            pair = self.identity.good if good else self.identity.other
            command += ["-u", f"{self.user}:", "--cert", f"{pair}.pem", "--key", f"{pair}.key"]
        else:
            command += ["-u", f"{self.user}:{'' if mechanism in GSS else secret}"]
        if protocol == "smtp":
            command += ["--mail-from", self.user, "--mail-rcpt", self.user, "-T", str(self.letter)]
        return self.run(command, environment=self.tickets_for(mechanism, good))

    def gsasl(self, protocol, mechanism, good, *options):
        port = self.ports["imap-starttls"] if protocol == "imap" else self.mail.port("submission")
        bind = [] if mechanism in PLUS else ["--no-cb"]   # with bindings at hand it refuses the weaker form
        pair = self.identity.good if good else self.identity.other
        if mechanism == "EXTERNAL":
            options += ("--x509-cert-file", f"{pair}.pem", "--x509-key-file", f"{pair}.key")
        who = ["-a", self.user, "-z", self.user] if mechanism in GSS + ["EXTERNAL"] else ["-a", self.user, "-r", self.mail.host, "-p", self.secret(mechanism, good)]
        return self.run(["gsasl", f"--{protocol}", "--starttls", "-m", mechanism, *who, *bind, *options, f"--x509-ca-file={self.mail.ca}", self.mail.host, port],
                        input="", environment=self.tickets_for(mechanism, good))

    def gsasl_1_2(self, protocol, mechanism, good):
        return self.gsasl(protocol, mechanism, good, "--priority=NORMAL:-VERS-TLS1.3")

    def of_msmtp(self, protocol, mechanism, good):
        """What msmtp and mpop, brothers, have in common in their configuration."""
        secret = self.config("secret", self.secret(mechanism, good))
        pair = self.identity.good if good else self.identity.other
        external = f"tls_cert_file {pair}.pem\ntls_key_file {pair}.key\n" if mechanism == "EXTERNAL" else ""
        method = "user" if mechanism == "(command)" else mechanism.lower()
        return (f"account a\nhost {self.mail.host}\nport {self.port(protocol, mechanism)}\ntls on\ntls_starttls off\ntls_trust_file {self.mail.ca}\n"
                f"auth {method}\nuser {self.user}\npasswordeval cat {secret}\n{external}")

    def msmtp(self, protocol, mechanism, good):
        config = self.config("msmtprc", self.of_msmtp(protocol, mechanism, good) + f"from {self.user}\naccount default : a\n")
        return self.run(["msmtp", "-C", config, self.user], input=self.letter.read_text(), environment=self.tickets_for(mechanism, good))

    def mpop(self, protocol, mechanism, good):
        config = self.config("mpoprc", self.of_msmtp(protocol, mechanism, good) + "delivery mbox /dev/null\nkeep on\naccount default : a\n")
        return self.run(["mpop", "-C", config, "-Q"], environment=self.tickets_for(mechanism, good))

    def fetchmail(self, protocol, mechanism, good):
        pair = self.identity.good if good else self.identity.other
        external = f"sslcert \"{pair}.pem\" sslkey \"{pair}.key\"" if mechanism == "EXTERNAL" else ""
        proto = "apop" if mechanism == "APOP" else protocol
        auth = {"(command)": "auth password", "APOP": ""}.get(mechanism, f"auth {mechanism.lower()}")
        config = self.config("fetchmailrc", f"set no bouncemail\npoll {self.mail.host} proto {proto} port {self.port(protocol, mechanism)} {auth}\n"
                             f"  user \"{self.user}\" password \"{self.secret(mechanism, good)}\" ssl sslcertck sslcertfile \"{self.mail.ca}\" {external} keep mda \"cat\"\n")
        return self.run(["fetchmail", "-f", config, "--pidfile", self.mail.folder / "fetchmail.pid", "-c"], environment=self.tickets_for(mechanism, good),
                        allowed=(0, 1))   # 1: logged in, and there was no mail

    def getmail(self, protocol, mechanism, good):
        kind = "SimpleIMAPSSLRetriever" if protocol == "imap" else "SimplePOP3SSLRetriever"
        extra = {"CRAM-MD5": "use_cram_md5 = true", "XOAUTH2": "use_xoauth2 = true", "APOP": "use_apop = true"}.get(mechanism, "")
        secret = self.config("secret", self.secret(mechanism, good))
        folder = self.mail.folder / "getmail"
        folder.mkdir(exist_ok=True)
        (folder / "getmailrc").write_text(f"[retriever]\ntype = {kind}\nserver = {self.mail.host}\nport = {self.port(protocol, mechanism)}\nusername = {self.user}\n"
                                          f"password_command = (\"/bin/cat\", \"{secret}\")\nca_certs = {self.mail.ca}\n{extra}\n"
                                          f"[destination]\ntype = MDA_external\npath = /bin/cat\nallow_root_commands = true\n[options]\ndelete = false\n")
        worked = self.run(["getmail", "--getmaildir", folder])
        return worked and "messages" in self.output and "rror" not in self.output

    def cyrus(self, protocol, mechanism, good):
        program = {"imap": "imtest", "pop3": "pop3test", "smtp": "smtptest"}[protocol]
        environment = self.tickets_for(mechanism, good)
        environment["LD_LIBRARY_PATH"] = f"{self.cyrus_tree}/usr/lib/x86_64-linux-gnu:{environment['LD_LIBRARY_PATH']}"
        environment["SASL_PATH"] = f"{self.module}/usr/lib/x86_64-linux-gnu/sasl2:/usr/lib/x86_64-linux-gnu/sasl2"
        self.run([self.mail.folder / program, "-s", "-p", self.port(protocol, mechanism), "-m", mechanism, "-u", self.user, "-a", self.user, "-r", self.mail.host,
                  "-l", "0", self.mail.host], ". LOGOUT\r\n" if protocol == "imap" else "QUIT\r\n", environment)
        return "Authenticated." in self.output

    def gss_ntlmssp(self, protocol, mechanism, good):
        libraries = f"{self.ntlmssp}/usr/lib/x86_64-linux-gnu"
        return self.run([sys.executable, ROOT / "tests/interop/gss_ntlm_login.py", protocol, self.mail.host, self.port(protocol, mechanism), self.mail.ca, self.user],
                        self.secret(mechanism, good) + "\n", {"GSS_MECH_CONFIG": str(self.mail.folder / "mech"), "LD_LIBRARY_PATH": libraries,
                                                              "PYTHONPATH": self.kdc.python_path})

    def swaks(self, protocol, mechanism, good):
        return self.run(["swaks", "--server", self.mail.host, "--port", str(self.mail.port("submissions")), "--tlsc", "--auth", mechanism,
                         "--auth-user", self.user, "--auth-password", self.secret(mechanism, good), "--from", self.user, "--to", self.user])

    def imapflow(self, protocol, mechanism, good):
        options = dict(host=self.mail.host, port=self.port(protocol, mechanism), ca=self.mail.ca, user=self.user)
        if mechanism in TOKEN:
            options["token"] = self.secret(mechanism, good)
        else:
            options.update(password=self.secret(mechanism, good), method="LOGIN" if mechanism == "(command)" else f"AUTH={mechanism}")
        return self.run(["node", str(ROOT / "tests/interop/node/login.mjs")], input=json.dumps(options))


def run_client(clients, client, *how):
    return getattr(clients, re.sub(r"\W", "_", client))(*how)


def attempt(mail, clients, client, protocol, mechanism):
    """The cell of the table: "yes", or what went another way."""
    logged = "PLAIN" if mechanism == "(command)" else mechanism
    before = len(mail.events("auth", "login"))
    worked = run_client(clients, client, protocol, mechanism, True)
    good = mail.events("auth", "login")[before:]
    if not worked or len(good) != 1 or good[0]["mech"] != logged or good[0].get("account") != clients.user:
        return f"FAILED: {worked} {good} {clients.output[-1500:]}"
    before += 1
    if run_client(clients, client, protocol, mechanism, False) and client != "fetchmail":
        return f"FAILED: a wrong secret got in: {clients.output[-1500:]}"
    bad = wait_until("the refusal is logged", lambda: mail.events("auth", "login")[before:])
    if {e["mech"] for e in bad} != {logged} or any(e["verdict"] != "refused" for e in bad):
        return f"FAILED: {bad} {clients.output[-1500:]}"
    return "yes"


def refused_on_purpose(mail, clients, client, protocol, mechanism, why):
    before = len(mail.events("auth", "login"))
    run_client(clients, client, protocol, mechanism, True)
    end = mail.events("auth", "login")[before:]
    if not end or any(e["verdict"] != "refused" for e in end) or "NTLMv2 only" not in end[-1].get("reason", ""):
        return f"FAILED: {end} {clients.output[-1500:]}"
    return f"refused: {why}"


def offer(mail, identity, keytab):
    """Everything on every listener, certificates asked for, and further listeners: IMAP with STARTTLS, and three with XOAUTH2 alone. Their ports."""
    text = re.sub(r"mechanisms = \[.*\]", f"mechanisms = {json.dumps(SASL)}\nclient_certificates = \"optional\"", mail.config.read_text())
    head, first, rest = text.partition("\n[[listener]]")
    blocks = rest.split("\n[[listener]]")
    blocks = [block.replace('"PLAIN", ', '"PLAIN", "APOP", ', 1) if 'service = "pop3"' in block else block for block in blocks]
    rest = "\n[[listener]]".join(blocks)
    head += (f'\nclient_certificates.ca_file = "{identity.authority}.pem"\noauth.jwks_file = "{identity.folder}/jwks.json"\n'
             f'oauth.issuer = "{ISSUER}"\noauth.audience = ["mail"]\n'
             f'kerberos.keytab_file = "{keytab}"\nkerberos.realms = ["{REALM}"]\nkerberos.channel_binding = "off"\n')
    ports = {}
    xoauth2 = [(f"{protocol}-xoauth2", service, "implicit", ["XOAUTH2"]) for protocol, service in (("imap", "imap"), ("pop3", "pop3"), ("smtp", "submission"))]
    for name, service, tls, mechanisms in [("imap-starttls", "imap", "starttls", SASL), *xoauth2]:
        ports[name] = free_port()
        rest += (f'\n[[listener]]\nname = "{name}"\nservice = "{service}"\naddress = "127.0.0.1"\nport = {ports[name]}\ntls = "{tls}"\n'
                 f'mechanisms = {json.dumps(mechanisms)}\nclient_certificates = "optional"\n')
    mail.config.write_text(head + first + rest)
    mail.restart()
    return ports


def cell_of(mail, clients, client, protocol, mechanism):
    if mechanism not in HAS[client].get(protocol, []):
        return "client has none"
    if (client, mechanism) in REFUSED:
        return refused_on_purpose(mail, clients, client, protocol, mechanism, REFUSED[client, mechanism])
    return attempt(mail, clients, client, protocol, mechanism)


def markdown(cells):
    """One row for each mechanism, one column for each client; I, P, S where it logs in, and why not where it does not."""
    lines = ["| mechanism | " + " | ".join(HAS) + " |", "|---" * (len(HAS) + 1) + "|"]
    for mechanism in ALL:
        row = []
        for client in HAS:
            said = {protocol: cells[mechanism, client, protocol] for protocol in PROTOCOLS}
            yes = " ".join(protocol[0].upper() for protocol in PROTOCOLS if said[protocol] == "yes")
            why = {cell for cell in said.values() if cell.startswith("refused")}
            row.append(yes or ", ".join(why) or "–")
        name = "LOGIN of IMAP, USER of POP3" if mechanism == "(command)" else mechanism
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def in_the_manual(table):
    begin, end = "<!-- table -->\n", "<!-- end -->"
    text = DOC.read_text()
    head, rest = text.split(begin)
    old, tail = rest.split(end)
    if "--write" in sys.argv:
        DOC.write_text(head + begin + table + end + tail)
    else:
        assert old == table, f"{DOC.name} says something else: bring it up to date with --write"


def main():
    node_modules()
    with Kdc(REALM, "localhost") as kdc, Buzon(accounts=["ana"], host="localhost", secrets="scram-sha-1,scram-sha-512,cram-md5,digest-md5,ntlm,apop") as mail:
        for name in ("ana", "nobody"):
            kdc.add(name, "secret")
        keytab = kdc.keytab(kdc.folder / "mail.keytab", *(f"{service}/localhost" for service in ("imap", "pop", "smtp")))
        identity = Identity(mail.folder, mail.address("ana"))
        clients = Clients(mail, identity, offer(mail, identity, keytab), kdc)
        failures, cells = [], {}
        print(f"{'mechanism':20} {'client':11} {'imap':22} {'pop3':22} smtp")
        for mechanism in ALL:
            for client in HAS:
                for protocol in PROTOCOLS:
                    cell = cell_of(mail, clients, client, protocol, mechanism)
                    if cell.startswith("FAILED"):
                        failures.append(f"{mechanism} {client} {protocol}: {cell}")
                        cell = "FAILED"
                    cells[mechanism, client, protocol] = cell
                row = [cells[mechanism, client, protocol] for protocol in PROTOCOLS]
                print(f"{mechanism:20} {client:11} {row[0]:22} {row[1]:22} {row[2]}", flush=True)
        count = {word: sum(cell.startswith(word) for cell in cells.values()) for word in ("yes", "refused", "client has none")}
        print(f"{count['yes']} combinations log in with the right secret and not with a wrong one, {count['refused']} are refused on purpose, "
              f"{count['client has none']} the client has none for")
        assert not failures, "\n".join(failures)
        in_the_manual(markdown(cells))


if __name__ == "__main__":
    main()
