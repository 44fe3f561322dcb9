#!/usr/bin/env python3
"""Thunderbird as Debian ships it, without a display and in a network of its own: a mailbox of 5,000 messages for the first time and to keep, flags both
ways, copies and moves, a search that the server does, a message sent with its copy in Sent, and mail that arrives while it idles. What it did is looked at
by a session of imaplib, what it knows in its own database. It goes through a proxy that holds every reply against imap_rules.

    python3 tests/interop/thunderbird.py [--screenshot FILE] [--transcript FILE]
"""
import argparse
import base64
import collections
import json
import pathlib
import re
import shutil
import smtplib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "harness"), str(HERE.parent / "journeys")]
import imap_tap  # noqa: E402
from buzon import Buzon, corpus, skip, wait_until  # noqa: E402
from domain import own_network  # noqa: E402
from marionette import Thunderbird  # noqa: E402
from receive import choose  # noqa: E402

COUNT, NEEDLE, HOST = 5000, "quetzal", "localhost"


class Listening(imap_tap.Proxy):
    """The proxy, and the lines that the client has said, without the octets of literals."""

    def __init__(self, mail):
        super().__init__(mail)
        self.lines = []

    async def there(self, near_in, far_out, tap):
        peer = tap.conversation.peer
        feed = peer.feed   # behind COMPRESS

        def listen(data):
            for line in data.decode(errors="replace").split("\r\n"):
                if re.match(r"\d+ [A-Za-z]|DONE$", line):
                    self.lines.append(re.sub(r"(?i)( authenticate \S+| login).*", r"\1", line))   # no passwords
            feed(data)
        peer.feed = listen
        await super().there(near_in, far_out, tap)

    def forms(self):
        """How often it said what, numbers and names left out."""
        count = collections.Counter()
        for line in self.lines:
            count[re.sub(r"(?<![\w$.+])[\d:,*]*\d[\d:,*]*", "N", re.sub(r'"(?:[^"\\]|\\.)*"', '"..."', line))] += 1
        return count


def messages():
    """Real ones first, then made ones, a hundredth of which have NEEDLE in the body."""
    good, _ = choose(corpus())
    out = [data for _, data in good[:500]]
    for number in range(len(out), COUNT):
        reply = f"In-Reply-To: <n{number - 1}@outside.test>\r\n" if number % 5 else ""
        text = f"Line one of {number}.\r\n" * (1 + number % 40) + (f"{NEEDLE}\r\n" if number % 100 == 0 else "")
        date = f"{number % 28 + 1} Oct 2026 {number % 24:02}:{number % 60:02}:00 +0000"
        out.append((f"From: \"Sender {number % 40}\" <s{number % 40}@outside.test>\r\nTo: ana@example.test\r\nSubject: Message number {number}\r\n"
                    f"Date: {date}\r\nMessage-ID: <n{number}@outside.test>\r\n{reply}\r\n{text}").encode())
    return out


def fill(mail, all_of_them):
    with mail.connect("imaps") as connection, connection.makefile("rb") as replies:
        def ok(data):
            connection.sendall(b"a " + data + b"\r\n")
            while not (line := replies.readline()).startswith(b"a "):
                assert line, data[:100]
            assert line.startswith(b"a OK"), line
        ok(f"LOGIN {mail.address('ana')} {mail.password('ana')}".encode())
        for first in range(0, COUNT, 100):
            ok(b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(data), data) for data in all_of_them[first:first + 100]))


def preferences(mail, port):
    """One account, as its assistant would have written it; nothing that asks a person or the outside."""
    user, uri = mail.address("ana"), f"imap://{mail.address('ana').replace('@', '%40')}@{HOST}"
    server = {"type": "imap", "hostname": HOST, "port": port, "socketType": 3, "authMethod": 3, "userName": user, "name": user, "login_at_startup": False,
              "check_new_mail": False}
    identity = {"fullName": "Ana Müller", "useremail": user, "smtpServer": "smtp1", "valid": True, "fcc": True, "fcc_folder": f"{uri}/Sent",
                "compose_html": False}
    smtp = {"type": "smtp", "hostname": HOST, "port": mail.port("submission"), "try_ssl": 2, "authMethod": 3, "username": user}
    plain = {"mail.account.account1.server": "server1", "mail.account.account1.identities": "id1", "mail.accountmanager.accounts": "account1",
             "mail.accountmanager.defaultaccount": "account1", "mail.smtpservers": "smtp1", "mail.smtp.defaultserver": "smtp1", "marionette.port": 0,
             "app.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False, "mail.provider.suppress_dialog_on_startup": True,
             "mail.shell.checkDefaultClient": False, "mailnews.start_page.enabled": False, "mail.spotlight.firstRunDone": True,
             "mail.rights.version": 1, "network.manage-offline-status": False, "offline.autoDetect": False, "offline.startup_state": 0,
             "mail.biff.show_alert": False, "mail.biff.play_sound": False, "extensions.getAddons.cache.enabled": False, "mail.winsearch.enable": False}
    for prefix, values in (("mail.server.server1", server), ("mail.identity.id1", identity), ("mail.smtpserver.smtp1", smtp)):
        plain |= {f"{prefix}.{name}": value for name, value in values.items()}
    return plain


class Session:
    """Calls the functions of thunderbird/session.js by their names."""

    def __init__(self, program):
        self.program = program
        self.version = program.run((HERE / "thunderbird/session.js").read_text())

    def __getattr__(self, name):
        return lambda *arguments: self.program.run(f"return globalThis.Session[{json.dumps(name)}](...arguments)", *arguments)


def uids(mail, mailbox, *criteria):
    with mail.imap("ana", mailbox) as client:
        return [int(uid) for line in client.uid("SEARCH", *criteria)[1] for uid in line.split()]


def first_sync(mail, bird, all_of_them):
    begin = time.monotonic()
    bird.update("INBOX")
    wait_until("the mailboxes", lambda: {"INBOX", "Sent", "Trash", "Drafts", "Archive", "Junk"} <= set(bird.folders()), 60)
    bird.listed("INBOX", COUNT)
    headers = time.monotonic() - begin
    rows = {row[0]: row for row in bird.database("INBOX")}
    with mail.imap("ana", "INBOX") as client:
        sizes = {int(uid): int(size) for uid, size in re.findall(rb"UID (\d+) RFC822.SIZE (\d+)", b" ".join(client.fetch("1:*", "(UID RFC822.SIZE)")[1]))}
    assert {uid: row[2] for uid, row in rows.items()} == sizes
    order = sorted(sizes)
    for number in range(500, COUNT):
        row = rows[order[number]]
        assert row[1] == f"n{number}@outside.test" and row[6].endswith(f"Message number {number}"), (number, row)
    bird.kept("INBOX")   # it fetches them by itself
    print(f"first sync: {COUNT} messages in its list within {headers:.1f} s, their bodies within {time.monotonic() - begin:.1f} s")
    for number in range(0, COUNT, 97):
        octets = re.sub(rb"\A(X-Mozilla-\S+: .*\n)+", b"", base64.b64decode(bird.octets("INBOX", order[number])))   # of its own file
        assert octets == all_of_them[number], (number, octets[:500], all_of_them[number][:500])
    return order


def flags(mail, bird, order):
    bird.mark("INBOX", order[500:510], "read")
    bird.mark("INBOX", order[505:507], "flagged")
    bird.mark("INBOX", order[507:508], "$label1")
    wait_until("its flags on the server", lambda: (uids(mail, "INBOX", "SEEN"), uids(mail, "INBOX", "FLAGGED"), uids(mail, "INBOX", "KEYWORD", "$label1"))
               == (order[500:510], order[505:507], order[507:508]), 30)
    with mail.imap("ana", "INBOX") as client:
        client.uid("STORE", str(order[600]), "+FLAGS", "(\\Flagged $label2)")

    def told():
        row = next(row for row in bird.database("INBOX") if row[0] == order[600])
        return row[4] and row[5] == "$label2"
    wait_until("another session's flags, while it idles", told, 30)
    print("flags and keywords both ways")


def moves(mail, bird, order):
    bird.create("Later")
    assert mail.count("ana", "Later") == 0
    bird.copy("INBOX", order[700:705], "Later", True)
    bird.copy("INBOX", order[705:708], "Later", False)
    bird.remove("INBOX", order[710:712])
    wait_until("moved", lambda: (mail.count("ana", "Later"), mail.count("ana", "Trash"), uids(mail, "INBOX", "UNDELETED")) ==
               (8, 2, [uid for uid in order if uid not in order[700:705] + order[710:712]]), 30)
    bird.update("Later")
    assert sorted(row[1] for row in bird.database("Later")) == sorted(f"n{number}@outside.test" for number in range(700, 708))
    print("a new mailbox; messages moved, copied and deleted")


def searches(mail, bird, order):
    there = [order[number] for number in range(500, COUNT, 100) if number != 700]   # that one was moved
    assert sorted(bird.search("INBOX", "Body", NEEDLE)) == there
    assert bird.search("INBOX", "Subject", "number 4711") == [order[4711]]
    print("searches by the server, in bodies and subjects")


def sends(mail, bird):
    bird.send(mail.address("ben"), "Grüße aus Thunderbird", "Drei Zeilen,\n.\neine davon ein Punkt.\n")
    wait_until("it arrives", lambda: mail.count("ben") == 1, 30)
    with mail.imap("ben", "INBOX") as client:
        arrived = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
    assert b"Drei Zeilen,\r\n.\r\neine davon ein Punkt.\r\n" in arrived, arrived
    wait_until("the queue is empty", lambda: not json.loads(mail.run("queue", "list", "--json").stdout), 30)
    bird.update("Sent")
    assert mail.count("ana", "Sent") == 1, mail.count("ana", "Sent")
    assert [row[6] for row in bird.database("Sent")] == ["Grüße aus Thunderbird"]
    print("sent by STARTTLS on the submission port; one copy in Sent")


def arrives(mail, bird):
    with smtplib.SMTP("127.0.0.1", mail.port("smtp")) as client:
        begin = time.monotonic()
        client.sendmail("stranger@outside.test", [mail.address("ana")], "Subject: while you idle\r\nMessage-ID: <idle@outside.test>\r\n\r\nhello\r\n")
    wait_until("the new message in its database", lambda: any(row[1] == "idle@outside.test" for row in bird.database("INBOX")), 60)
    print(f"a message that arrives while it idles is in its database after {time.monotonic() - begin:.2f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshot", type=pathlib.Path)
    parser.add_argument("--transcript", type=pathlib.Path)
    options = parser.parse_args()
    if not shutil.which("thunderbird"):
        skip("thunderbird is not installed")
    own_network()
    all_of_them = messages()
    with Buzon(accounts=["ana", "ben"], host=HOST) as mail:
        fill(mail, all_of_them)
        listening = Listening(mail)
        with listening as port, Thunderbird(mail.folder, preferences(mail, port)) as program:
            bird = Session(program)
            authority = "".join(pathlib.Path(mail.ca).read_text().split("-----")[2].split())
            bird.logins(authority, mail.address("ana"), mail.password("ana"))
            print(f"Thunderbird {bird.version}")
            order = first_sync(mail, bird, all_of_them)
            flags(mail, bird, order)
            moves(mail, bird, order)
            searches(mail, bird, order)
            sends(mail, bird)
            arrives(mail, bird)
            if options.screenshot:
                bird.show("INBOX", order[404])
                options.screenshot.write_bytes(program.screenshot())
        if options.transcript:
            options.transcript.write_text("\n".join([*listening.lines, "", *(f"{count}\t{form}" for form, count in listening.forms().most_common()), ""]))
        print(f"{len(listening.lines)} commands of {len(listening.forms())} forms")
        assert mail.run("verify").returncode == 0


if __name__ == "__main__":
    main()
