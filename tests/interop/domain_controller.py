#!/usr/bin/env python3
"""Accounts of an Active Directory domain, with Samba's domain controller: logins by password, by Kerberos and by NTLM (through winbind's ntlm_auth),
addresses of proxyAddresses, nested groups, disabled users, and passwords that are changed there."""
import json
import os
import pathlib
import re
import signal
import smtplib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from domain import DomainController, own_network  # noqa: E402
from strangers import unpack  # noqa: E402

REALM, HOST, PASSWORD = "CORP.TEST", "localhost", "User-Passw0rd"


def fill(dc):
    for name in ("ana", "ben", "cleo"):
        dc.samba_tool(f"user create {name} {PASSWORD} --mail-address={name}@example.test")
    dc.samba_tool("user create out " + PASSWORD + " --mail-address=out@example.test")
    dc.samba_tool(f"user create reader {PASSWORD}")
    dc.samba_tool(f"user create mailsvc {PASSWORD}")
    for service in ("imap", "smtp", "pop"):
        dc.samba_tool(f"spn add {service}/{HOST} mailsvc")
    for group in ("mailusers", "inner"):
        dc.samba_tool(f"group add {group}")
    dc.samba_tool("group addmembers mailusers ana,cleo,inner")
    dc.samba_tool("group addmembers inner ben")
    dc.samba_tool("user disable cleo")
    users = f"CN=Users,{dc.base}"
    dc.start()
    dc.change(f"dn: CN=ana,{users}\nchangetype: modify\nadd: proxyAddresses\nproxyAddresses: SMTP:ana@example.test\nproxyAddresses: smtp:office@example.test\n\n"
              f"dn: CN=mailsvc,{users}\nchangetype: modify\nreplace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n\n")
    keytab = dc.folder / "mail.keytab"
    for service in ("imap", "smtp", "pop"):
        dc.tool(f"samba-tool domain exportkeytab {keytab} --principal={service}/{HOST} -s {dc.settings}")
    keytab.chmod(0o600)
    return keytab


def settings(mail, dc, keytab):
    secret = mail.folder / "reader-password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    head, first, rest = mail.config.read_text().partition("\n[[listener]]")
    rest = "\n".join('mechanisms = ["PLAIN", "GSSAPI", "NTLM"]' if line.startswith("mechanisms") else line for line in rest.split("\n"))
    head += f'\nkerberos.keytab_file = "{keytab}"\nkerberos.realms = ["{REALM}="]\n'
    head += f'ntlm.helper = "/usr/bin/ntlm_auth"\nntlm.smb_conf = "{dc.settings}"\nntlm.domains = ["CORP"]\nntlm.helpers = 3\n'
    rest += f"""
[[directory]]
name = "corp"
type = "ad"
servers = ["ldaps://127.0.0.1"]
ca_file = "{dc.ca}"
bind_dn = "CN=reader,CN=Users,{dc.base}"
bind_password_file = "{secret}"
base = "{dc.base}"
require_group = "CN=mailusers,CN=Users,{dc.base}"
fresh = "1s"
stale = "1s"
"""
    mail.config.write_text(head + first + rest)
    mail.restart()


def curl(mail, user, environment=None, password=""):
    """With tickets by GSSAPI, which curl does for names with a domain only; else by PLAIN."""
    auth = "GSSAPI" if environment else "PLAIN"
    done = subprocess.run(["curl", "-sS", "-m", "20", "--cacert", mail.ca, "--login-options", f"AUTH={auth}", "-u", f"{user}:{password}",
                           f"imaps://{HOST}:{mail.port('imaps')}/"], capture_output=True, env=environment, text=True)
    if done.returncode and environment:
        print(done.stderr)
    return done.returncode == 0


def ntlm(mail, user, password, protocol="imap"):
    port = mail.port({"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}[protocol])
    command = ["curl", "-sS", "-m", "20", "--cacert", mail.ca, "--login-options", "AUTH=NTLM", "-u", f"{user}:{password}", f"{protocol}s://{HOST}:{port}/"]
    if protocol == "smtp":
        command += ["--mail-from", "ana@example.test", "--mail-rcpt", "ben@example.test", "-T", "-"]
    return subprocess.run(command, input=b"Subject: by NTLM\r\n\r\nhello\r\n", capture_output=True).returncode == 0


def bad_passwords(dc, name):
    shown = dc.samba_tool(f"user show {name} --attributes=badPwdCount")
    return int(re.search(r"badPwdCount: (\d+)", shown)[1]) if "badPwdCount" in shown else 0


def try_ntlm(mail, dc):
    last = lambda: mail.events("auth", "login")[-1]  # noqa: E731
    helpers = lambda: json.loads(mail.run("status", "--json").stdout)["ntlm_helpers"]  # noqa: E731
    wait_until("winbind answers, and helpers live", lambda: ntlm(mail, "ana", PASSWORD), 90)
    assert len(helpers()) == 3, helpers()
    for user in ("ana", "CORP\\ana", "corp\\ana", "ana@corp.test", "ben"):
        for protocol in ("imap", "pop3", "smtp"):
            assert ntlm(mail, user, PASSWORD, protocol), (user, protocol, last())
            assert last()["mech"] == "NTLM" and last()["account"] == f"{'ben' if user == 'ben' else 'ana'}@example.test", last()
    print("logins by NTLM: names with and without domain, user principal names, IMAP, POP3 and SMTP")
    for user, password, reason in (("ana", "wrong", "NT_STATUS_"), ("nobody", PASSWORD, "nobody here"), ("nobody@corp.test", PASSWORD, "nobody here"),
                                   ("out", PASSWORD, "account disabled"), ("cleo", PASSWORD, "account disabled"), ("OTHER\\ana", PASSWORD, "not in ntlm.domains")):
        assert not ntlm(mail, user, password), user
        assert last()["verdict"] == "refused" and reason in last()["reason"], (user, last())
    assert ntlm(mail, "ana", PASSWORD)
    told = mail.run("directory", "test", "ana", "--password-stdin", input=PASSWORD + "\n").stdout
    assert "NTLM: the domain says it is CORP\\ana" in told, told
    print("refusals, and what `directory test` says")
    dc.samba_tool("domain passwordsettings set --account-lockout-threshold=5")
    for _ in range(12):
        assert not ntlm(mail, "ben", "old")
    assert bad_passwords(dc, "ben") <= 3, bad_passwords(dc, "ben")
    assert "not asked again" in last()["reason"], last()
    assert curl(mail, "ben", password=PASSWORD), "a device with an old password has not locked him out"
    assert "ben@example.test" in mail.run("guard", "stale").stdout
    mail.run("guard", "forget", "ben")
    assert ntlm(mail, "ben", PASSWORD), last()
    print("a client with an old password does not lock its owner out")
    before = helpers()
    for helper in before:
        os.kill(helper["pid"], signal.SIGKILL)
    wait_until("others have been started", lambda: all(new["state"] == "running" and new["restarts"] == old["restarts"] + 1 and new["pid"] != old["pid"]
                                                       for new, old in zip(helpers(), before)))
    wait_until("and serve", lambda: ntlm(mail, "ana", PASSWORD))
    print("helpers that are killed are started again")


def tickets(dc, name, password):
    (user,) = unpack("krb5-user")
    config = dc.folder / "krb5.conf"
    config.write_text(f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n rdns = false\n"
                      f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1\n }}\n[domain_realm]\n {HOST} = {REALM}\n")
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(dc.folder), "KRB5_CONFIG": str(config),
                   "KRB5CCNAME": f"FILE:{dc.folder}/tickets-{name}", "LD_LIBRARY_PATH": f"{user}/usr/lib/x86_64-linux-gnu"}
    done = subprocess.run([str(user / "usr/bin/kinit"), name], input=password + "\n", capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(user / "usr/bin/kvno"), f"imap/{HOST}"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return environment


def main():
    own_network()
    with DomainController(REALM) as dc:
        keytab = fill(dc)
        mail = Buzon(accounts=[], host=HOST)
        mail.prefix = tuple(dc.inside('exec "$0" "$@"'))   # where winbind is
        with mail:
            settings(mail, dc, keytab)
            last = lambda: mail.events("auth", "login")[-1]  # noqa: E731
            for user in ("ana", "ana@example.test", "office@example.test", "ana@corp.test", "ben"):
                assert curl(mail, user, password=PASSWORD), (user, last())
            assert last()["account"] == "ben@example.test", "a member by a group within the group"
            assert not curl(mail, "ana", password="wrong")
            for user in ("out", "cleo", "ana@other.test", "out@corp.test", "nobody@corp.test"):
                assert not curl(mail, user, password=PASSWORD), user
            told = mail.run("directory", "test", "ana@corp.test", "--password-stdin", input=PASSWORD + "\n").stdout
            assert "account: ana@example.test" in told and "This user can log in." in told, told
            print("logins by password: names, user principal names, proxyAddresses, nested groups, disabled")
            for name in ("ana", "ben"):
                assert curl(mail, f"{name}@example.test", tickets(dc, name, PASSWORD)), last()
                assert last()["account"] == f"{name}@example.test" and last()["mech"] == "GSSAPI", last()
            assert not curl(mail, "out@example.test", tickets(dc, "out", PASSWORD))
            assert "nobody here" in last()["reason"] or "disabled" in last()["reason"], last()
            print("logins by Kerberos")
            try_ntlm(mail, dc)
            with smtplib.SMTP("127.0.0.1", mail.port("smtp")) as client:
                for recipient in ("ana@example.test", "office@example.test", "ben@example.test"):
                    client.sendmail("stranger@outside.test", [recipient], f"Subject: to {recipient}\r\n\r\nhello\r\n")
            dc.samba_tool(f"user setpassword ana --newpassword={PASSWORD}-2")
            wait_until("the new password counts", lambda: curl(mail, "ana", password=PASSWORD + "-2"), 20)
            wait_until("the old one does not", lambda: not curl(mail, "ana", password=PASSWORD), 20)
            assert ntlm(mail, "ana", PASSWORD + "-2") and not ntlm(mail, "ana", PASSWORD)
            print("a password that was changed in the domain (pwdLastSet)")


if __name__ == "__main__":
    main()
