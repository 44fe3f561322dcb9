#!/usr/bin/env python3
"""One user shares a mailbox with another by SETACL, through TLS, the gateway and the directory: on two lanes, each of which has accounts. The other
finds it, reads and changes it, copies out of it, pins it into the list that a phone asks for, and still has it after a restart; `buzon verify` finds
nothing wrong. What is not shared is not to be seen, and a name that is no account is refused."""
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon  # noqa: E402

NAMES = ["ana", "ben", "cyd"]   # accounts are numbered one by one: neighbours live on different lanes
MAIL = b"From: a@example.test\r\nSubject: shared\r\n\r\nfor all of us\r\n"


def ask(imap, *words):
    """(the result, all untagged data) of one command."""
    tag = imap._new_tag()
    imap.send(tag + b" " + " ".join(words).encode() + b"\r\n")
    lines = []
    while True:
        line = imap.readline()
        assert line, lines
        if line.startswith(tag + b" "):
            return line[len(tag) + 1:].decode().rstrip(), b"".join(lines).decode()
        lines.append(line)


def expect(imap, command, result, *data):
    said, untagged = ask(imap, command)
    assert said.startswith(result), (command, said, untagged)
    for part in data:
        assert part in untagged, (command, part, untagged)
    return untagged


def share(mail, sessions):
    owner = mail.address("ana")
    team = f'"Other Users/{owner}/Team"'
    ana, ben, cyd = (sessions.enter_context(mail.imap(name)) for name in NAMES)
    expect(ana, "CAPABILITY", "OK", " ACL RIGHTS=texk LIST-MYRIGHTS")
    expect(ana, "CREATE Team", "OK")
    expect(ana, f"SETACL Team {mail.address('ben')} lrswite", "OK")
    expect(ana, "SETACL Team nobody@example.test lr", "NO")
    expect(ana, "SETACL Team ana@elsewhere.test lr", "NO")
    expect(ana, "GETACL Team", "OK", f" {mail.address('ben')} lrswited")
    assert ana.append("Team", None, None, MAIL)[0] == "OK"
    expect(ben, "NAMESPACE", "OK", '(("Other Users/" "/"))')
    assert "Other" not in expect(ben, 'LIST "" *', "OK")
    expect(ben, 'LIST "" "Other Users/*" RETURN (MYRIGHTS)', "OK", f'"/" {team}', f"* MYRIGHTS {team} lrswited")
    expect(ben, f"SELECT {team}", "OK [READ-WRITE]", "* 1 EXISTS")
    expect(ben, "FETCH 1 BODY.PEEK[]", "OK", "for all of us")
    expect(ben, "STORE 1 +FLAGS (\\Flagged)", "OK", "\\Flagged")
    expect(ben, "COPY 1 INBOX", "OK [COPYUID ")
    expect(ana, "SELECT Team", "OK", "* 1 EXISTS")
    expect(ana, "FETCH 1 FLAGS", "OK", "\\Flagged")
    expect(ben, f"SUBSCRIBE {team}", "OK")
    expect(ben, 'LIST "" *', "OK", f'"/" {team}')
    for command in (f"SELECT {team}", f"STATUS {team} (MESSAGES)", f"GETACL {team}"):
        expect(cyd, command, "NO [NONEXISTENT]")
    assert "Team" not in expect(cyd, 'LIST "" "Other Users/*"', "OK")
    return team


def after_restart(mail, sessions, team):
    ben = sessions.enter_context(mail.imap("ben"))
    expect(ben, 'LIST "" *', "OK", f'"/" {team}')
    expect(ben, f"STATUS {team} (MESSAGES)", "OK", "(MESSAGES 1)")
    expect(ben, 'LIST "" "Other Users/%/%"', "OK", team)
    ana = sessions.enter_context(mail.imap("ana"))
    expect(ana, f"DELETEACL Team {mail.address('ben')}", "OK")
    expect(ben, f"SELECT {team}", "NO [NONEXISTENT]")


def main():
    with Buzon(accounts=NAMES, settings="[mailstore]\nlanes = 2\n") as mail:
        with contextlib.ExitStack() as sessions:
            team = share(mail, sessions)
        mail.restart()
        with contextlib.ExitStack() as sessions:
            after_restart(mail, sessions, team)
        said = mail.run("verify").stdout
        assert "0 findings" in said, said
    print("shared, found, changed, pinned and kept")


if __name__ == "__main__":
    main()
