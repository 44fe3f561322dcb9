#!/usr/bin/env python3
"""Plays both journeys of a mail with stock clients (swaks and curl) and prints them step by step with the real data of the roles' event logs.
Exits 1, with the step that failed, when one does not come through."""
import argparse
import pathlib
import re
import subprocess
import sys
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
for name in ("state", "outside", "host", "listen"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--port-base", type=int, required=True)
parser.add_argument("--outside-base", type=int, required=True)
options = parser.parse_args()
state, outside = pathlib.Path(options.state), pathlib.Path(options.outside)
reach = "127.0.0.1" if options.listen in ("0.0.0.0", "::") else options.listen
accounts = dict(line.split() for line in (state / "demo-accounts").read_text().splitlines())
nonce = format(time.time_ns(), "x")


def events(folder, role):
    path = folder / "log" / f"{role}.log"
    out = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        parts = line.split(" ", 4)
        if len(parts) > 3:
            fields = {k: q or v for k, q, v in re.findall(r'([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line)}
            out.append(dict(fields, event=parts[3], role=role))
    return out


def fail(why):
    print(f"FAILED: {why}", file=sys.stderr)
    sys.exit(1)


def wait(what, probe, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    fail(f"{what} did not happen within {seconds} s; look into {state}/log")


def client(command, what, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **more)
    if done.returncode:
        fail(f"{what}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


def curl(account, path, *arguments):
    port = options.port_base + 993
    return client(["curl", "-sS", "--cacert", str(state / "tls/ca.pem"), "--connect-to", f"{options.host}:{port}:{reach}:{port}", "-u",
                   f"{account}:{accounts[account]}", f"imaps://{options.host}:{port}/{path}", *arguments], f"curl {path}")


def swaks(folder, base, service, sender, recipient, subject, *more):
    ports = {"smtp": 25, "submission": 587, "submissions": 465}
    client(["swaks", "--server", reach, "--port", str(base + ports[service]), "--tls-on-connect" if service == "submissions" else "--tls",
            "--tls-ca-path", str(folder / "tls/ca.pem"), "--from", sender, "--to", recipient, "--helo", "client.test",
            "--header", f"Subject: {subject}", "--header", f"Message-Id: <{subject}@client.test>", "--body", "Hola.", *more],
           f"sending {subject}")


def found(account, mailbox, subject):
    return re.search(r"\* SEARCH ([\d ]+)", curl(account, mailbox, "-X", f'SEARCH SUBJECT "{subject}"'))


def last(role, event, **wanted):
    rows = [e for e in events(state, role) if e["event"] == event and all(e.get(k) == v for k, v in wanted.items())]
    return rows[-1] if rows else {}


def show(number, text, row, *keys):
    details = ", ".join(f"{k}={row[k]}" for k in keys if row.get(k))
    print(f"  {number}. {text}" + (f"\n     {details}" if details else ""))


def filed(qid, **wanted):
    """What the mail store says about it."""
    return wait("the mail store's word", lambda: last("mailstore", "delivered", qid=qid, **wanted))


def sid_of(account, service):
    """The newest session of this account at the gateway."""
    row = last("gateway", "handoff", account=account, service=service)
    return row.get("sid"), row


def receive():
    subject = f"receive-{nonce}"
    print("\nReceiving: friend@outside.test writes to demo1@example.test")
    swaks(outside, options.outside_base, "submission", "friend@outside.test", "demo1@example.test", subject, "--auth", "PLAIN", "--auth-user",
          "friend@outside.test", "--auth-password", accounts["friend@outside.test"])
    wait("arrival in demo1's INBOX", lambda: found("demo1@example.test", "INBOX", subject))
    sid, handoff = sid_of("demo1@example.test", "imap")
    show(1, "The phone connects to the gateway over TLS.", last("gateway", "accept", sid=sid) | last("gateway", "tls", sid=sid), "sid", "peer", "tls", "cipher")
    show(2, "The gateway makes the user authenticate.", last("gateway", "sasl", sid=sid) | {"user": "demo1@example.test"}, "mech", "user")
    show(3, "The directory is asked about the account.", last("auth", "login", sid=sid), "verdict", "account")
    show(4, "The session is routed to the mail server.", handoff, "route", "account")
    queued = wait("the mail's way through the queue", lambda: last("mta", "queued", msgid=f"<{subject}@client.test>"))
    show(5, "The mail lies in the mailbox and the phone has it.", queued | filed(queued["qid"]), "qid", "from", "size", "uid")


def send():
    subject = f"send-{nonce}"
    print("\nSending: demo1@example.test writes to friend@outside.test")
    swaks(state, options.port_base, "submission", "demo1@example.test", "friend@outside.test", subject, "--auth", "PLAIN", "--auth-user",
          "demo1@example.test", "--auth-password", accounts["demo1@example.test"])
    sid, handoff = sid_of("demo1@example.test", "submission")
    show(1, "The phone connects to the gateway on 587 (then 465, 25) and starts TLS.", last("gateway", "accept", sid=sid) | last("gateway", "tls", sid=sid),
         "sid", "peer", "tls", "cipher")
    row = last("gateway", "sasl", sid=sid) | last("auth", "login", sid=sid)
    show(2, "The same gateway and the same directory check.", row, "mech", "verdict", "account")
    queued = wait("the message in the queue", lambda: last("mta", "queued", msgid=f"<{subject}@client.test>"))
    show(3, "The MTA takes the message: it is on disk before the 250.", queued, "qid", "from", "size")
    wait("the copy in Sent", lambda: found("demo1@example.test", "Sent", subject))
    copy = wait("the Sent copy's delivery", lambda: last("mta", "delivered", qid=queued["qid"], **{"class": "sent-copy"}))
    copies = len(found("demo1@example.test", "Sent", subject).group(1).split())
    if copies != 1:
        fail(f"{copies} copies in Sent instead of one")
    show(4, "A copy lies in the user's Sent mailbox, once.", copy | {"mailbox": "Sent", "copies": str(copies)} | filed(queued["qid"], sent_copy="1"), "mailbox", "copies",
         "uid", "size")
    relayed = wait("the smart host's acceptance", lambda: last("mta", "delivered", qid=queued["qid"], **{"class": "relay"}))
    show(5, "The MTA relays it to the outside over TLS.", relayed, "qid", "to", "relay", "tls", "cipher", "reply")


receive()
send()
