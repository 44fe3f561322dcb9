#!/usr/bin/env python3
"""Accounts of an Active Directory domain, with Samba's domain controller: logins by password and by Kerberos, addresses of proxyAddresses, nested
groups, disabled users, and passwords that are changed there."""
import pathlib
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
    rest = "\n".join('mechanisms = ["PLAIN", "GSSAPI"]' if line.startswith("mechanisms") else line for line in rest.split("\n"))
    head += f'\nkerberos.keytab_file = "{keytab}"\nkerberos.realms = ["{REALM}="]\n'
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
        with Buzon(accounts=[], host=HOST) as mail:
            settings(mail, dc, keytab)
            last = lambda: mail.events("auth", "login")[-1]  # noqa: E731
            for user in ("ana", "ana@example.test", "office@example.test", "ben"):
                assert curl(mail, user, password=PASSWORD), (user, last())
            assert last()["account"] == "ben@example.test", "a member by a group within the group"
            assert not curl(mail, "ana", password="wrong")
            for user in ("out", "cleo"):
                assert not curl(mail, user, password=PASSWORD), user
            print("logins by password: names, proxyAddresses, nested groups, disabled")
            for name in ("ana", "ben"):
                assert curl(mail, f"{name}@example.test", tickets(dc, name, PASSWORD)), last()
                assert last()["account"] == f"{name}@example.test" and last()["mech"] == "GSSAPI", last()
            assert not curl(mail, "out@example.test", tickets(dc, "out", PASSWORD))
            assert "nobody here" in last()["reason"] or "disabled" in last()["reason"], last()
            print("logins by Kerberos")
            with smtplib.SMTP("127.0.0.1", mail.port("smtp")) as client:
                for recipient in ("ana@example.test", "office@example.test", "ben@example.test"):
                    client.sendmail("stranger@outside.test", [recipient], f"Subject: to {recipient}\r\n\r\nhello\r\n")
            dc.samba_tool(f"user setpassword ana --newpassword={PASSWORD}-2")
            wait_until("the new password counts", lambda: curl(mail, "ana", password=PASSWORD + "-2"), 20)
            wait_until("the old one does not", lambda: not curl(mail, "ana", password=PASSWORD), 20)
            print("a password that was changed in the domain (pwdLastSet)")


if __name__ == "__main__":
    main()
