#!/usr/bin/env python3
"""Apple's push for mail, against a service of ours that speaks its HTTP/2 and demands its client certificate: a phone registers by XAPPLEPUSHSERVICE and is
woken when mail comes, once; devices that are gone are forgotten; a service that is down delays no mail and is tried again; without a certificate there is
not a word of it."""
import contextlib
import json
import pathlib
import smtplib
import socket
import ssl
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from apple_push_service import TOPIC, ApplePushService, push_certificate  # noqa: E402
from buzon import Buzon, wait_until  # noqa: E402

BOUND = 15   # seconds for a push: one to gather, ten between two of one device, and to spare
ACCOUNT = "0715A26B-CA09-4730-A419-793000CA982E"


def token(number):
    return f"{number:064x}"


class Phone:
    def __init__(self, mail, name):
        self.socket = mail.connect("imaps")
        self.lines = self.socket.makefile("rb")
        self.greeting = self.lines.readline().decode()
        self.welcome = self.ask(f"LOGIN {mail.address(name)} {mail.password(name)}")[-1]

    def ask(self, command):
        """All lines of the answer."""
        self.socket.sendall(f"a {command}\r\n".encode())
        lines = []
        while not lines or not lines[-1].startswith("a "):
            lines.append(self.lines.readline().decode().rstrip("\r\n"))
            assert lines[-1], "the session ended"
        return lines

    def register(self, number, mailboxes="(INBOX Notes)", account=ACCOUNT):
        answer = self.ask(f"XAPPLEPUSHSERVICE aps-version 2 aps-account-id {account} aps-device-token {token(number)} "
                          f"aps-subtopic com.apple.mobilemail mailboxes {mailboxes}")
        assert answer == [f'* XAPPLEPUSHSERVICE aps-version "2" aps-topic "{TOPIC}"', "a OK XAPPLEPUSHSERVICE completed"], answer
        return token(number)

    def append(self, mailbox):
        text = "Subject: mine\r\n\r\nx\r\n"
        self.socket.sendall(f"a APPEND {mailbox} {{{len(text)}+}}\r\n{text}\r\n".encode())
        while not (line := self.lines.readline()).startswith(b"a "):
            assert line
        assert line.startswith(b"a OK"), line


def deliver(mail, name, count=1):
    before = mail.count(name)
    with smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=20) as outside:
        for number in range(count):
            outside.sendmail("x@outside.test", [mail.address(name)], f"Subject: n{number}\r\nMessage-ID: <{time.time_ns()}@x>\r\n\r\nhello\r\n")
    wait_until("the mail is there", lambda: mail.count(name) == before + count)


def pushed(apple, device, more=1, seconds=BOUND):
    """The last push, when there are `more` than none to the device."""
    wait_until(f"push {more} of {device[-4:]}", lambda: len(apple.pushes_to(device)) >= more, seconds)
    assert len(apple.pushes_to(device)) == more, apple.pushes_to(device)
    return apple.pushes_to(device)[-1]


def is_registered_and_woken(mail, apple):
    phone = Phone(mail, "ana")
    assert " XAPPLEPUSHSERVICE" in phone.greeting and " XAPPLEPUSHSERVICE" in phone.welcome, (phone.greeting, phone.welcome)
    device, tablet = phone.register(1), Phone(mail, "ana").register(2, "(Archive)", "TABLET-1")
    began = int(time.time())
    deliver(mail, "ana", 5)
    push = pushed(apple, device)
    assert push["method"] == "POST" and push["path"] == f"/3/device/{device}", push
    assert json.loads(push["body"]) == {"aps": {"account-id": ACCOUNT}}, push
    headers = push["headers"]
    assert began + 86400 <= int(headers.pop("apns-expiration")) <= time.time() + 86401, headers
    assert headers == {"apns-topic": TOPIC, "apns-push-type": "background", "apns-priority": "5", "content-type": "application/json"}, headers
    assert apple.connections[0] == {"connection": 1, "protocol": "h2", "client": TOPIC}, apple.connections
    assert not apple.pushes_to(tablet), "mail in INBOX is nothing to who asked for Archive"
    # A phone's own message is no news to the phone, but to others it is.
    other = Phone(mail, "ana")
    second = other.register(3)
    other.append("INBOX")
    other.append("Archive")
    pushed(apple, tablet)
    pushed(apple, device, 2)
    assert not apple.pushes_to(second), apple.pushes_to(second)
    phone.append("INBOX")
    pushed(apple, second)
    wait_until("it is said in the log", lambda: len(mail.events("admin", "push_sent")) >= 4)


def one_that_is_gone_is_forgotten(mail, apple):
    for number, answer in {11: dict(status=410, body={"reason": "Unregistered", "timestamp": int(time.time() * 1000) + 60_000}),
                           12: dict(status=400, body={"reason": "BadDeviceToken"}),
                           13: dict(status=400, body={"reason": "DeviceTokenNotForTopic"})}.items():
        apple.answer(token(number), **answer)
        Phone(mail, "ben").register(number)
    # What Apple says of an earlier time is void: this device has registered since.
    apple.answer(token(14), status=410, body={"reason": "Unregistered", "timestamp": int(time.time() * 1000) - 3_600_000})
    Phone(mail, "ben").register(14)
    deliver(mail, "ben")
    for number in (11, 12, 13, 14):
        pushed(apple, token(number))
    wait_until("three answers are taken in", lambda: len(mail.events("mailstore", "push_device_gone")) == 3)
    deliver(mail, "ben")
    for number in (13, 14):
        pushed(apple, token(number), 2)
    for number in (11, 12):
        pushed(apple, token(number), 1)
    assert len({push["connection"] for push in apple.pushes}) == 1, "one connection serves all"


def a_service_that_is_down_delays_no_mail(mail, apple):
    device = Phone(mail, "eva").register(21)
    apple.stop()
    began = time.monotonic()
    deliver(mail, "eva")
    assert time.monotonic() - began < 10, "the mail has waited"
    wait_until("that is said", lambda: any("cannot be reached" in e["why"] for e in mail.events("admin", "push_not_sent")), BOUND)
    apple.start(status=503, body={"reason": "ServiceUnavailable"})
    wait_until("it is tried again", lambda: apple.pushes_to(device), 60)
    apple.answer(status=500)
    wait_until("and again", lambda: apple.pushes_to(device)[-1]["status"] == 500, 60)
    apple.answer(status=200)
    wait_until("and again, until it is taken", lambda: apple.pushes_to(device)[-1]["status"] == 200, 60)
    times = len(apple.pushes_to(device))
    # A service that takes its time holds up nobody.
    apple.answer(status=200, wait=4000)
    deliver(mail, "eva")
    began = time.monotonic()
    pushed(apple, device, times + 1)
    deliver(mail, "eva")
    assert time.monotonic() - began < 10
    apple.answer(status=200)


def registrations_survive_a_restart(mail, apple):
    mail.restart()
    device, seen = token(21), len(apple.pushes_to(token(21)))
    deliver(mail, "eva")
    wait_until("the phone is woken without registering again", lambda: len(apple.pushes_to(device)) > seen, BOUND)
    report = mail.run("verify", check=False)
    assert report.returncode == 0, report.stdout + report.stderr


@contextlib.contextmanager
def old_http(apple):
    """A server with Apple's certificate that knows HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(apple.chain, apple.key)
    context.set_alpn_protocols(["http/1.1"])
    listening = socket.create_server(("127.0.0.1", apple.port))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                raw, _ = listening.accept()
                with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as s:
                    s.recv(65536)
                    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def what_is_no_push_service_is_found_out(mail, apple):
    apple.stop()
    with old_http(apple):
        Phone(mail, "ben").register(31)
        deliver(mail, "ben")
        wait_until("HTTP/1.1 is not taken for it", lambda: any("HTTP/2" in e["why"] for e in mail.events("admin", "push_not_sent")), 60)
    apple.start()


def no_certificate_no_word(mail, apple):
    good = mail.config.read_text()
    plan = mail.run("network", "plan").stdout
    assert f"tcp/{apple.port} " in plan and "Apple's push service" in plan, plan
    # What would not do is refused in plain words, and the old settings stay.
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        for topic, words in (None, "no user id"), ("com.apple.mgmt.External.x", "com.apple.mail"):
            _, chain, key = push_certificate(folder, topic)
            mail.config.write_text(good.replace(str(apple.client_chain), str(chain)).replace(str(apple.client_key), str(key)))
            refused = mail.run("reload", check=False)
            assert refused.returncode != 0 and words in refused.stdout + refused.stderr, (refused.stdout, refused.stderr)
    mail.config.write_text(good.partition("\n[apns]")[0])
    mail.run("reload")
    phone = Phone(mail, "ana")
    assert "XAPPLE" not in phone.greeting + phone.welcome + "".join(phone.ask("CAPABILITY")), phone.greeting
    answer = phone.ask(f"XAPPLEPUSHSERVICE aps-version 2 aps-account-id X aps-device-token {token(1)} aps-subtopic com.apple.mobilemail mailboxes (INBOX)")
    assert answer == ["a BAD Unknown command"], answer
    assert "Apple" not in mail.run("network", "plan").stdout
    deliver(mail, "ana")
    mail.config.write_text(good)
    mail.run("reload")
    phone = Phone(mail, "ana")
    assert " XAPPLEPUSHSERVICE" in phone.greeting and " XAPPLEPUSHSERVICE" in phone.welcome, phone.greeting
    device = phone.register(41)
    deliver(mail, "ana")
    pushed(apple, device)


def main():
    with tempfile.TemporaryDirectory(prefix="apple-") as folder:
        pathlib.Path(folder).chmod(0o755)
        apple = ApplePushService(folder)
        try:
            with Buzon(accounts=["ana", "ben", "eva"], settings=apple.settings()) as mail:
                for step in (is_registered_and_woken, one_that_is_gone_is_forgotten, a_service_that_is_down_delays_no_mail,
                             registrations_survive_a_restart, what_is_no_push_service_is_found_out, no_certificate_no_word):
                    began = time.monotonic()
                    step(mail, apple)
                    print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        finally:
            apple.stop()


if __name__ == "__main__":
    main()
