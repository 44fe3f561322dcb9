#!/usr/bin/env python3
"""Where a mailbox is, said by slapd: mailHost, any attribute and groups lead to a stranger's Dovecot or to our own store, by their precedence, for logins
and for mail; a change in the directory moves the user, his queued mail included."""
import contextlib
import pathlib
import smtplib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "harness"), str(HERE)]
from buzon import Buzon, wait_until  # noqa: E402
from directories import OPENLDAP_SCHEMA, group, person  # noqa: E402
import strangers  # noqa: E402

NAME = "mail.outside.test"
BASE = strangers.Slapd.SUFFIX
# Everybody's password at Dovecot; theirs in the directory is the same.
PASSWORD = "the-password"
LMTP = """
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


def tree():
    def one(uid, *more):
        return person(uid, f"mail: {uid}@example.test", f"userPassword: {PASSWORD}", *more)
    return (one("host", "mailHost: imap.old.test") + one("attr", "departmentNumber: 42", "employeeType: Retired") + one("grp") + one("both", "departmentNumber: 7")
            + one("plain") + one("evil", "mailHost: 169.254.169.254") + group("sales", ["grp", "both"]))


def settings(slapd, dovecot):
    (slapd.folder / "reader").write_text(slapd.READER[1] + "\n")
    (slapd.folder / "reader").chmod(0o600)
    return f"""
[mta]
first_retry = "1s"

[[directory]]
name = "corp"
type = "openldap"
servers = ["ldaps://127.0.0.1:{slapd.tls_port}"]
ca_file = "{slapd.ca}"
base = "{BASE}"
fresh = "1s"
negative = "1s"

[[server]]
name = "old"
host = "127.0.0.1"
hosts = ["imap.old.test"]
imap_port = {dovecot.imaps_port}
tls_name = "{NAME}"
tls_ca_file = "{dovecot.ca}"
delivery = "lmtp"
delivery_port = {dovecot.lmtp_port}
delivery_tls = "none"

[[route]]
domain = "example.test"
server = "-"

[[route]]
group = "cn=sales,{BASE}"
server = "old"

[[route]]
attribute = "departmentNumber"
value = "42"
server = "old"

[[route]]
attribute = "departmentnumber"
value = "7"
server = "-"
"""


def add(mail, name):
    mail.passwords[mail.address(name)] = PASSWORD


def is_at(mail, name):
    with mail.imap(name) as client:
        client.xatom("ID", '("name" "x")')
        return "old" if b"dovecot" in client.response("ID")[1][0].lower() else "here"


def main():
    with contextlib.ExitStack() as stack:
        dovecot = stack.enter_context(strangers.Dovecot(password=PASSWORD, name=NAME, extra=LMTP))
        slapd = stack.enter_context(strangers.Slapd(tree(), OPENLDAP_SCHEMA))
        # The directory's name for the old server resolves for our own resolver only.
        zone = slapd.folder / "unbound.conf"
        zone.write_text('server:\n  local-zone: "test." static\n  local-data: "imap.old.test. A 127.0.0.1"\n')
        mail = stack.enter_context(Buzon(accounts=[], host="localhost",
                                         settings=f'[dns]\nconfig_file = "{zone}"\n' + settings(slapd, dovecot)))
        mail.own_imap = False
        for name in ("host", "attr", "grp", "both", "plain", "evil"):
            add(mail, name)
        places = {name: is_at(mail, name) for name in ("host", "attr", "grp", "both", "plain")}
        assert places == {"host": "old", "attr": "old", "grp": "old", "both": "here", "plain": "here"}, places
        print("logins:", places)
        words = mail.run("directory", "test", mail.address("grp")).stdout
        assert f"route: member of cn=sales,{BASE}" in words and "mailbox: on server old at 127.0.0.1" in words, words
        words = mail.run("directory", "test", mail.address("both")).stdout
        assert "route: departmentnumber is 7" in words and "mailbox: in our own mail store" in words, words
        words = mail.run("directory", "test", mail.address("evil"), check=False).stdout
        assert "no [[server]] allows" in words, words
        with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=30) as client:
            for name in ("host", "attr", "grp", "both", "plain"):
                client.sendmail("someone@outside.test", [mail.address(name)], f"Subject: for {name}\r\n\r\nx\r\n".encode())
        for name in ("host", "attr", "grp", "both", "plain"):
            wait_until(f"mail of {name} is where he is", lambda name=name: mail.count(name) == 1)
        print("mail: each where his mailbox is")
        # He retires while mail for him waits: it goes where he is by then.
        dovecot.__exit__()
        dovecot.process = None
        with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=30) as client:
            client.sendmail("someone@outside.test", [mail.address("attr")], b"Subject: late\r\n\r\nx\r\n")
        wait_until("it waits", lambda: "attr@example.test" in mail.run("queue", "list").stdout)
        slapd.change(f"dn: uid=attr,{BASE}\nchangetype: modify\nreplace: departmentNumber\ndepartmentNumber: 7\n")
        wait_until("he is here", lambda: "our own mail store" in mail.run("directory", "test", mail.address("attr")).stdout)
        wait_until("his mail came after him", lambda: mail.run("queue", "list").stdout.strip() == "the queue is empty")
        assert mail.count("attr") == 1 and is_at(mail, "attr") == "here"
        print("moved by the directory, with the mail that waited")


if __name__ == "__main__":
    main()
