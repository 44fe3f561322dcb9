#!/usr/bin/env python3
"""Devices of one account with passwords of their own: revoking one ends its live sessions within a second and leaves the others; end, scope and
devices-only are kept; what was added or revoked survives a kill right after the answer."""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from buzon import Buzon, wait_until  # noqa: E402
from orders import Line  # noqa: E402


def add(mail, name, *options):
    done = mail.run("device", "add", mail.address("ana"), "--name", name, *options, "--json")
    return json.loads(done.stdout)["password"]


def listed(mail):
    found = json.loads(mail.run("device", "list", mail.address("ana"), "--json").stdout)
    assert found["complete"], found
    return {device["name"]: device for device in found["devices"]}, found


def login(mail, password, user=None):
    line = Line(mail, "imaps")
    line.say(f'a LOGIN "{user or mail.address("ana")}" "{password}"')
    return line, line.until(b"a ")


def idling(mail, password):
    line, answer = login(mail, password)
    assert answer.startswith(b"a OK"), answer
    line.say('i ID ("name" "iPhone Mail" "version" "22C161")')
    line.until(b"i OK")
    line.say("b SELECT INBOX")
    line.until(b"b OK")
    line.say("c IDLE")
    line.until(b"+")
    return line


def idles(line):
    line.say("DONE")
    assert b"OK" in line.until(b"c ")
    line.say("c IDLE")
    line.until(b"+")


def submission(mail, password):
    line = Line(mail, "submissions")
    line.say("EHLO here")
    line.until(b"250 ")
    line.say("AUTH PLAIN " + base64.b64encode(f"\0{mail.address('ana')}\0{password}".encode()).decode())
    return line, line.hear()


def pop3(mail, password):
    line = Line(mail, "pop3s")
    line.say("USER " + mail.address("ana"))
    line.hear()
    line.say("PASS " + password)
    return line.hear()


def scram(mail, user, password):
    """SCRAM-SHA-256 (RFC 7677) to its end; what the server says last."""
    line, nonce = Line(mail, "imaps"), base64.b64encode(os.urandom(12)).decode()
    bare = f"n={user},r={nonce}"
    line.say("a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(f"n,,{bare}".encode()).decode())
    first = base64.b64decode(line.until(b"+")[2:]).decode()
    fields = dict(item.split("=", 1) for item in first.split(","))
    final = "c=biws,r=" + fields["r"]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), f"{bare},{first},{final}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    line.say(base64.b64encode(f"{final},p={proof}".encode()).decode())
    answer = line.hear()
    if answer.startswith(b"+"):
        line.say("")
        answer = line.until(b"a ")
    return answer


def one_goes_the_other_stays(mail):
    iphone, ipad = add(mail, "iPhone de Ana"), add(mail, "iPad")
    first, second, third = idling(mail, iphone), idling(mail, iphone.upper().replace("-", "")), idling(mail, ipad)
    writer, answer = submission(mail, iphone)
    assert answer.startswith(b"235"), answer
    by_device, found = listed(mail)
    assert by_device["iPhone de Ana"]["sessions"] == 3 and by_device["iPad"]["sessions"] == 1, found
    assert by_device["iPhone de Ana"]["address"] == "127.0.0.1", found
    wait_until("the client's name is known", lambda: listed(mail)[0]["iPad"]["client"] == "iPhone Mail 22C161")
    began = time.monotonic()
    mail.run("device", "revoke", mail.address("ana"), "iphone-de-ana")
    told = time.monotonic()
    heard = first.ended_within(told, 1.0)
    took = time.monotonic() - told
    assert b"* BYE" in heard, heard
    assert b"* BYE" in second.ended_within(told, 1.0)
    writer.ended_within(told, 1.0)
    print(f"revoked: the command took {(told - began) * 1000:.0f} ms, BYE was read {took * 1000:.1f} ms after its answer, "
          f"all three sessions were gone {(time.monotonic() - told) * 1000:.1f} ms after it")
    idles(third)
    assert login(mail, iphone)[1].startswith(b"a NO [AUTHENTICATIONFAILED]")
    assert scram(mail, mail.address("ana") + "/iphone-de-ana", iphone).startswith(b"a NO")
    assert scram(mail, mail.address("ana") + "/ipad", ipad).startswith(b"a OK")
    return third, ipad


def scope_and_end(mail):
    printer = add(mail, "Printer", "--protocols", "submission")
    assert submission(mail, printer)[1].startswith(b"235")
    answer = login(mail, printer)[1]
    assert answer.startswith(b"a NO [AUTHORIZATIONFAILED] This device may not use IMAP"), answer
    assert pop3(mail, printer).startswith(b"-ERR [AUTH] This device may not use POP3")
    reader = add(mail, "Reader", "--protocols", "imap")
    answer = submission(mail, reader)[1]
    assert answer.startswith(b"535 5.7.0 This device may not use submission"), answer
    past = mail.run("device", "add", mail.address("ana"), "--name", "Past", "--expires", "2020-01-01", check=False)
    assert past.returncode == 1 and "is past" in past.stderr, past
    wrong = mail.run("device", "add", mail.address("ana"), check=False)
    assert wrong.returncode == 2 and "--name" in wrong.stderr, wrong


def devices_only(mail, ipad_line, ipad):
    mail.run("device", "only", mail.address("ana"), "on")
    ipad_line.ended_within(time.monotonic(), 1.0)   # the phone comes back by itself
    assert login(mail, mail.password("ana"))[1].startswith(b"a NO [AUTHENTICATIONFAILED]")
    assert login(mail, ipad)[1].startswith(b"a OK")
    mail.run("device", "only", mail.address("ana"), "off")
    assert login(mail, mail.password("ana"))[1].startswith(b"a OK")


def a_kill_takes_nothing_back(mail, ipad):
    """auth is killed (no flush, no goodbye) as soon as the command has answered."""
    def kill():
        (pid,) = mail.pid("auth")
        os.kill(pid, signal.SIGKILL)
        wait_until("auth is back", lambda: mail.pid("auth") not in ([], [pid]) and
                   mail.run("status", check=False).returncode == 0, 30)
    watch = add(mail, "Watch")
    kill()
    wait_until("auth lets the new device in", lambda: login(mail, watch)[1].startswith(b"a OK"))
    mail.run("device", "revoke", mail.address("ana"), "Watch")
    kill()
    wait_until("auth lets the other in", lambda: login(mail, ipad)[1].startswith(b"a OK"))
    assert login(mail, watch)[1].startswith(b"a NO [AUTHENTICATIONFAILED]")


def no_secret_in_a_log(mail, passwords):
    logs = "".join(path.read_text(errors="replace") for path in (mail.state / "log").glob("*.log"))
    for password in passwords:
        assert password not in logs and password.replace("-", "") not in logs


def disabling_ends_all(mail, ipad):
    lines = [idling(mail, ipad), idling(mail, mail.password("ana"))]
    mail.run("account", "disable", mail.address("ana"))
    told = time.monotonic()
    for line in lines:
        assert b"* BYE" in line.ended_within(told, 1.0)
    assert login(mail, ipad)[1].startswith(b"a NO")


def main():
    with Buzon(accounts=["ana", "ben"]) as mail:
        line, ipad = one_goes_the_other_stays(mail)
        scope_and_end(mail)
        devices_only(mail, line, ipad)
        a_kill_takes_nothing_back(mail, ipad)
        no_secret_in_a_log(mail, [ipad, mail.password("ana")])
        disabling_ends_all(mail, ipad)
    print("devices: done")


if __name__ == "__main__":
    main()
