#!/usr/bin/env python3
"""The journey out: four clients over three ports with every mechanism, through a real Postfix as smart host and by MX to it; exactly one copy in
Sent; and everything that must be refused, with its code and nothing lost."""
import email
import json
import os
import pathlib
import re
import smtplib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
import clients  # noqa: E402
from buzon import ROOT, Buzon, wait_until  # noqa: E402
from smtp import Submission  # noqa: E402
from strangers import Exim, Postfix, free_port  # noqa: E402

MECHANISMS = '["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]'


def text(subject, to, sender="ana@example.test", extra=""):
    return (f"From: Ana <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@phone.test>\r\n"
            f"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n{extra}\r\nhello {subject}\r\n")


# --- clients: each sends one message and returns (exit status or code, output) ---
def by_smtplib(mail, service, mechanism, subject, to):
    client = Submission(mail, service).secure()
    client.user, client.password = mail.address("ana"), mail.password("ana")
    client.auth(mechanism, getattr(client, "auth_" + mechanism.lower().replace("-", "_")))
    client.sendmail(mail.address("ana"), [to], text(subject, to).encode())
    client.quit()


def checked(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, (command[:6], done.returncode, done.stdout[-1200:], done.stderr[-1200:])
    return done


def by_swaks(mail, service, mechanism, subject, to):
    tls = ["--tls-on-connect"] if service == "submissions" else ["--tls"]
    checked(["swaks", "--server", "127.0.0.1", "--port", str(mail.port(service)), *tls, "--tls-ca-path", mail.ca, "--auth", mechanism,
             "--auth-user", mail.address("ana"), "--auth-password", mail.password("ana"), "--from", mail.address("ana"), "--to", to,
             "--data", text(subject, to).replace("\r\n", "\\n"), "--helo", "phone.test"])


def by_curl(mail, service, mechanism, subject, to):
    scheme = "smtps" if service == "submissions" else "smtp"
    file = mail.folder / "curl.eml"
    file.write_bytes(text(subject, to).encode())
    checked(["curl", "-sS", "--ssl-reqd", "--cacert", mail.ca, "--connect-to", f"{mail.host}:{mail.port(service)}:127.0.0.1:{mail.port(service)}",
             f"{scheme}://{mail.host}:{mail.port(service)}/phone.test", "--login-options", f"AUTH={mechanism}",
             "-u", f"{mail.address('ana')}:{mail.password('ana')}", "--mail-from", mail.address("ana"), "--mail-rcpt", to, "-T", str(file)])


def by_nodemailer(mail, service, mechanism, subject, to):
    options = dict(host="127.0.0.1", port=mail.port(service), secure=service == "submissions", requireTLS=True, servername=mail.host, ca=mail.ca,
                   user=mail.address("ana"), password=mail.password("ana"), method=mechanism, sender=mail.address("ana"), to=to,
                   raw=text(subject, to))
    checked(["node", str(ROOT / "tests/interop/node/send.mjs")], input=json.dumps(options))


def by_msmtp(mail, service, mechanism, subject, to):
    config = mail.folder / "msmtprc"
    config.write_text(f"account a\nhost 127.0.0.1\nport {mail.port(service)}\ntls on\ntls_trust_file {mail.ca}\ntls_host_override {mail.host}\n"
                      f"tls_starttls {'off' if service == 'submissions' else 'on'}\nauth {mechanism.lower()}\nuser {mail.address('ana')}\n"
                      f"password {mail.password('ana')}\nfrom {mail.address('ana')}\n")
    config.chmod(0o600)
    checked(["msmtp", "-C", str(config), "-a", "a", to], input=text(subject, to).replace("\r\n", "\n"))


CLIENTS = {"smtplib": (by_smtplib, ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]), "swaks": (by_swaks, ["PLAIN", "LOGIN", "CRAM-MD5"]),
           "curl": (by_curl, ["PLAIN", "LOGIN", "CRAM-MD5"]), "nodemailer": (by_nodemailer, ["PLAIN", "LOGIN", "CRAM-MD5"]),
           "msmtp": (by_msmtp, ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])}


def sent_copies(mail, subject):
    with mail.imap("ana", "Sent") as client:
        kind, data = client.search(None, "HEADER", "Message-ID", f"<{subject}@phone.test>")
        return len(data[0].split())


def arrived(peer, subject):
    return [p for p in peer.received() if f"Message-ID: <{subject}@phone.test>" in p.read_text(errors="replace")]


def matrix(mail, peer):
    count = 0
    for name, (send, mechanisms) in CLIENTS.items():
        for service in ("submission", "submissions", "smtp"):
            for mechanism in mechanisms:
                subject = f"m-{name}-{service}-{mechanism}".lower()
                send(mail, service, mechanism, subject, "out@outside.test")
                wait_until(f"{subject} at the smart host", lambda: len(arrived(peer, subject)) == 1, 20)
                wait_until(f"{subject} in Sent", lambda: sent_copies(mail, subject) == 1, 10)
                count += 1
    wait_until("queue empty", lambda: queue_empty(mail), 20)
    assert mail.count("ana", "Sent") == len(peer.received()) == count, (mail.count("ana", "Sent"), len(peer.received()), count)
    wanted = sorted(mechanism for _, mechanisms in CLIENTS.values() for mechanism in mechanisms * 3)
    used = sorted(e["mech"] for e in mail.events("auth", "login") if e["service"] == "submission" and "reason" not in e)
    assert used == wanted, (used, wanted)
    print(f"{count} cells of client x port x mechanism: each arrived once through Postfix and lies once in Sent")
    assert "sasl_method=SCRAM-SHA-256" in (peer.folder / "log").read_text(), "the smart host offers SCRAM and we logged in otherwise"
    head = email.message_from_bytes(arrived(peer, "m-curl-submission-plain")[0].read_bytes())
    assert any("ESMTPSA" in r for r in head.get_all("Received")), head.get_all("Received")


def append_then_one_copy(mail, peer):
    """The client files its own copy: there is still one, whichever came first; a different body is another message."""
    for order in ("append-last", "append-first"):
        subject = f"own-copy-{order}"
        body = text(subject, "out@outside.test")
        if order == "append-first":
            append_sent(mail, body)
        by_body(mail, body)
        if order == "append-last":
            wait_until("our copy", lambda: sent_copies(mail, subject) == 1, 10)
            uid = append_sent(mail, body)
            with mail.imap("ana", "Sent") as client:
                kind, data = client.uid("SEARCH", "HEADER", "Message-ID", f"<{subject}@phone.test>")
                assert data[0].split() == [uid], (data, uid)
        wait_until("arrival", lambda: len(arrived(peer, subject)) == 1, 20)
        wait_until("queue empty", lambda: queue_empty(mail), 20)
        assert sent_copies(mail, subject) == 1, order
    append_sent(mail, text("own-copy-append-last", "out@outside.test").replace("hello", "HELLO"))
    assert sent_copies(mail, "own-copy-append-last") == 2
    print("Sent holds one copy with the client's own APPEND before or after; different bodies stay two")


def bcc_stays_at_home(mail, peer):
    """The Sent copy is the message as submitted, Bcc and all, byte for byte; nobody else sees that field, and a missing Date is added to both."""
    body = text("blind", "out@outside.test", extra="Bcc: secret@outside.test,\r\n ben@example.test\r\n").replace("Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n", "")
    client = Submission(mail).secure()
    client.login(mail.address("ana"), mail.password("ana"))
    client.sendmail(mail.address("ana"), ["out@outside.test", "secret@outside.test", mail.address("ben")], body.encode())
    client.quit()
    wait_until("arrival", lambda: len(arrived(peer, "blind")) == 2, 20)   # Postfix writes a file for each of its recipients
    wait_until("queue empty", lambda: queue_empty(mail), 20)
    outside = [email.message_from_bytes(path.read_bytes()) for path in arrived(peer, "blind")]
    with mail.imap("ben", "INBOX") as box:
        outside.append(email.message_from_bytes(box.fetch("1", "(BODY.PEEK[])")[1][0][1]))
    assert all(m["Bcc"] is None and m["Date"] for m in outside), [m.items() for m in outside]
    with mail.imap("ana", "Sent") as box:
        number = box.search(None, "HEADER", "Message-ID", "<blind@phone.test>")[1][0].decode()
        (head, sent), rest = box.fetch(number, "(FLAGS BODY.PEEK[])")[1]
    assert b"\\Seen" in head + rest, (head, rest)
    assert re.sub(rb"(?m)^Date: .*\r\n", b"", sent) == body.encode() and b"\r\nDate: " in b"\r\n" + sent, sent
    print("Bcc stays in the Sent copy, which is byte for byte what was submitted (and the Date that was missing), and is in no other")


def by_body(mail, body):
    client = Submission(mail).secure()
    client.login(mail.address("ana"), mail.password("ana"))
    client.sendmail(mail.address("ana"), ["out@outside.test"], body.encode())
    client.quit()


def append_sent(mail, body):
    with mail.imap("ana") as client:
        kind, data = client.append("Sent", "(\\Seen)", None, body.encode())
        assert kind == "OK", data
        return re.search(rb"APPENDUID \d+ (\d+)", data[0]).group(1)


def queue_empty(mail):
    listing = json.loads(mail.run("queue", "list", "--json").stdout)
    return not (listing if isinstance(listing, list) else listing.get("messages"))


def refusals(mail, peer):
    before = len(peer.received())
    client = Submission(mail).secure()
    code, _ = client.docmd("MAIL", "FROM:<ana@example.test>")
    assert code == 530, code
    try:
        client.login(mail.address("ana"), "wrong")
        raise AssertionError("a wrong password was accepted")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535 and error.smtp_error.startswith(b"5.7.8"), error
    client.login(mail.address("ana"), mail.password("ana"))
    code, reply = client.mail("ben@example.test")
    if code == 250:
        code, reply = client.rcpt("out@outside.test")
    assert code in (550, 553) and b"5.7.1" in reply, (code, reply)
    client.rset()
    code, reply = client.mail("ana@example.test", ["SIZE=999999999"])
    assert code == 552 and b"5.3.4" in reply, (code, reply)
    code, reply = client.mail("ana@example.test")
    code, reply = client.rcpt("nobody@example.test")
    assert code == 550 and b"5.1.1" in reply, (code, reply)
    client.quit()
    stranger = Submission(mail, "smtp")
    stranger.ehlo()
    stranger.mail("x@outside.test")
    code, reply = stranger.rcpt("y@elsewhere.test")
    assert code in (550, 554) and b"5.7.1" in reply, (code, reply)
    code, reply = stranger.rcpt(mail.address("ben"))
    assert code == 250, (code, reply)
    stranger.quit()
    # larger than announced: refused at the end, the session goes on
    client = Submission(mail).secure()
    client.login(mail.address("ana"), mail.password("ana"))
    client.mail("ana@example.test")
    client.rcpt("out@outside.test")
    code, _ = client.docmd("DATA")
    chunk = b"x" * 998 + b"\r\n"
    try:
        for _ in range(2300):
            client.sock.sendall(chunk * 4)
        client.send(b".\r\n")
        code, reply = client.getreply()
        assert code == 552, (code, reply)
    except (BrokenPipeError, ConnectionResetError, smtplib.SMTPServerDisconnected):
        print("oversize: the connection was ended")
    assert len(peer.received()) == before
    print("refused: MAIL before AUTH 530, wrong password 535 5.7.8, foreign sender 5.7.1, SIZE 552 5.3.4, unknown user 550 5.1.1, relay 5.7.1, oversize 552")


def bad_certificate(peer):
    """The smart host's certificate is not what it should be: nothing is sent, nothing is lost, and it goes when the certificate is right."""
    wrong = peer.folder / "wrong-ca.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", os.devnull, "-out", str(wrong),
                    "-subj", "/CN=Another CA"], check=True, capture_output=True)
    with Buzon(settings=smart_host(peer, wrong)) as mail:
        by_body(mail, text("bad-certificate", "out@outside.test"))
        wait_until("deferred", lambda: "certificate" in mail.run("queue", "list").stdout.lower(), 20)
        wait_until("the Sent copy to be filed", lambda: len(json.loads(mail.run("queue", "list", "--json").stdout)[0]["recipients"]) == 1, 20)
        waiting, = json.loads(mail.run("queue", "list", "--json").stdout)
        recipient, = waiting["recipients"]
        assert waiting["qid"] == mail.events("mta", "queued")[-1]["qid"], waiting
        assert recipient["to"] == "out@outside.test" and "certificate" in recipient["last_reply"].lower(), recipient
        print("  " + mail.run("queue", "list").stdout.strip().splitlines()[-1].strip())
        assert not arrived(peer, "bad-certificate")
        mail.stop()
        config = mail.config.read_text()
        mail.config.write_text(config.replace(str(wrong), str(peer.ca)))
        mail.serve()
        mail.run("queue", "flush")
        wait_until("arrival after the repair", lambda: len(arrived(peer, "bad-certificate")) == 1, 20)
        assert sent_copies(mail, "bad-certificate") == 1
    print("bad certificate of the smart host: kept in the queue, said in its listing, delivered once after the repair")


def by_mx():
    with Exim(domain="outside.test") as peer:
        zone = peer.folder / "dns.conf"
        zone.write_text('server:\n  do-not-query-localhost: no\n  local-zone: "test." static\n'
                        '  local-data: "outside.test. MX 10 mail.outside.test."\n  local-data: "mail.outside.test. A 127.0.0.1"\n'
                        '  local-data: "nomail.test. MX 0 ."\n')
        settings = f'[mx]\nport = {peer.smtp_port}\n[dns]\nconfig_file = "{zone}"\n'
        with Buzon(settings=settings) as mail:
            by_body(mail, text("by-mx", "out@outside.test"))
            wait_until("arrival by MX", lambda: len(arrived(peer, "by-mx")) == 1, 20)
            # nobody home: a bounce comes to the sender, once
            client = Submission(mail).secure()
            client.login(mail.address("ana"), mail.password("ana"))
            client.sendmail(mail.address("ana"), ["x@nomail.test"], text("null-mx", "x@nomail.test").encode())
            client.quit()

            def bounced():
                with mail.imap("ana", "INBOX") as box:
                    kind, data = box.search(None, "FROM", "MAILER-DAEMON")
                    return data[0].split()
            wait_until("the notification", lambda: len(bounced()) == 1, 20)
            with mail.imap("ana", "INBOX") as box:
                raw = box.fetch(bounced()[0].decode(), "(BODY.PEEK[])")[1][0][1]
            report = email.message_from_bytes(raw)
            assert report.get_content_type() == "multipart/report" and report["Return-Path"] == "<>", raw[:600]
            status = [p for p in report.walk() if p.get_content_type() == "message/delivery-status"][0].as_string()
            assert "x@nomail.test" in status and "Action: failed" in status, status
            wait_until("queue empty", lambda: queue_empty(mail), 20)
    print("by MX to Exim: arrived; a domain with a null MX: one notification (multipart/report, null return path), queue empty")


def smart_host(peer, ca):
    secret = peer.folder / "smarthost.secret"
    secret.write_text("secret\n")
    secret.chmod(0o600)
    zone = peer.folder / "host.conf"
    zone.write_text('server:\n  local-zone: "test." static\n  local-data: "mail.outside.test. A 127.0.0.1"\n')
    return (f'[smart_host]\nhost = "mail.outside.test"\nport = {peer.submission_port}\nuser = "buzon@outside.test"\npassword_file = "{secret}"\n'
            f'ca_file = "{ca}"\n[dns]\nconfig_file = "{zone}"\n')


def main():
    clients.node_modules()
    started = time.monotonic()
    with Postfix(mechanisms="plain login cram-md5 scram-sha-256") as peer:
        with Buzon(settings=smart_host(peer, peer.ca) + '[mta]\nmax_message = "8MiB"\n', secrets="cram-md5") as mail:
            allow_mechanisms(mail)
            matrix(mail, peer)
            append_then_one_copy(mail, peer)
            bcc_stays_at_home(mail, peer)
            refusals(mail, peer)
            assert mail.run("verify").returncode == 0
        bad_certificate(peer)
    by_mx()
    print(f"send: {time.monotonic() - started:.0f} s")


def allow_mechanisms(mail):
    """CRAM-MD5 is off by default: switch it on for every listener and reload."""
    mail.stop()
    config = mail.config.read_text()
    config, count = re.subn(r"(?m)^#?\s*mechanisms\s*=.*$", f"mechanisms = {MECHANISMS}", config)
    assert count, "no mechanisms key in the config"
    mail.config.write_text(config)
    mail.serve()


if __name__ == "__main__":
    main()
