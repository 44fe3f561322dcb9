#!/usr/bin/env python3
"""Strangers' IMAP clients on a mailbox of the corpus: mbsync (both ways; the second run does nothing), offlineimap3, imaplib, curl, imapflow,
neomutt. Each sees every message and its octets. They go through a proxy that holds every reply against imap_rules."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "journeys"))
import imap_tap  # noqa: E402
import clients  # noqa: E402
from buzon import Buzon, corpus  # noqa: E402
from receive import choose  # noqa: E402

COUNT = 300


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, errors="replace", **options)
    assert done.returncode == 0, (command, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def fill(mail):
    good, _ = choose(corpus())
    with mail.imap("ana") as client:
        client.create("Corpus")
        for _, data in good[:COUNT]:
            kind, answer = client.append("Corpus", None, None, data)
            assert kind == "OK", answer
    return good[:COUNT]


def by_imaplib(mail, messages):
    with mail.imap("ana", "Corpus") as client:
        for number, (path, data) in enumerate(messages, 1):
            kind, reply = client.fetch(str(number), "(RFC822.SIZE BODY.PEEK[])")
            assert reply[0][1] == data, (path, len(reply[0][1]), len(data))
        kind, reply = client.search(None, "ALL")
        assert len(reply[0].split()) == COUNT
    print(f"imaplib: {COUNT} messages octet for octet")


def by_curl(mail, messages):
    assert "Corpus" in clients.curl(mail, "/", text=True, port=mail.door)
    assert clients.curl(mail, "/Corpus;MAILINDEX=1", port=mail.door) == messages[0][1]
    assert "EXISTS" in clients.curl(mail, "", "-X", "EXAMINE Corpus", text=True, port=mail.door)
    print("curl: list, fetch, examine")


def by_mbsync(mail, messages):
    mbsync = clients.Mbsync(mail, "mbsync", "Patterns *", "Create Both", "Expunge Both", account="PipelineDepth 50", port=mail.door)
    mbsync.sync("-V")
    near = mbsync.messages("Corpus")
    assert len(near) == COUNT, len(near)
    second = mbsync.sync("-V")
    assert not re.search(r"\+[1-9]|\*[1-9]|#[1-9]", second.stdout), second.stdout[-1500:]
    victim, keeper = near[0], near[1]
    victim.unlink()
    name = keeper.name.split(":2,")[0] + ":2,FS"
    keeper.rename(mbsync.local / "Corpus/cur" / name)
    (mbsync.local / "Corpus/new/1.local.test").write_bytes(b"From: near@example.test\nSubject: from the near side\n\ntext\n")
    mbsync.sync("-V")
    with mail.imap("ana", "Corpus") as client:
        kind, data = client.search(None, "FLAGGED", "SEEN")
        assert len(data[0].split()) == 1, data
        kind, data = client.search(None, "SUBJECT", '"from the near side"')
        assert len(data[0].split()) == 1, data
        kind, data = client.search(None, "ALL")
        assert len(data[0].split()) == COUNT, data
    again = mbsync.sync("-V")
    assert not re.search(r"\+[1-9]|\*[1-9]|#[1-9]", again.stdout), again.stdout[-1500:]
    print(f"mbsync: {COUNT} messages, both ways; the run after each does nothing")


def by_offlineimap(mail):
    folder = mail.folder / "offlineimap"
    config = mail.folder / "offlineimaprc"
    config.write_text(f"""
[general]
accounts = a
metadata = {mail.folder}/offlineimap-meta
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {folder}
[Repository far]
type = IMAP
remotehost = {mail.host}
remoteport = {mail.door}
ssl = yes
sslcacertfile = {mail.ca}
remoteuser = {mail.address('ana')}
remotepass = {mail.password('ana')}
folderfilter = lambda name: name == 'Corpus'
""")
    run(["offlineimap", "-c", str(config), "-o", "-u", "basic"])
    got = sum(1 for sub in ("cur", "new") for _ in (folder / "Corpus" / sub).iterdir())
    assert got == COUNT, got
    print(f"offlineimap3: {got} messages")


def by_imapflow(mail):
    with mail.imap("ana", "Corpus") as client:
        octets = sum(int(re.search(rb"RFC822.SIZE (\d+)", line).group(1)) for line in client.fetch("1:*", "RFC822.SIZE")[1])
    seen = clients.imapflow(mail, "Corpus", "the", port=mail.door)
    assert seen["messages"] == COUNT and seen["structures"] == COUNT and seen["octets"] == octets, (octets, seen)
    assert {"\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive"} <= {use for _, use in seen["mailboxes"]}, seen["mailboxes"]
    assert "$Imapflow" in seen["flags"] and "\\Flagged" in seen["flags"], seen
    print(f"imapflow: {seen['messages']} messages, {seen['octets']} octets, {seen['found']} found by subject")


def by_neomutt(mail):
    config = mail.folder / "neomuttrc"
    config.write_text(f"""
set imap_user="{mail.address('ana')}"
set imap_pass="{mail.password('ana')}"
set ssl_ca_certificates_file="{mail.ca}"
set folder="imaps://{mail.host}:{mail.door}/"
set header_cache=
set sleep_time=0
set copy=no
set quit=yes
push "<tag-pattern>~A<enter><tag-prefix><set-flag>!<sync-mailbox><quit>"
""")
    run(["script", "-qec", f"neomutt -F {config} -f imaps://{mail.host}:{mail.door}/Corpus", "/dev/null"],
        env={"TERM": "xterm", "HOME": str(mail.folder), "PATH": "/usr/bin:/bin", "LINES": "40", "COLUMNS": "120"})
    with mail.imap("ana", "Corpus") as client:
        kind, data = client.search(None, "FLAGGED")
        flagged = len(data[0].split())
    assert flagged == COUNT, flagged
    print(f"neomutt: opened the mailbox and flagged {flagged} messages")


def main():
    clients.node_modules()
    with Buzon(accounts=["ana"], host="localhost") as mail, imap_tap.Proxy(mail) as mail.door:
        messages = fill(mail)
        by_imaplib(mail, messages)
        by_curl(mail, messages)
        by_mbsync(mail, messages)
        by_offlineimap(mail)
        by_imapflow(mail)
        by_neomutt(mail)
        assert mail.run("verify").returncode == 0


if __name__ == "__main__":
    main()
