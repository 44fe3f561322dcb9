#!/usr/bin/env python3
"""buzon beside Dovecot and Postfix from Debian, in one run on one machine: CPU of the servers' processes (user and system), not wall time.

    bench/bench.py [--quick] [--rows login,fetch,...]

Same TLS 1.3 with ECDSA P-256 certificates, same durability (one fsync before the answer), the same Argon2id parameters with warm caches;
Dovecot in its high-performance login mode with re-used imap processes. Prints the ratio peer / buzon: above 1 buzon is cheaper.
"""
import argparse
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "tests/harness"), str(here)]
from buzon import Buzon, wait_until  # noqa: E402
import load  # noqa: E402
import strangers  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
FAST = """
auth_cache_size = 10 M
auth_cache_ttl = 1 hour
mail_fsync = always
login_trusted_networks = 127.0.0.0/8
mail_max_userip_connections = 20000
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 12000
  process_limit = 4
  vsz_limit = 1 G
}}
service imap {{
  service_count = 100000
  process_limit = 12000
  process_min_avail = 2
}}
service auth {{
  client_limit = 20000
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 100000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
  service_count = 100000
  process_limit = 100
}}
protocol lmtp {{
  mail_fsync = always
}}
"""


def tree(pid):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    children.setdefault(int(file.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
            except OSError:
                pass
    out, todo = [], [pid]
    while todo:
        one = todo.pop()
        out.append(one)
        todo += children.get(one, [])
    return out


def cpu(pids):
    """Seconds of all processes below these, with those of children that ended."""
    total = 0
    for root in pids:
        for pid in tree(root):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    total += sum(int(x) for x in file.read().rsplit(")", 1)[1].split()[11:15])
            except OSError:
                pass
    return total / TICK


def pss(pids):
    """KiB of all processes below these."""
    total = 0
    for root in pids:
        for pid in tree(root):
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            except (OSError, StopIteration):
                pass
    return total


class Side:
    """One system under test."""

    def __init__(self, name, pids, imap, user, password, lmtp=None, smtp=None, smtp_tls=None, passwords=None):
        self.passwords = passwords or {}   # of other users than the first
        self.name, self.pids, self.target, self.user, self.password = name, pids, imap, user, password
        self.lmtp, self.smtp, self.smtp_tls = lmtp, smtp, smtp_tls

    def login(self, user=None):
        user = user or self.user
        session = load.Imap(self.target)
        session.command(f"LOGIN {user} {self.passwords.get(user, self.password)}")
        return session

    def measure(self, work):
        before = cpu(self.pids)
        units = work()
        return (cpu(self.pids) - before) / units

    def fill(self, mailbox, count, size):
        session = self.login()
        if mailbox != "INBOX":
            session.command(f"CREATE {mailbox}")
        for number in range(count):
            session.command(f"APPEND {mailbox}", load.message(number, size))
        session.command("LOGOUT")

    def logins(self, count):
        self.login().command("LOGOUT")

        def work():
            load.parallel(4, count, lambda: None, lambda _, n: self.login().command("LOGOUT"))
            return count
        return self.measure(work)

    def cold_logins(self, users):
        """The first login of each user: no cache knows the password yet."""
        def work():
            for user in users:
                self.login(user).command("LOGOUT")
            return len(users)
        return self.measure(work)

    def fetch(self, mailbox, octets):
        session = self.login()
        session.command(f"SELECT {mailbox}")
        session.command("FETCH 1:* (BODY.PEEK[])")   # warm

        def work():
            got = 0
            while got < octets:
                got += session.command("FETCH 1:* (BODY.PEEK[])")
            return got / 1e9
        return self.measure(work)

    def pop3(self, count):
        """All of INBOX by RETR, 50 in flight."""
        def work():
            session = load.Pop3(self.target, self.user, self.password)
            for first in range(1, count + 1, 50):
                session.retrieve(range(first, min(first + 50, count + 1)))
            session.one("QUIT")
            return 1
        work()   # warm
        return self.measure(work)

    def first_sync(self, mailbox, rounds):
        session = self.login()
        session.command(f"SELECT {mailbox}")
        session.command("FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)")

        def work():
            for _ in range(rounds):
                session.command("FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)")
            return rounds
        return self.measure(work)

    def deliveries(self, port, lmtp, connections, count, settle, context=None, name=None):
        def work():
            load.parallel(connections, count, lambda: load.Smtp(port, lmtp, context, name),
                          lambda c, n: c.deliver("s@outside.test", self.user, load.message(n, 4096)))
            settle()
            return count
        return self.measure(work)

    def idle(self, count, users=(None,)):
        before = pss(self.pids)
        sessions = []
        for number in range(count):
            session = self.login(users[number % len(users)])
            session.command("SELECT INBOX")
            session.sock.sendall(b"i IDLE\r\n")
            session.line()
            sessions.append(session)
        kib = (pss(self.pids) - before) / count
        for session in sessions:
            session.sock.close()
        return kib


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: for trying, not for figures")
    parser.add_argument("--rows", default="login,cold,fetch,sync,pop3,lmtp,smtp,idle")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    rows = options.rows.split(",")
    lmtp_port = strangers.free_port()
    settings = f'[[listener]]\nname = "lmtp"\nservice = "lmtp"\naddress = "127.0.0.1"\nport = {lmtp_port}\ntls = "none"\n'
    cold = [f"u{n}@example.test" for n in range(100)]
    with Buzon(accounts=["ana", "ben", *(user.split("@")[0] for user in cold)], settings=settings + "[guard]\nmax_failures = 100000\n[mailstore]\nmax_sessions_per_account = 10000\n") as mail, \
            strangers.Dovecot(extra=FAST, argon2=True) as dovecot:
        password = mail.password("ana")
        sides = [Side("buzon", [mail.process.pid], dict(imaps=mail.port("imaps"), pop3s=mail.port("pop3s"), context=load.context(mail.ca), name=mail.host), "ana@example.test",
                      password, lmtp_port, mail.port("smtp"), (load.context(mail.ca), mail.host), mail.passwords),
                 Side("dovecot", [dovecot.process.pid], dict(imaps=dovecot.imaps_port, pop3s=dovecot.pop3s_port, context=load.context(dovecot.ca), name="mail.outside.test"),
                      "ana@example.test", "secret", dovecot.lmtp_port)]
        results = []

        def row(name, unit, run):
            values = [run(side) for side in sides]
            ratio = values[1] / values[0] if values[0] else float("inf")
            results.append((name, unit, *values, ratio))
            print(f"{name:44} buzon {values[0]:10.4g}  {sides[1].name} {values[1]:10.4g} {unit:22} ratio {ratio:5.2f}", flush=True)

        if "login" in rows:
            row("login cycle, warm", "CPU ms", lambda s: 1000 * s.logins(1000 // scale))
        if "cold" in rows:
            row("login cycle, cold (Argon2id)", "CPU ms", lambda s: 1000 * s.cold_logins(cold))
        if "fetch" in rows:
            for side in sides:
                side.fill("Big", 100, 1_000_000)
            row("fetched over TLS", "CPU s per GB", lambda s: s.fetch("Big", 2e9 / scale))
        if "sync" in rows:
            for side in sides:
                side.fill("Many", 10_000 // scale, 3000)
            row(f"first sync of {10_000 // scale} messages", "CPU s", lambda s: s.first_sync("Many", 3))
        if "pop3" in rows:
            for side in sides:
                side.fill("INBOX", 10_000 // scale, 3000)
            row(f"POP3 RETR of {10_000 // scale} messages", "CPU s", lambda s: s.pop3(10_000 // scale))
        if "lmtp" in rows:
            for connections in (1, 10, 50):
                row(f"LMTP delivery, {connections} connections", "CPU ms per message",
                    lambda s, c=connections: 1000 * s.deliveries(s.lmtp, True, c, 3000 // scale, lambda: None))
        if "idle" in rows:
            row(f"idle TLS session of {2000 // scale}", "KiB PSS", lambda s: s.idle(2000 // scale))
            both = ["ana@example.test", "ben@example.test"]   # one account may have 10,000 sessions at most
            print(f"idle TLS session of {10_000 // scale}: buzon {sides[0].idle(10_000 // scale, both):.1f} KiB PSS")
        if "smtp" in rows:
            with strangers.Postfix(domain="example.test", lmtp=dovecot.lmtp_port) as postfix:
                sides[1] = Side("postfix+dovecot", [postfix.process.pid, dovecot.process.pid], None, "ana@example.test", "secret", None, postfix.smtp_port,
                                (load.context(postfix.ca), "mail.outside.test"))
                for connections in (1, 10, 50):
                    def run(side, c=connections):
                        settled = (lambda: wait_until("queue empty", lambda: '"qid"' not in mail.run("queue", "list", "--json").stdout, 120)) \
                            if side.name == "buzon" else (lambda: wait_until("queue empty", postfix.queue_empty, 120))
                        return 1000 * side.deliveries(side.smtp, False, c, 2000 // scale, settled, *side.smtp_tls)
                    row(f"SMTP delivery, {connections} connections", "CPU ms per message", run)
    print("\n| row | buzon | peer | unit | peer / buzon |\n|---|---|---|---|---|")
    for name, unit, mine, theirs, ratio in results:
        print(f"| {name} | {mine:.4g} | {theirs:.4g} | {unit} | {ratio:.2f} |")
    worse = [r[0] for r in results if r[4] < 1]
    print("worse than the peer: " + (", ".join(worse) or "no row"))


if __name__ == "__main__":
    main()
