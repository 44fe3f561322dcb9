#!/usr/bin/env python3
"""A stranger's Dovecot and a stranger's Cyrus behind our gateway: mbsync, imapflow, poplib and the session scripts of a phone work on both, Sent
copies are filed on both (Cyrus also with everything below INBOX); and an account that is moved between them and our own store, under load and with
mail on its way, hears nothing but the polite end of its old sessions."""
import contextlib
import imaplib
import pathlib
import poplib
import smtplib
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "harness"), str(HERE.parent / "transcripts")]
from buzon import Buzon, wait_until  # noqa: E402
import clients  # noqa: E402
import cyrus as cyrus_server  # noqa: E402
import scripts  # noqa: E402
import strangers  # noqa: E402

NAME, PASSWORD = "mail.outside.test", "the-password"
USERS = ("ana", "ben")
DOVECOT = """
auth_master_user_separator = *
passdb {{
  driver = static
  args = password=master-secret
  master = yes
  username_filter = master
  result_success = continue
}}
namespace inbox {{
  mailbox Drafts {{
    special_use = \\Drafts
    auto = subscribe
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = subscribe
  }}
  mailbox Junk {{
    special_use = \\Junk
    auto = subscribe
  }}
  mailbox Archive {{
    special_use = \\Archive
    auto = subscribe
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
"""
# What each session script meets at a server, asked directly, where it does not find what our own store says.
LEFT_OUT = {
    "dovecot": {
        scripts.t14_rev2: "knows no IMAP4rev2",
        scripts.t4_idle: "answers a FETCH pipelined behind a UID MOVE within the MOVE; BAD to a second IDLE within IDLE",
        scripts.t6_search: "knows no negative range in SEARCH RETURN (PARTIAL) (RFC 9394): BAD",
        scripts.t8_append: "takes an APPEND of {999999999}, where the script expects [TOOBIG]",
        scripts.t11_pop3: "says +OK alone to NOOP; lets a second session in beside the first, where the script expects [IN-USE]",
    },
    "cyrus": {
        scripts.t14_rev2: "knows no IMAP4rev2",
        scripts.t2_first_sync: "tells of two more namespaces, Other Users/ and Shared Folders/",
        scripts.t4_idle: "BAD to a second IDLE within IDLE",
        scripts.t5_windows: "answers STORE .SILENT with a FETCH all the same",
        scripts.t6_search: "says COUNT before MIN and MAX; knows no SEARCH RETURN (SAVE): BAD",
        scripts.t7_flag_move: "answers STORE .SILENT with a FETCH all the same",
        scripts.t8_append: "takes an APPEND of {999999999}, where the script expects [TOOBIG]",
        scripts.t11_pop3: "says +OK alone to NOOP; lets a second session in beside the first, where the script expects [IN-USE]",
    }}


def server(name, stranger, more):
    return f"""
[[server]]
name = "{name}"
host = "127.0.0.1"
imap_port = {stranger.imaps_port}
tls_name = "{NAME}"
tls_ca_file = "{stranger.ca}"
delivery = "lmtp"
delivery_port = {stranger.lmtp_port}
delivery_tls = "none"
master_password_file = "{stranger.folder}/master"
{more}
"""


def settings(dovecot, cyrus, debian):
    proxy = f'master_user = "{cyrus.PROXY[0]}"\nmaster_style = "sasl-authzid"\nlogin_name = "local"\n'
    for stranger, secret in ((dovecot, "master-secret"), (cyrus, cyrus.PROXY[1]), (debian, cyrus.PROXY[1])):
        (stranger.folder / "master").write_text(secret + "\n")
        (stranger.folder / "master").chmod(0o600)
    return ('\n[mta]\nsent_wait = "0s"\nfirst_retry = "1s"\n' + server("dovecot", dovecot, f'master_user = "master"\npop3_port = {dovecot.pop3s_port}') +
            server("cyrus", cyrus, proxy + f"pop3_port = {cyrus.pop3s_port}") + server("debian", debian, proxy))


def route(mail, name, to):
    mail.run("account", "route", mail.address(name), to)


def identity(mail, name):
    """Whose words the session is in."""
    with mail.imap(name) as client:
        client.xatom("ID", '("name" "x")')
        return client.response("ID")[1][0].decode().lower()


def by_mbsync(mail, where):
    mbsync = clients.Mbsync(mail, f"mbsync-{where}", "Patterns INBOX Sent", "Create Near", "Sync All", "Expunge None")
    mbsync.sync()   # there, and then a new one of ours back
    (mbsync.local / "INBOX/new/1.near").write_bytes(b"Subject: from the disk\n\nx\n")
    mbsync.sync()
    with mail.imap("ana", "INBOX") as client:
        assert len(client.search(None, "SUBJECT", '"from the disk"')[1][0].split()) == 1
    return len(mbsync.messages("INBOX"))


def by_imapflow(mail):
    seen = clients.imapflow(mail, "INBOX", "from the disk")
    assert seen["messages"] == seen["structures"] > 0 and seen["found"] == 1 and "$Imapflow" in seen["flags"], seen
    assert ["Sent", "\\Sent"] in seen["mailboxes"], seen
    return seen["messages"]


def by_poplib(mail):
    client = poplib.POP3_SSL(mail.host, mail.port("pop3s"), context=mail.tls(), timeout=30)
    client.user(mail.address("ana"))
    client.pass_(mail.password("ana"))
    count = client.stat()[0]
    assert b"Subject: from the disk" in b"\n".join(client.retr(count)[1]), client.retr(count)
    client.quit()
    return count


def submit(mail, name, subject, to="ben"):
    text = f"From: {mail.address(name)}\r\nSubject: {subject}\r\nMessage-ID: <{subject.replace(' ', '.')}@x.test>\r\n\r\nx\r\n".encode()
    with smtplib.SMTP("127.0.0.1", mail.port("submission"), timeout=30) as client:
        client._host = mail.host
        client.starttls(context=mail.tls())
        client.login(mail.address(name), mail.password(name))
        client.sendmail(mail.address(name), [mail.address(to)], text)


def queue_empty(mail):
    wait_until("the queue is empty", lambda: mail.run("queue", "list").stdout.strip() == "the queue is empty", 60)


def count(mail, name, mailbox, subject):
    with mail.imap(name, mailbox) as client:
        return len(client.search(None, "SUBJECT", f'"{subject}"')[1][0].split())


def works_on(mail, where):
    route(mail, "ana", where)
    assert where in identity(mail, "ana"), identity(mail, "ana")
    with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=30) as client:
        client.sendmail("someone@outside.test", [mail.address("ana")], b"Subject: from outside\r\n\r\nx\r\n")
    wait_until(f"mail for ana is at {where}", lambda: count(mail, "ana", "INBOX", "from outside") == 1)
    submit(mail, "ana", f"sent at {where}")
    wait_until(f"the Sent copy is at {where}", lambda: count(mail, "ana", "Sent", f"sent at {where}") == 1)
    synced, fetched = by_mbsync(mail, where), by_imapflow(mail)
    popped = by_poplib(mail)
    passing = [script for script in scripts.ALL if script not in LEFT_OUT[where]]
    for script in passing:
        for framing in ("whole", "eager"):
            script(mail, framing)
    words = f"{where}: delivery, Sent copy, mbsync {synced}, imapflow {fetched}"
    print(f"{words}, POP3 {popped}, {len(passing)} session scripts")


def below_inbox(mail):
    """Debian's Cyrus: no Sent mailbox yet, and none to be made outside INBOX."""
    route(mail, "ben", "debian")
    submit(mail, "ben", "sent at debian", "ana")
    wait_until("the Sent copy is in INBOX.Sent", lambda: any("INBOX.Sent" in e["reply"] for e in mail.events("egress", "sent_copy")))
    assert count(mail, "ben", "INBOX.Sent", "sent at debian") == 1
    with mail.imap("ben") as client:
        marked = client._simple_command("LIST", "(SPECIAL-USE)", '""', '"*"')
        assert marked[0] == "OK" and b"\\Sent" in client.response("LIST")[1][0]
    route(mail, "ben", "-")
    print("Cyrus as Debian has it: the Sent copy is in a new INBOX.Sent")


class Load:
    """A program that logs in, works until it is told to go, and logs in again."""

    def __init__(self, mail, number):
        self.mail, self.number, self.stop = mail, number, threading.Event()
        self.logins = self.byes = self.commands = 0
        self.wrong = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            try:
                self.session()
            except Exception as error:   # anything but what session() knows is a finding
                self.wrong.append(repr(error))

    def session(self):
        class Client(imaplib.IMAP4_SSL):
            def _create_socket(client, timeout):
                return self.mail.connect("imaps")
        client = Client(self.mail.host)
        try:
            # It may be told to come again, but no login fails: not for good, and not for now.
            client.login(self.mail.address("ana"), self.mail.password("ana"))
            self.logins += 1
            client.select("INBOX")
            while not self.stop.is_set():
                assert client.noop()[0] == "OK"
                assert client.fetch("1:*", "(UID FLAGS)")[0] == "OK"
                self.commands += 2
            client.logout()
        except (imaplib.IMAP4.abort, OSError) as error:
            if "BYE" not in str(error) and not client.untagged_responses.get("BYE"):
                self.wrong.append(f"an end without BYE: {error!r}")
            self.byes += 1
        finally:
            with contextlib.suppress(OSError):
                client.shutdown()


def moves(mail):
    """Round and round under load, with mail on the way at every moment."""
    homes = ("dovecot", "cyrus", mail.host)
    for home in homes:   # each INBOX has something to fetch
        route(mail, "ana", home)
        with mail.imap("ana") as client:
            client.append("INBOX", None, None, b"Subject: first\r\n\r\nx\r\n")
    load = [Load(mail, n) for n in range(2)]
    sent = 0
    for turn in range(2):
        for home in homes:
            logins = [one.logins for one in load]
            route(mail, "ana", home)
            with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=30) as client:
                client.sendmail("someone@outside.test", [mail.address("ana")], f"Subject: moving\r\nMessage-ID: <m{sent}@x>\r\n\r\nx\r\n".encode())
            submit(mail, "ana", f"on the move {sent}")
            sent += 1
            wait_until("all are in again", lambda: all(one.logins > before or one.wrong for one, before in zip(load, logins)), 60)
            assert not any(one.wrong for one in load), [one.wrong for one in load]
    queue_empty(mail)
    for one in load:
        one.stop.set()
    for one in load:
        one.thread.join(30)
    assert not any(one.wrong for one in load), [one.wrong for one in load]
    arrived = filed = 0
    for home in homes:   # nothing lost, nothing twice, wherever it was caught
        route(mail, "ana", home)
        arrived += count(mail, "ana", "INBOX", "moving")
        filed += count(mail, "ana", "Sent", "on the move")
    assert (arrived, filed) == (sent, sent), (arrived, filed, sent)
    byes, logins, commands = (sum(getattr(one, what) for one in load) for what in ("byes", "logins", "commands"))
    assert byes >= 8 and logins >= 8, (byes, logins)
    print(f"moved {sent} times under load: {logins} logins, {commands} commands, {byes} sessions ended by BYE, "
          f"no login put off; {sent} messages arrived and {sent} Sent copies were filed, each once")


def main():
    clients.node_modules()
    with contextlib.ExitStack() as stack:
        dovecot = stack.enter_context(strangers.Dovecot(password=PASSWORD, name=NAME, extra=DOVECOT))
        cyrus = stack.enter_context(cyrus_server.Cyrus(USERS, PASSWORD, NAME))
        debian = stack.enter_context(cyrus_server.Cyrus(USERS, PASSWORD, NAME, debian=True))
        mail = stack.enter_context(Buzon(accounts=[], host="localhost", settings=settings(dovecot, cyrus, debian)))
        mail.own_imap = False
        for name in USERS:
            mail.add_account(name, PASSWORD)
        works_on(mail, "dovecot")
        works_on(mail, "cyrus")
        below_inbox(mail)
        moves(mail)


if __name__ == "__main__":
    main()
