#!/usr/bin/env python3
"""Gateway and inside on two hosts: mail comes in and goes out through both, orders reach sessions across, and when the inside is away a phone hears
"later" and comes back by itself. Who has no certificate of ours, another key, or was revoked, is not let in."""
import contextlib
import imaplib
import os
import pathlib
import poplib
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import binary, wait_until  # noqa: E402
from sessions import Idle, bring, login_answer  # noqa: E402
from two_hosts import GatewayHost, Inside  # noqa: E402

def mail_moves(inside, gateway):
    idle = Idle(gateway, "ana")
    bring(gateway, "one")
    line = idle.line()
    assert b"1 EXISTS" in line, line
    idle.close()
    client = smtplib.SMTP("127.0.0.1", gateway.port("submission"), timeout=20)
    client.starttls(context=loopback(gateway))
    client.login(gateway.address("ana"), gateway.password("ana"))
    client.sendmail("ana@example.test", ["ben@example.test"], "From: ana@example.test\r\nTo: ben@example.test\r\nSubject: two\r\n\r\nhi\r\n")
    client.quit()
    wait_until("ben has it", lambda: gateway.count("ben") == 1, 10)
    wait_until("ana has her copy", lambda: gateway.count("ana", "Sent") == 1, 10)
    pop = poplib.POP3_SSL("127.0.0.1", gateway.port("pop3s"), context=loopback(gateway), timeout=20)
    pop.user(gateway.address("ben"))
    pop.pass_(gateway.password("ben"))
    assert pop.stat()[0] == 1
    pop.quit()
    big = b"x" * 60 + b"\r\n"
    body = b"Subject: big\r\n\r\n" + big * 100_000
    with gateway.imap("ana") as client:
        assert client.append("INBOX", None, None, body)[0] == "OK"
        client.select("INBOX")
        kind, data = client.fetch("2", "(BODY.PEEK[])")
        assert data[0][1] == body, len(data[0][1])
    with contextlib.suppress(imaplib.IMAP4.error):
        wrong = dict(gateway.passwords)
        gateway.passwords[gateway.address("ana")] = "wrong"
        try:
            answer = login_answer(gateway)
        finally:
            gateway.passwords.update(wrong)
        assert "NO [AUTHENTICATIONFAILED]" in answer, answer
    assert not (gateway.state / "mail").exists() and not (gateway.state / "auth").exists(), "the gateway's host keeps nothing"
    # The client's address is what the phone has, not the gateway's.
    addresses = {e.get("peer") for e in inside.events("mta", "session")}
    assert addresses and all(a and a.startswith("127.0.0.1") for a in addresses), addresses
    print("mail came in by 25, was seen in IDLE, went out by 587 with one copy in Sent; POP3; 6.2 MB there and back")


def loopback(mail):
    context = ssl.create_default_context(cafile=mail.ca)
    context.check_hostname = False
    return context


def orders_cross(inside, gateway):
    idle = Idle(gateway, "ben")
    begun = time.monotonic()
    inside.run("account", "disable", "ben@example.test")
    idle.bye()
    took = time.monotonic() - begun
    assert took < 2, took
    idle.close()
    inside.run("account", "enable", "ben@example.test")
    idle = Idle(gateway, "ben")
    for pid in inside.pid("mailstore"):
        os.kill(pid, signal.SIGKILL)
    idle.bye()
    idle.close()
    wait_until("ben logs in again", lambda: " OK" in login_answer(gateway, "ben"), 20)
    for pid in inside.pid("auth"):
        os.kill(pid, signal.SIGKILL)
    wait_until("ben logs in with the new auth", lambda: " OK" in login_answer(gateway, "ben"), 20)
    for pid in gateway.pid("connector"):
        os.kill(pid, signal.SIGKILL)
    wait_until("ben logs in with the new connector", lambda: " OK" in login_answer(gateway, "ben"), 20)
    for pid in inside.pid("inner"):
        os.kill(pid, signal.SIGKILL)
    wait_until("ben logs in with the new inner", lambda: " OK" in login_answer(gateway, "ben"), 20)
    print(f"disabled inside: BYE at the phone after {took * 1000:.0f} ms; roles killed on either side: sessions end with BYE, logins come back")


def inside_away(inside, gateway):
    idle = Idle(gateway, "ana")
    inside.stop()
    idle.bye()
    idle.close()
    wait_until("the gateway knows", lambda: "NO [UNAVAILABLE]" in login_answer(gateway), 10)
    pop = poplib.POP3_SSL("127.0.0.1", gateway.port("pop3s"), context=loopback(gateway), timeout=20)
    try:
        pop.user(gateway.address("ana"))
        pop.pass_(gateway.password("ana"))
        raise AssertionError("a login without the inside")
    except poplib.error_proto as error:
        assert b"[SYS/TEMP]" in error.args[0], error
    client = smtplib.SMTP("127.0.0.1", gateway.port("smtp"), timeout=20, local_hostname="mx.outside.test")
    client.ehlo()
    code, _ = client.mail("out@outside.test")
    assert code == 421, code
    client.close()
    client = smtplib.SMTP("127.0.0.1", gateway.port("submission"), timeout=20)
    client.starttls(context=loopback(gateway))
    try:
        client.login(gateway.address("ana"), gateway.password("ana"))
        raise AssertionError("a login without the inside")
    except smtplib.SMTPException as error:
        assert "454" in str(error) or "421" in str(error), error
    client.close()
    begun = time.monotonic()
    inside.serve()
    ready = time.monotonic()
    wait_until("logins come back", lambda: " OK" in login_answer(gateway), 15)
    print(f"inside away: BYE, NO [UNAVAILABLE], -ERR [SYS/TEMP], 421, 454; back {time.monotonic() - ready:.1f} s after it was "
          f"({ready - begun:.1f} s to start)")
    bring(gateway, "after")


def handshake(inside, role, certificate=None, key=None, maximum=None):
    """(version, bytes heard within 3 s) of a connection to an inner port; raises on a refused handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if maximum:
        context.maximum_version = maximum
    if certificate:
        context.load_cert_chain(certificate, key)
    with socket.create_connection((inside.address_inside, inside.inner_port(role)), 5) as raw:
        raw.settimeout(3)
        with context.wrap_socket(raw) as s:
            try:
                return s.version(), s.recv(1000)
            except TimeoutError:
                return s.version(), None


def refused(inside, role, **options):
    try:
        version, heard = handshake(inside, role, **options)
    except (ssl.SSLError, ConnectionError):
        return True
    assert not heard, (version, heard)
    return heard == b""


def strangers(inside, gateway):
    tls = gateway.state / "tls"
    own = dict(certificate=tls / "node.pem", key=tls / "node-key.pem")
    version, heard = handshake(inside, "auth", **own)
    assert version == "TLSv1.3" and heard, (version, heard)
    other = gateway.folder / "other"
    other.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", other / "key.pem",
                    "-out", other / "cert.pem", "-subj", "/CN=dmz1", "-addext", "subjectAltName=DNS:dmz1.gateway.nodes.buzon.internal",
                    "-days", "9"], check=True, capture_output=True)
    for role in ("auth", "mailstore", "mta"):
        assert refused(inside, role), f"{role}: no certificate"
        assert refused(inside, role, certificate=other / "cert.pem", key=other / "key.pem"), f"{role}: made by himself"
        assert refused(inside, role, certificate=gateway.state / "tls/certificate.pem", key=gateway.state / "tls/key.pem"), f"{role}: a server's"
        assert refused(inside, role, maximum=ssl.TLSVersion.TLSv1_2, **own), f"{role}: TLS 1.2"
    done = inside.run("node", "add", "dmz1", input="", check=False)
    assert done.returncode == 1, done
    print("refused on each inner port: no certificate, one of his own making, a public server's, TLS 1.2")


def revoked(inside, gateway):
    assert "dmz1: gateway, linked" in inside.run("node", "list").stdout
    idle = Idle(gateway, "ana")
    begun = time.monotonic()
    inside.run("node", "revoke", "dmz1")
    idle.bye()
    took = time.monotonic() - begun
    assert took < 1, took
    idle.close()
    wait_until("the gateway knows", lambda: "NO [UNAVAILABLE]" in login_answer(gateway), 5)
    tls = gateway.state / "tls"
    assert refused(inside, "auth", certificate=tls / "node.pem", key=tls / "node-key.pem")
    assert refused(inside, "mailstore", certificate=tls / "node.pem", key=tls / "node-key.pem")
    inside.restart()
    assert "revoked" in inside.run("node", "list").stdout
    assert refused(inside, "auth", certificate=tls / "node.pem", key=tls / "node-key.pem"), "after a restart"
    assert "NO [UNAVAILABLE]" in login_answer(gateway)
    request = subprocess.run(["openssl", "req", "-new", "-key", tls / "node-key.pem", "-subj", "/CN=x"], capture_output=True, text=True, check=True)
    assert inside.run("node", "add", "dmz1", input=request.stdout, check=False).returncode == 1, "the revoked key"
    # The host gets a new key, and is in again without a restart.
    (tls / "node-key.pem").unlink()
    request = subprocess.run([binary(), "node", "request", "dmz1", "--to", tls], capture_output=True, text=True, check=True).stdout
    (tls / "node.pem").write_text(inside.run("node", "add", "dmz1", input=request).stdout)
    gateway.run("reload")
    wait_until("logins come back", lambda: " OK" in login_answer(gateway), 15)
    print(f"revoked: cut after {took * 1000:.0f} ms, stays out over a restart and with the same key; in again with a new one")


def main():
    with Inside() as inside, GatewayHost(inside) as gateway:
        try:
            wait_until("the gateway is linked", lambda: " OK" in login_answer(gateway), 20)
            mail_moves(inside, gateway)
            orders_cross(inside, gateway)
            inside_away(inside, gateway)
            strangers(inside, gateway)
            revoked(inside, gateway)
            deadly = [e for mail in (inside, gateway) for e in mail.events("supervisor") if "SIGSYS" in str(e)]
            assert not deadly, deadly
        except BaseException:
            inside.show_logs()
            raise


if __name__ == "__main__":
    main()
