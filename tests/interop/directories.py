#!/usr/bin/env python3
"""Accounts of LDAP directories, with slapd: an OpenLDAP tree, one like Active Directory and one like Open Directory, asked after the embedded
directory. Logins over IMAP, mail to aliases and groups, send-as, disabled users, renamed users; servers that are killed, that accept and never
answer, that show a certificate of somebody else."""
import base64
import contextlib
import json
import pathlib
import smtplib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from smtp import Submission  # noqa: E402
from strangers import Slapd  # noqa: E402

BASE = Slapd.SUFFIX
LOGIN_BOUND = 3.0   # the setting `time`
SLACK = 1.5         # of a busy machine, for everything that is not the directory

TEXT = "EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"
MAIL = "EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26"
OPENLDAP_SCHEMA = f"""
attributetype ( 1.3.6.1.4.1.4203.666.1.901 NAME 'mailAlternateAddress' {MAIL} )
attributetype ( 1.3.6.1.4.1.4203.666.1.902 NAME 'mailHost' {MAIL} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.903 NAME 'accountStatus' {TEXT} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.904 NAME 'mailQuotaSize' {TEXT} SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.3.901 NAME 'mailUser' SUP top AUXILIARY MAY ( mail $ mailAlternateAddress $ mailHost $ accountStatus $
  mailQuotaSize ) )
"""
AD_SCHEMA = f"""
attributetype ( 1.3.6.1.4.1.4203.666.1.911 NAME 'sAMAccountName' {TEXT} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.912 NAME 'userPrincipalName' {TEXT} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.913 NAME 'proxyAddresses' {TEXT} )
attributetype ( 1.3.6.1.4.1.4203.666.1.914 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.915 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.3.911 NAME 'user' SUP top AUXILIARY MAY ( sAMAccountName $ userPrincipalName $ proxyAddresses $
  userAccountControl $ objectGUID ) )
"""
OD_SCHEMA = f"""
attributetype ( 1.3.6.1.4.1.4203.666.1.921 NAME 'apple-generateduid' {TEXT} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.922 NAME 'authAuthority' {TEXT} )
objectclass ( 1.3.6.1.4.1.4203.666.3.921 NAME 'apple-user' SUP top AUXILIARY MAY ( apple-generateduid $ authAuthority ) )
"""


def person(uid, *more, classes=("mailUser",)):
    lines = [f"dn: uid={uid},{BASE}", "objectClass: inetOrgPerson", *(f"objectClass: {name}" for name in classes), f"uid: {uid}", f"cn: {uid}",
             f"sn: {uid}", *more]
    if not any(line.startswith("userPassword") for line in more):
        lines.append(f"userPassword: pw-{uid}")
    return "\n".join(lines) + "\n\n"


def group(name, members, mail=None):
    lines = [f"dn: cn={name},{BASE}", "objectClass: groupOfNames", f"cn: {name}", *(f"member: {dn(m)}" for m in members)]
    if mail:
        lines[2:2] = ["objectClass: mailUser", f"mail: {mail}"]
    return "\n".join(lines) + "\n\n"


def dn(uid):
    return uid if "=" in uid else f"uid={uid},{BASE}"


def openldap_tree():
    tree = person("cleo", "mail: Cleo@example.test", "mailAlternateAddress: office@example.test", "mailQuotaSize: 100M")
    tree += person("dora", "mail: dora@example.test")
    tree += person("out", "mail: out@example.test")
    tree += person("shut", "mail: shut@example.test", "accountStatus: disabled")
    tree += person("star*)(uid=*", "mail: weird@example.test").replace("uid=star*)(uid=*,", "uid=star\\2A\\29\\28uid\\3D\\2A,")
    tree += person("team-all", classes=("extensibleObject", "mailUser"))   # a person whose uid looks like a list
    tree += group("users", ["cleo", "dora", "shut", "team-all"])
    return tree + group("inner", ["dora"]) + group("team", ["cleo", f"cn=inner,{BASE}"], "team@example.test")


def ad_tree():
    def ad(name, number, *more):
        guid = base64.b64encode(bytes([number, 0, 255]) * 5 + b"x").decode()
        return person(name, f"sAMAccountName: {name}", f"userPrincipalName: {name}@corp.local", f"objectGUID:: {guid}", *more, classes=("user",))
    return (ad("gina", 1, "mail: Gina.Weiss@example.test", "proxyAddresses: SMTP:gina.weiss@example.test", "proxyAddresses: smtp:gw@example.test",
               "userAccountControl: 512")
            + ad("hugo", 2, "mail: hugo@example.test", "userAccountControl: 514"))


def od_tree():
    return (person("ines", "mail: ines@example.test", "apple-generateduid: 1111-AA", classes=("apple-user",))
            + person("jose", "mail: jose@example.test", "apple-generateduid: 2222-BB", "authAuthority: ;DisabledUser;;basic;", classes=("apple-user",)))


class BlackHole:
    """Accepts and never answers."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.taken = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self.socket.accept()[0])


def login(mail, user, password):
    """(tagged answer, seconds)"""
    with mail.connect("imaps") as client:
        client.settimeout(30)
        lines = client.makefile("rb")
        lines.readline()
        begin = time.monotonic()
        client.sendall(b'a LOGIN "%s" "%s"\r\n' % (user.encode().replace(b"\\", b"\\\\"), password.encode()))
        while True:
            line = lines.readline()
            assert line, "connection closed"
            if line.startswith(b"a "):
                return line.decode().strip(), time.monotonic() - begin


def good(mail, user, password=None):
    answer, seconds = login(mail, user, password or "pw-" + user.split("@")[0])
    assert answer.startswith("a OK"), (user, answer)
    return seconds


def refused(mail, user, password, code="[AUTHENTICATIONFAILED]"):
    answer, seconds = login(mail, user, password)
    assert answer.startswith("a NO " + code), (user, answer)
    return seconds


def settings(folder, **servers):
    """[[directory]] tables; each value: (server URLs, CA, type, further lines)."""
    secret = folder / "reader-password"
    secret.write_text(Slapd.READER[1] + "\n")
    secret.chmod(0o600)
    out = ""
    for name, (urls, ca, kind, more) in servers.items():
        out += f"""
[[directory]]
name = "{name}"
type = "{kind}"
servers = {json.dumps(urls)}
ca_file = "{ca}"
bind_dn = "{Slapd.READER[0]}"
bind_password_file = "{secret}"
base = "{BASE}"
{more}
"""
    return out


def count(mail, user, password=None):
    mail.passwords[mail.address(user)] = password or "pw-" + user
    return mail.count(user)


def deliver(mail, recipient):
    with smtplib.SMTP("127.0.0.1", mail.port("smtp")) as client:
        client.sendmail("stranger@outside.test", [recipient], f"Subject: to {recipient}\r\n\r\nhello\r\n")


def test_json(mail, user, password=None):
    words = ["directory", "test", user, "--json"] + (["--password-stdin"] if password is not None else [])
    done = mail.run(*words, input=password, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode == 0) == answer["ok"], done
    return answer["ok"], {step["step"]: step for step in answer["steps"]}


def three_directories():
    with Slapd(openldap_tree(), OPENLDAP_SCHEMA) as corp, Slapd(ad_tree(), AD_SCHEMA) as school, Slapd(od_tree(), OD_SCHEMA) as lab:
        text = settings(corp.folder,
                        corp=([f"ldap://127.0.0.1:{corp.port}"], corp.ca, "openldap", f'require_group = "cn=users,{BASE}"\nfresh = "1s"'),
                        school=([f"ldaps://127.0.0.1:{school.tls_port}"], school.ca, "ad", 'fresh = "1s"'),
                        lab=([f"ldap://127.0.0.1:{lab.port}"], lab.ca, "opendirectory", 'mode = "secrets"\nfresh = "1s"'))
        with Buzon(settings=text) as mail:
            logins(mail)
            device_passwords(mail)
            mail_flow(mail)
            explanations(mail)
            renamed(mail, corp)
            directory_down(mail, corp)


def logins(mail):
    good(mail, "ana", mail.password("ana"))   # embedded goes first
    for user in ("cleo", "CLEO", "cleo@example.test"):
        good(mail, user, "pw-cleo")
    good(mail, "gina")
    good(mail, "gina.weiss@example.test", "pw-gina")
    good(mail, "gw@example.test", "pw-gina")
    good(mail, "gina@corp.local", "pw-gina")   # a user principal name, though no mail of that domain is ours
    good(mail, "ines")
    for user, password in (("cleo", "wrong"), ("cleo", "pw-dora"), ("out", "pw-out"), ("shut", "pw-shut"), ("hugo", "pw-hugo"),
                           ("jose", "pw-jose"), ("nobody", "x"), ("*", "pw-cleo"), ("cl*", "pw-cleo"), ("star*)(uid=*", "pw-star*)(uid=*"),
                           ("cleo)(uid=*", "pw-cleo"), ("gina@corp.local", "wrong"), ("gina@corp.example", "pw-gina")):
        refused(mail, user, password)
    assert not login(mail, "cleo", "")[0].startswith("a OK")
    print("logins: three trees by name and address; disabled, outside the group, hostile names, empty passwords refused")


def device_passwords(mail):
    """An account of the directory logs in by a device of its own; the directory is asked about the account and not about the password."""
    added = json.loads(mail.run("device", "add", "cleo@example.test", "--name", "iPhone", "--json").stdout)
    good(mail, "cleo", added["password"])
    good(mail, "cleo@example.test/iphone", added["password"])
    refused(mail, "gina", added["password"])
    mail.run("device", "only", "cleo@example.test", "on")
    refused(mail, "cleo", "pw-cleo")
    good(mail, "cleo", added["password"])
    mail.run("device", "only", "cleo@example.test", "off")
    good(mail, "cleo", "pw-cleo")
    mail.run("device", "revoke", "cleo@example.test", "iPhone")
    refused(mail, "cleo", added["password"])
    print("devices: of an account of the directory, alone and beside its password, until revoked")


def mail_flow(mail):
    for recipient in ("cleo@example.test", "office+x@example.test", "team@example.test", "gw@example.test", "ines@example.test"):
        deliver(mail, recipient)
    for user, password, number in (("cleo", "pw-cleo", 3), ("dora", "pw-dora", 1), ("gw", "pw-gina", 1), ("ines", "pw-ines", 1)):
        wait_until(f"{number} messages for {user}", lambda: count(mail, user, password) == number)
    for recipient, code in (("nobody@example.test", 550), ("shut@example.test", 550), ("out@example.test", 550)):
        try:
            deliver(mail, recipient)
            raise AssertionError(f"{recipient} was taken")
        except smtplib.SMTPRecipientsRefused as error:
            assert error.recipients[recipient][0] // 100 == code // 100, error.recipients
    for sender, fine in (("cleo@example.test", True), ("office@example.test", True), ("dora@example.test", False), ("team@example.test", False)):
        with Submission(mail) as client:
            client.secure().login("cleo", "pw-cleo")
            try:
                client.sendmail(sender, ["dora@example.test"], f"From: {sender}\r\nTo: dora@example.test\r\nSubject: as {sender}\r\n\r\nx\r\n")
                assert fine, f"cleo sent as {sender}"
            except smtplib.SMTPException:
                assert not fine, f"cleo could not send as {sender}"
    wait_until("two more for dora", lambda: count(mail, "dora") == 3)
    print("mail: alias, tag, group in group; send-as by address and alias only")


def explanations(mail):
    ok, steps = test_json(mail, "cleo", "pw-cleo")
    assert ok and "(uid=cleo)" in steps["search"]["text"] and steps["bind"]["result"] == "good", steps
    assert steps["group"]["result"] == "good" and "104857600" in steps["quota"]["text"], steps
    ok, steps = test_json(mail, "cleo", "wrong")
    assert not ok and steps["bind"]["result"] == "bad", steps
    ok, steps = test_json(mail, "out")
    assert not ok and steps["group"]["result"] == "bad", steps
    ok, steps = test_json(mail, "hugo")
    assert not ok and "userAccountControl" in steps["state"]["text"], steps
    ok, steps = test_json(mail, "ines", "pw-ines")
    assert ok and steps["password"]["result"] == "good", steps
    assert not test_json(mail, "ines", "wrong")[0] and not test_json(mail, "nobody")[0] and test_json(mail, "ana", mail.password("ana"))[0]
    text = mail.run("directory", "test", "gina").stdout
    assert "directory school" in text and f"uid=gina,{BASE}" in text, text
    print("directory test: steps, reasons, exit status")


def renamed(mail, corp):
    before = count(mail, "dora")
    corp.change(f"dn: {dn('dora')}\nchangetype: modrdn\nnewrdn: uid=dorothea\ndeleteoldrdn: 1\n\n"
                f"dn: uid=dorothea,{BASE}\nchangetype: modify\nreplace: mail\nmail: dorothea@example.test\n\n"
                f"dn: cn=users,{BASE}\nchangetype: modify\nadd: member\nmember: uid=dorothea,{BASE}\n")
    assert count(mail, "dorothea", "pw-dora") == before > 0
    corp.stop()
    corp.start()

    def back():
        return login(mail, "dorothea", "pw-dora")[0].startswith("a OK")
    wait_until("the directory answers again", back, 40)
    print("a renamed user has his mail; a restarted server is found again")


def directory_down(mail, corp):
    good(mail, "cleo")
    corp.stop()
    time_of = []
    wait_until("a stale answer", lambda: time_of.append(good(mail, "cleo")) or mail.events("auth", "directory_answers_from_memory"))
    for _ in range(5):
        time_of.append(good(mail, "cleo"))   # found right within the hour
    time_of.append(refused(mail, "team-all", "pw-team-all", "[UNAVAILABLE]"))   # never seen
    time_of.append(refused(mail, "cleo", "other", "[UNAVAILABLE]"))             # perhaps a new password
    assert max(time_of) < LOGIN_BOUND + SLACK, time_of
    refused(mail, "gina2", "x", "[UNAVAILABLE]")   # corp might know him
    number = count(mail, "cleo")
    deliver(mail, "office+x@example.test")
    wait_until("mail by an old answer", lambda: count(mail, "cleo") == number + 1)
    try:
        deliver(mail, "unseen@example.test")
        raise AssertionError("taken")
    except smtplib.SMTPRecipientsRefused as error:
        assert error.recipients["unseen@example.test"][0] // 100 == 4, error.recipients
    good(mail, "ana", mail.password("ana"))
    ok, steps = test_json(mail, "cleo")
    assert not ok and "down" in steps["search"]["text"], steps
    corp.start()
    wait_until("the directory answers again", lambda: login(mail, "team-all", "pw-team-all")[0].startswith("a OK"), 40)
    print(f"directory down: verified logins and known mail go on, the rest is temporary; slowest answer {max(time_of):.2f} s")


def servers_that_fail():
    hole = BlackHole()
    with Slapd(openldap_tree(), OPENLDAP_SCHEMA) as first, Slapd(openldap_tree(), OPENLDAP_SCHEMA) as second:
        # One CA for both: the second server shows the first one's certificate.
        for name in ("server.pem", "server.key"):
            (second.folder / name).write_bytes((first.folder / name).read_bytes())
        second.stop()
        second.start()
        urls = [f"ldap://127.0.0.1:{hole.port}", f"ldaps://127.0.0.1:{first.tls_port}", f"ldap://127.0.0.1:{second.port}"]
        text = settings(first.folder, corp=(urls, first.ca, "openldap", 'fresh = "0s"'))
        with Buzon(settings=text) as mail:
            times = [good(mail, "cleo")]
            times += [good(mail, "cleo") for _ in range(5)]
            assert hole.taken, "the black hole was asked first"
            assert max(times) < LOGIN_BOUND + SLACK and min(times) < 0.9, times
            first.stop()
            many = []
            threads = [threading.Thread(target=lambda: many.append(good(mail, "dora"))) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(many) == 20 and max(many) < LOGIN_BOUND + SLACK, many
            second.process.send_signal(19)   # SIGSTOP: connected, and silent from now on
            frozen = [refused(mail, "team-all", "pw-team-all", "[UNAVAILABLE]") for _ in range(3)]
            frozen += [good(mail, "cleo")]
            assert max(frozen) < LOGIN_BOUND + SLACK, frozen
            second.process.send_signal(18)
            wait_until("the server that was frozen answers", lambda: login(mail, "team-all", "pw-team-all")[0].startswith("a OK"), 40)
            down = [e for e in mail.events("auth", "directory_server_down")]
            assert len(down) >= 3, down
            print(f"fail-over: slowest login with one black hole {max(times):.2f} s, then one killed {max(many):.2f} s, then one frozen "
                  f"{max(frozen):.2f} s; bound {LOGIN_BOUND:g} s")


def certificates():
    with Slapd(openldap_tree(), OPENLDAP_SCHEMA) as corp, Slapd(od_tree(), OD_SCHEMA) as other:
        for urls, ca in (([f"ldap://127.0.0.1:{corp.port}"], other.ca), ([f"ldaps://127.0.0.1:{corp.tls_port}"], other.ca),
                         ([f"ldaps://localhost:{corp.tls_port}"], corp.ca)):   # the certificate is of 127.0.0.1
            text = settings(corp.folder, corp=(urls, ca, "openldap", ""))
            with Buzon(settings=text, accounts=()) as mail:
                refused(mail, "cleo", "pw-cleo", "[UNAVAILABLE]")
                ok, steps = test_json(mail, "cleo", "pw-cleo")
                assert not ok and "TLS" in steps["search"]["text"], steps
    print("certificates: of another CA and of another name refused, with StartTLS and with TLS")


if __name__ == "__main__":
    three_directories()
    servers_that_fail()
    certificates()
