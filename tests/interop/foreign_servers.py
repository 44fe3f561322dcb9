#!/usr/bin/env python3
"""Users whose mailbox is on a stranger's Dovecot, through our gateway: imaplib, poplib, curl and mbsync log in and see that mailbox; a master user
serves SCRAM; a wrong password, a wrong certificate and a dead server are said in plain words; mail arrives there; an account moves home."""
import base64
import contextlib
import hashlib
import hmac
import imaplib
import os
import pathlib
import poplib
import signal
import smtplib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
import clients  # noqa: E402
from buzon import Buzon, wait_until  # noqa: E402
import strangers  # noqa: E402

NAME = "mail.outside.test"
# A passdb for a master user before the harness's one for everybody; LMTP for mail that arrives; who may tell us client addresses.
EXTRA = """
auth_master_user_separator = *
login_trusted_networks = 127.0.0.0/8
passdb {{
  driver = static
  args = password=master-secret
  master = yes
  username_filter = master
  result_success = continue
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@outside.test
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
"""


def settings(dovecot, postfix, cut):
    return f"""
[mta]
sent_wait = "0s"
first_retry = "1s"

[[server]]
name = "dovecot"
host = "127.0.0.1"
imap_port = {dovecot.imaps_port}
pop3_port = {dovecot.pop3s_port}
tls_name = "{NAME}"
tls_ca_file = "{dovecot.ca}"
delivery = "lmtp"
delivery_port = {dovecot.lmtp_port}
delivery_tls = "none"
send_client = "id"
master_user = "master"
master_password_file = "{dovecot.folder}/master"

[[server]]
name = "starttls"
host = "127.0.0.1"
imap_port = {dovecot.imap_port}
imap_tls = "starttls"
tls_name = "{NAME}"
tls_ca_file = "{dovecot.ca}"

[[server]]
name = "submission"
host = "127.0.0.1"
imap_port = 0
submission_port = {postfix.submission_port}
tls_name = "{NAME}"
tls_ca_file = "{postfix.ca}"

[[server]]
name = "wrong-name"
host = "127.0.0.1"
imap_port = {dovecot.imaps_port}
tls_ca_file = "{dovecot.ca}"

[[server]]
name = "wrong-ca"
host = "127.0.0.1"
imap_port = {dovecot.imaps_port}
tls_name = "{NAME}"

[[server]]
name = "plain"
host = "127.0.0.1"
imap_port = {dovecot.imap_port}
imap_tls = "none"

[[server]]
name = "cut"
host = "127.0.0.1"
imap_port = {cut.port}
imap_tls = "none"
master_user = "master"
master_password_file = "{dovecot.folder}/master"

[[server]]
name = "dead"
host = "127.0.0.1"
imap_port = {strangers.free_port()}
tls_name = "{NAME}"
master_user = "master"
master_password_file = "{dovecot.folder}/master"

[[route]]
account = "ana@example.test"
server = "dovecot"
"""


def refused(mail, name, password=None):
    """The words of a refused login, and whether the connection ended."""
    class Client(imaplib.IMAP4_SSL):
        def _create_socket(client, timeout):
            return mail.connect("imaps")
    client = Client(mail.host)
    try:
        client.login(mail.address(name), password or mail.password(name))
    except imaplib.IMAP4.error as error:
        return str(error)
    raise AssertionError("the login was not refused")


def last_login(mail):
    return mail.events("egress", "foreign_login")[-1]


def by_imaplib(mail, dovecot):
    with mail.connect("imaps") as raw:
        greeting = raw.recv(1000).decode()
        assert "IDLE" not in greeting and "SASL-IR" in greeting, greeting   # no promise before the server is known
    with mail.imap("ana") as client:
        assert "NAMESPACE" in client.capabilities or client.capability()[1], client.capabilities
        kind, answer = client.xatom("ID", "NIL")
        assert b"Dovecot" in client.response("ID")[1][0], answer
        assert client.append("INBOX", None, None, b"Subject: one\r\n\r\nhello\r\n")[0] == "OK"
        client.select("INBOX")
        assert client.fetch("1", "BODY.PEEK[]")[1][0][1] == b"Subject: one\r\n\r\nhello\r\n"
        big = b"Subject: big\r\n\r\n" + b"x" * 76 * 40_000
        assert client.append("INBOX", None, None, big)[0] == "OK"
        client.noop()
        assert client.fetch("2", "BODY.PEEK[]")[1][0][1] == big
    event = last_login(mail)
    assert event["verdict"] == "open" and event["by"] == "password", event
    with mail.imap("ben") as client:   # the other account is ours
        client.xatom("ID", "NIL")
        assert b"buzon" in client.response("ID")[1][0]
        assert client.select("INBOX")[1] == [b"0"]
    log = (dovecot.folder / "log").read_text()
    assert "rip=127.0.0.1" in log and "secured" in log, log[-2000:]
    print("imaplib: the account's mailbox is Dovecot's, 3 MB both ways; the other one is ours")


def by_curl(mail):
    for options in ([], ["--login-options", "AUTH=PLAIN"], ["--login-options", "AUTH=LOGIN"]):
        assert clients.curl(mail, "/INBOX;MAILINDEX=1", *options).startswith(b"Subject: one"), options
    print("curl: LOGIN, AUTH=PLAIN and AUTH=LOGIN")


def by_mbsync(mail):
    mbsync = clients.Mbsync(mail, "mbsync", "Patterns INBOX", "Create Near")
    mbsync.sync()
    assert len(mbsync.messages("INBOX")) == 2, mbsync.messages("INBOX")
    print("mbsync: both messages")


def by_poplib(mail):
    """The same mailbox by POP3, and the words of a server that has none."""
    def connect():
        return poplib.POP3_SSL(mail.host, mail.port("pop3s"), context=mail.tls(), timeout=30)
    client = connect()
    assert "UIDL" in client.capa() and "EXPIRE" not in client.capa(), client.capa()   # no promise before the server is known
    client.user(mail.address("ana"))
    client.pass_(mail.password("ana"))
    assert client.stat()[0] == 2, client.stat()
    assert b"Subject: one" in client.retr(1)[1] and int(client.list(2).split()[2]) > 3_000_000
    assert b"buzon" not in b"".join(client._longcmd("CAPA")[1]), "Dovecot's own CAPA"
    client.quit()
    event = last_login(mail)
    assert event["service"] == "pop3" and event["verdict"] == "open", event
    mail.run("account", "route", mail.address("dan"), "starttls")   # a server without POP3
    client = connect()
    client.user(mail.address("dan"))
    try:
        client.pass_(mail.password("dan"))
        raise AssertionError("a session at a server without POP3")
    except poplib.error_proto as error:
        assert "SYS/TEMP" in str(error), error
    mail.run("account", "route", mail.address("dan"), "-")
    print("poplib: USER and PASS reach Dovecot's POP3")


def scram_sha_256(user, password):
    """The client's side (RFC 5802, RFC 7677) as imaplib's authenticate() wants it."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    first = f"n={user},r={nonce}"
    state = []

    def answer(challenge):
        if not challenge:
            return f"n,,{first}".encode()
        if challenge.startswith(b"v="):
            assert base64.b64decode(challenge[2:]) == state[0], "the server's signature"
            return b""
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))

        def mac(key, text):
            return hmac.new(key, text, "sha256").digest()
        key = mac(salted, b"Client Key")
        bare = f"c=biws,r={fields['r']}"
        message = f"{first},{challenge.decode()},{bare}".encode()
        state.append(mac(mac(salted, b"Server Key"), message))
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), message)))
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()
    return answer


def by_master(mail):
    """A client of SCRAM leaves no password to pass on: the master user goes in for it, where there is one."""
    class Client(imaplib.IMAP4_SSL):
        def _create_socket(client, timeout):
            return mail.connect("imaps")
    client = Client(mail.host)
    client.authenticate("SCRAM-SHA-256", scram_sha_256(mail.address("ana"), mail.password("ana")))
    assert client.select("INBOX")[1] == [b"2"]
    client.logout()
    assert last_login(mail)["by"] == "master", last_login(mail)
    mail.run("account", "route", mail.address("dan"), "starttls")   # a server without one
    client = Client(mail.host)
    try:
        client.authenticate("SCRAM-SHA-256", scram_sha_256(mail.address("dan"), mail.password("dan")))
        raise AssertionError("a session without a password")
    except imaplib.IMAP4.error as error:
        assert "CANNOT" in str(error), error
    client.login(mail.address("dan"), mail.password("dan"))   # the same connection goes on with the password
    client.logout()
    mail.run("account", "route", mail.address("dan"), "-")
    print("SCRAM-SHA-256: by the master user, or refused in favour of a password")


def mail_arrives(mail):
    with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=30) as client:
        client.sendmail("someone@outside.test", [mail.address("ana")], b"Subject: from outside\r\n\r\nx\r\n")

    def there():
        with mail.imap("ana", "INBOX") as client:
            return client.search(None, "SUBJECT", '"from outside"')[1][0]
    wait_until("mail for ana is at Dovecot", there)
    submit(mail, "ana", "hello ben")
    wait_until("ben has it", lambda: mail.count("ben") == 1)
    print("mail from outside reaches Dovecot by LMTP; submission goes through us")


def submit(mail, name, subject):
    text = (f"From: {mail.address(name)}\r\nTo: {mail.address('ben')}\r\nBcc: {mail.address('dan')}\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject.replace(' ', '.')}@{mail.host}>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\n{subject}\r\n").encode()
    with smtplib.SMTP("127.0.0.1", mail.port("submission"), timeout=30) as client:
        client._host = mail.host
        client.starttls(context=mail.tls())
        client.login(mail.address(name), mail.password(name))
        client.sendmail(mail.address(name), [mail.address("ben"), mail.address("dan")], text)
    return text


def filed(mail, count):
    """The last lines of so many Sent copies that egress has dealt with, once there are."""
    return wait_until(f"{count} Sent copies", lambda: (events := mail.events("egress", "sent_copy"))[count - 1:] and events)


def in_sent(mail, name, subject):
    with mail.imap(name, "Sent") as client:
        found = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        return [client.fetch(n, "(FLAGS BODY.PEEK[])")[1][0] for n in found]


class Cut:
    """Stands before an IMAP server and cuts the line instead of passing the first good answer to an APPEND on: nobody knows how it ended."""

    def __init__(self, port):
        self.to, self.cuts, self.left = port, 0, 1
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.door.close()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.door.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
                threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def pump(self, source, sink, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.left and b"APPENDUID" in data:
                    self.left -= 1
                    self.cuts += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def submit_while_moving(mail):
    """Submitted while dan's server is dead; he moves home before it comes back. What the queue had to say meanwhile."""
    mail.run("account", "route", mail.address("dan"), "dead")
    before = len(mail.events("egress", "sent_copy"))
    submit(mail, "dan", "on the move")
    reply = filed(mail, before + 1)[before]["reply"]
    mail.run("account", "route", mail.address("dan"), mail.host)
    mail.run("queue", "flush")
    wait_until("the queue is empty", lambda: mail.run("queue", "list").stdout.strip() == "the queue is empty")
    return reply


def sent_copies(mail, cut):
    """What is submitted through us is in the user's Sent mailbox there, once: filed by us, by his own client, or after an APPEND whose end was
    lost."""
    assert "250 2.0.0 Filed in Sent" in filed(mail, 1)[0]["reply"], filed(mail, 1)
    (what, body), = in_sent(mail, "ana", "hello ben")
    assert rb"\Seen" in what and b"Bcc: dan@" in body and not body.startswith(b"Received"), (what, body)
    text = submit(mail, "ana", "once only")
    copy, = in_sent(mail, "ana", "once only") if filed(mail, 2) else ()
    assert copy[1] == text, copy
    # A client that files its own before ours comes.
    text = text.replace(b"once only", b"mine first").replace(b"once.only", b"mine.first")
    with mail.imap("ana") as client:
        client.append("Sent", r"(\Seen)", None, text)
    submit(mail, "ana", "mine first")
    assert "There already" in filed(mail, 3)[2]["reply"], filed(mail, 3)
    assert len(in_sent(mail, "ana", "mine first")) == 1
    # The answer to APPEND is lost: the copy is looked for, not filed again.
    mail.run("account", "route", mail.address("ana"), "cut")
    submit(mail, "ana", "cut off")
    replies = [event["reply"] for event in filed(mail, 5)[3:]]
    assert replies[0].startswith("451 4.4.1") and "There already" in replies[1] and cut.cuts == 1, replies
    mail.run("account", "route", mail.address("ana"), "-")
    assert len(in_sent(mail, "ana", "cut off")) == 1
    # While its server is dead it waits; then it goes where the account is by now.
    dead = submit_while_moving(mail)
    assert dead.startswith("451 4.4.1"), dead
    assert len(in_sent(mail, "dan", "on the move")) == 1
    mail.run("account", "route", mail.address("dan"), "starttls")
    words = mail.run("directory", "test", mail.address("dan")).stdout
    assert "sent copy: off: the server has no master_user" in words, words
    mail.run("account", "route", mail.address("dan"), "-")
    words = mail.run("directory", "test", mail.address("ana")).stdout
    assert "sent copy: the master user files" in words, words
    assert mail.run("queue", "list").stdout.strip() == "the queue is empty"
    print("Sent copies: filed by us, by the client, after a lost answer: each once")


def by_postfix(mail, postfix):
    """Submission at the account's own server: its Postfix sees the client log in and takes the message."""
    mail.run("account", "route", mail.address("cal"), "submission")
    for password, code in (("wrong", 535), (mail.password("cal"), 235)):
        with smtplib.SMTP("127.0.0.1", mail.port("submission"), timeout=30) as client:
            client._host = mail.host
            client.starttls(context=mail.tls())
            client.ehlo()
            assert "chunking" not in client.esmtp_features and "size" in client.esmtp_features, client.esmtp_features
            try:
                assert client.login(mail.address("cal"), password)[0] == code
            except smtplib.SMTPAuthenticationError as error:
                assert error.smtp_code == code, error
                continue
            client.sendmail(mail.address("cal"), ["someone@outside.test"], b"Subject: from cal\r\n\r\n" + b"x\r\n" * 100_000)
    wait_until("Postfix has it", postfix.received)
    assert b"Subject: from cal" in postfix.received()[0].read_bytes()
    assert not mail.events("mta", "queued"), mail.events("mta", "queued")
    print("submission: Postfix takes it from the client itself")


def failures(mail, dovecot):
    for server, phase in (("wrong-name", "tls"), ("wrong-ca", "tls"), ("dead", "connect")):
        mail.run("account", "route", mail.address("ben"), server)
        words = refused(mail, "ben")
        assert "UNAVAILABLE" in words, words
        event = last_login(mail)
        assert event["phase"] == phase and event["verdict"] == "unavailable", event
        print(f"{server}: {words}; the log says {event['phase']}: {event['cause']}")
    assert "AUTHENTICATIONFAILED" in refused(mail, "ben", "wrong")   # ours to say: nobody is asked
    assert mail.run("account", "route", mail.address("ben"), "no-such", check=False).returncode == 1
    # A password that is right here and wrong there.
    mail.run("account", "passwd", mail.address("ana"), "--password-stdin", input="other-password")
    words = refused(mail, "ana", "other-password")
    assert "AUTHENTICATIONFAILED" in words, words
    assert last_login(mail)["verdict"] == "refused", last_login(mail)
    mail.run("account", "passwd", mail.address("ana"), "--password-stdin", input=mail.password("ana"))
    for role in ("gateway", "auth", "egress", "mailstore", "mta"):
        text = (mail.state / "log" / f"{role}.log").read_text(errors="replace")
        assert mail.password("ana") not in text and "other-password" not in text and "master-secret" not in text, role
    print("wrong password there:", words)


def starttls(mail):
    mail.run("account", "route", mail.address("cal"), "starttls")
    with mail.imap("cal", "INBOX") as client:
        client.append("INBOX", None, None, b"Subject: cal\r\n\r\n\r\n")
    assert last_login(mail)["server"] == "starttls"
    print("STARTTLS")


def sockets_to(mail, role, port):
    """How many connections to that port the role's processes hold."""
    inodes = {line.split()[9] for line in open("/proc/net/tcp").read().splitlines()[1:] if line.split()[2].endswith(f":{port:04X}")}
    held = 0
    for pid in mail.pid(role):
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                held += os.readlink(fd) in {f"socket:[{inode}]" for inode in inodes}
    return held


def goes_without_egress(mail, dovecot):
    """No TLS on the way: the gateway has the server's socket, an order ends the session with a word, and without the gateway's help too."""
    mail.run("account", "route", mail.address("dan"), "plain")
    for gateway_obeys in (True, False):
        with mail.connect("imaps") as raw:
            file = raw.makefile("rwb")
            file.readline()
            file.write(f"a LOGIN {mail.address('dan')} the-password\r\nb SELECT INBOX\r\n".encode())   # in one flight
            file.flush()
            while not file.readline().startswith(b"b OK"):
                pass
            assert sockets_to(mail, "gateway", dovecot.imap_port) == 1 and sockets_to(mail, "egress", dovecot.imap_port) == 1
            stopped = [] if gateway_obeys else mail.pid("gateway")
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                mail.run("account", "disable", mail.address("dan"))
                wait_until("the server hears the end", lambda: "session_cut" in str(mail.events("egress")) if stopped else True, 5)
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            words = file.readline()
            assert words.startswith(b"* BYE"), words
            assert file.readline() == b"", words
        wait_until("nobody holds it", lambda: sockets_to(mail, "gateway", dovecot.imap_port) + sockets_to(mail, "egress", dovecot.imap_port) == 0)
        mail.run("account", "enable", mail.address("dan"))
    mail.run("account", "route", mail.address("dan"), "-")
    print("without TLS: the gateway carries the session alone; an order ends it, obeyed or not")


def moves_home(mail):
    """The session that runs is told; the next login is with the new server."""
    mail.run("account", "route", mail.address("ana"), "dovecot")
    with mail.imap("ana", "INBOX") as client:
        before = client.search(None, "ALL")[1][0].split()
        assert len(before) == 3, before
        mail.run("account", "route", mail.address("ana"), mail.host)   # our own name: our own store
        with contextlib.suppress(imaplib.IMAP4.abort, OSError):
            line = client.readline()
            assert b"BYE" in line, line
            print("told:", line.decode().strip())
    assert mail.count("ana") == 0   # ours, and empty
    mail.run("account", "route", mail.address("ana"), "-")
    with mail.imap("ana", "INBOX") as client:   # by the [[route]] again
        assert len(client.search(None, "ALL")[1][0].split()) == 3
    print("moved home and back")


def goes_away(mail, dovecot):
    dovecot.__exit__()
    dovecot.process = None
    words = refused(mail, "ana")
    assert "UNAVAILABLE" in words, words
    assert "UNAVAILABLE" in refused(mail, "ana")
    assert last_login(mail)["phase"] in ("connect", "health"), last_login(mail)
    servers = mail.run("servers").stdout
    down = [line for line in servers.splitlines() if line.startswith(f"dovecot at 127.0.0.1:{dovecot.imaps_port} down, failures ")]
    assert len(down) == 1, servers
    with mail.imap("dan"):   # ours goes on
        pass
    print("server down:", words)


def main():
    dovecot = strangers.Dovecot(password="the-password", name=NAME, extra=EXTRA)
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: dovecot.process and dovecot.__exit__())
        postfix = stack.enter_context(strangers.Postfix(name=NAME, password="the-password"))
        cut = stack.enter_context(Cut(dovecot.imap_port))
        (dovecot.folder / "master").write_text("master-secret\n")
        (dovecot.folder / "master").chmod(0o600)
        with Buzon(accounts=[], host="localhost") as mail:
            mail.own_imap = False
            for name in ("ana", "ben", "cal", "dan"):
                mail.add_account(name, "the-password")
            with mail.imap("ana", "INBOX"):   # ours, while there are no servers
                assert not mail.pid("egress")
            with open(mail.config, "a") as file:
                file.write(settings(dovecot, postfix, cut))
            mail.run("reload")
            wait_until("egress runs", lambda: "egress: ready" in mail.run("status", check=False).stdout)
            by_imaplib(mail, dovecot)
            by_curl(mail)
            by_mbsync(mail)
            by_poplib(mail)
            by_master(mail)
            by_postfix(mail, postfix)
            mail_arrives(mail)
            sent_copies(mail, cut)
            starttls(mail)
            goes_without_egress(mail, dovecot)
            failures(mail, dovecot)
            mail.restart()
            moves_home(mail)
            goes_away(mail, dovecot)


if __name__ == "__main__":
    main()
