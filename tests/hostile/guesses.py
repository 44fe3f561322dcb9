#!/usr/bin/env python3
"""Password guessing from a thousand addresses, and what becomes of those who only want to read their mail.

    guesses.py           a short attack, with everything that must hold about it (under a minute)
    guesses.py --full    100,000 guesses from 1,000 loopback addresses against 100 accounts (about ten minutes on two cores)

The accounts are in an LDAP directory (slapd), which counts the binds it is asked for. guard.trusted is empty: nobody is spared for coming from
this machine. Prints how many guesses reached the directory, the CPU time of auth and gateway, and how long legitimate logins took meanwhile."""
import asyncio
import collections
import json
import multiprocessing
import os
import pathlib
import random
import re
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from strangers import Slapd, unpack  # noqa: E402

BASE = Slapd.SUFFIX
FULL = "--full" in sys.argv[1:]
ADDRESSES, PER_ADDRESS, ACCOUNTS, CONNECTIONS = (1000, 100, 100, 2) if FULL else (60, 30, 20, 4)
HOMES = 10                # phones of accounts nobody guesses at, each at an address of its own
MAX_ACCOUNT_FAILURES = 5  # the default
GUARD = """
[guard]
trusted = []
denied = ["127.205.0.0/16"]

[gateway]
workers = 2
max_pre_login = 9500
"""


def person(uid):
    return (f"dn: uid={uid},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {uid}@example.test\n"
            f"userPassword: pw-{uid}\n\n")


def directory(corp):
    secret = corp.folder / "reader-password"
    secret.write_text(Slapd.READER[1] + "\n")
    secret.chmod(0o600)
    return f"""
[[directory]]
name = "corp"
type = "openldap"
servers = ["ldap://127.0.0.1:{corp.port}"]
ca_file = "{corp.ca}"
bind_dn = "{Slapd.READER[0]}"
bind_password_file = "{secret}"
base = "{BASE}"
"""


class Phone:
    """One IMAP connection from an address of our choice."""

    def __init__(self, mail, address, tls):
        self.mail, self.address, self.tls = mail, address, tls

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.mail.port("imaps"), ssl=self.tls, server_hostname=self.mail.host,
                                                                 local_addr=(self.address, 0))
        await self.reader.readline()
        return self

    async def ask(self, line):
        """The tagged answer; b"" when the connection ends."""
        self.writer.write(b"a " + line.encode() + b"\r\n")
        while True:
            answer = await self.reader.readline()
            if not answer or answer.startswith(b"a "):
                return answer.decode()

    async def login(self, user, password):
        return await self.ask(f'LOGIN "{user}" "{password}"')

    def close(self):
        self.writer.transport.abort()


async def one_login(mail, tls, address, user, password, client=None):
    """(answer, seconds of the LOGIN alone)"""
    phone = await Phone(mail, address, tls).open()
    try:
        if client:
            await phone.ask(f'ID ("name" "{client}")')
        begin = time.monotonic()
        answer = await asyncio.wait_for(phone.login(user, password), 40)
        return answer, time.monotonic() - begin
    finally:
        phone.close()


class Attack:
    def __init__(self, mail, tls, numbers):
        self.mail, self.tls = mail, tls
        self.answers = collections.Counter()
        self.sent = 0
        self.left = {n: PER_ADDRESS for n in numbers}

    @staticmethod
    def address(number):
        return f"127.{10 + number // 250}.7.{1 + number % 250}"

    async def connection(self, number):
        draw = random.Random(number * 1000 + 1)
        while self.left[number] > 0:
            try:
                phone = await Phone(self.mail, self.address(number), self.tls).open()
            except (OSError, ssl.SSLError):
                self.answers["no connection"] += 1
                await asyncio.sleep(0.2)
                continue
            try:
                while self.left[number] > 0:
                    self.left[number] -= 1
                    self.sent += 1
                    answer = await phone.login(f"u{draw.randrange(ACCOUNTS)}", f"guess-{number}-{self.left[number]}")
                    word = re.match(r"a NO \[(\w+)\]", answer)
                    self.answers[word.group(1) if word else answer[:20] or "closed"] += 1
                    if answer.startswith("a OK") or not answer:
                        break
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
                self.answers["closed"] += 1
            finally:
                phone.close()

    async def run(self):
        await asyncio.gather(*(self.connection(n) for n in self.left for _ in range(CONNECTIONS)))


class Attackers:
    """Attacks in processes of their own, behind us in the queue for the processors: what legitimate logins take is not what a guesser's event loop
    takes to come round to them. Made before any event loop; they wait for run()."""

    def __init__(self, mail, processes=4):
        context = multiprocessing.get_context("fork")
        self.begin, self.results = context.Event(), context.Queue()
        self.processes = [context.Process(target=self.attack, args=(mail, range(n, ADDRESSES, processes)), daemon=True) for n in range(processes)]
        for process in self.processes:
            process.start()
        self.sent, self.answers = 0, collections.Counter()

    def attack(self, mail, numbers):
        os.nice(5)
        one = Attack(mail, mail.tls(), numbers)
        self.begin.wait()
        asyncio.run(one.run())
        self.results.put((one.sent, one.answers))

    async def run(self):
        self.begin.set()
        for _ in self.processes:
            sent, answers = await asyncio.to_thread(self.results.get, True, 3000)
            self.sent += sent
            self.answers += answers


class Legitimate:
    """Who logs in again and again while the attack runs, and how long that takes."""

    def __init__(self, mail, tls):
        self.mail, self.tls, self.stop = mail, tls, False
        self.times = collections.defaultdict(list)
        self.refused = []

    async def one(self, kind, address, user, client=None):
        answer, seconds = await one_login(self.mail, self.tls, address, user, f"pw-{user}", client)
        self.times[kind].append(seconds)
        if not answer.startswith("a OK"):
            self.refused.append((kind, user, address, answer))

    async def again_and_again(self, kind, address, user, every, client=None):
        while not self.stop:
            await self.one(kind, address, user, client)
            await asyncio.sleep(every)

    def everybody(self):
        """Kind, address, user, seconds between two logins."""
        for n in range(HOMES):
            yield "at home", f"127.200.0.{n + 1}", f"home{n}", 1.0
        yield "guessed at, at home", "127.200.1.1", "u0", 1.0
        yield "behind a guesser's address", Attack.address(0), "colleague", 1.0

    async def known_before(self):
        for _, address, user, _ in self.everybody():
            await self.one("before", address, user)
        for _ in range(3):   # what a login costs on this machine when nothing else goes on
            for n in range(HOMES):
                await self.one("before", f"127.200.0.{n + 1}", f"home{n}")
        await self.one("before", "127.200.1.2", "u1")

    async def run(self):
        async def roaming():   # the owner of an account that is guessed at, each time from an address nobody has seen
            number = 0
            while not self.stop:
                number += 1
                await self.one("guessed at, at new addresses", f"127.201.{number // 250}.{1 + number % 250}", "u1")
                await asyncio.sleep(1)

        async def newcomers():   # first logins ever, of accounts nobody guesses at, from clean addresses
            for number in range(300):
                if self.stop:
                    return
                await self.one("first login ever", f"127.202.{number // 250}.{1 + number % 250}", f"new{number}")
                await asyncio.sleep(1)
        await asyncio.gather(roaming(), newcomers(), *(self.again_and_again(*who) for who in self.everybody()))


def cpu(mail, role):
    ticks = 0
    for pid in mail.pid(role):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss(mail, role):
    total = 0
    for pid in mail.pid(role):
        total += int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))
    return total // 1024


def binds(corp, pattern=r"u\d+"):
    """Binds that slapd was asked for, by account."""
    out = (corp.folder / "out").read_text(errors="replace")
    return collections.Counter(re.findall(rf'BIND dn="uid=({pattern}),{BASE}" method=128', out))


def spread(times):
    times = sorted(times)
    return (f"{len(times):5d} logins, p50 {1000 * statistics.median(times):6.0f} ms, p99 {1000 * times[min(len(times) - 1, int(len(times) * 0.99))]:6.0f} ms, "
            f"max {1000 * times[-1]:6.0f} ms")


async def attack(mail, corp, tls, guessers):
    people = Legitimate(mail, tls)
    await people.known_before()
    before, at_first = binds(corp), {role: cpu(mail, role) for role in ("auth", "gateway")}
    begin = time.monotonic()
    living = asyncio.create_task(people.run())
    await guessers.run()
    took = time.monotonic() - begin
    people.stop = True
    await living
    asked = binds(corp) - before
    used = {role: cpu(mail, role) - at_first[role] for role in at_first}
    reached = sum(count for name, count in asked.items() if name not in ("u0", "u1"))
    print(f"guesses: {guessers.sent} from {ADDRESSES} addresses at {ACCOUNTS} accounts in {took:.0f} s; answers {dict(guessers.answers)}")
    print(f"the directory was asked about {sum(asked.values())} passwords of these accounts, their owners' logins included; at most "
          f"{max(asked.values())} of one account, {max((c for n, c in asked.items() if n not in ('u0', 'u1')), default=0)} where no owner logged in")
    print(f"guesses that reached the directory: {reached} of those at the {ACCOUNTS - 2} accounts whose owners stayed away, {100 * reached / guessers.sent:.2f} %")
    print(f"cpu: auth {used['auth']:.1f} s, gateway {used['gateway']:.1f} s; memory: auth {rss(mail, 'auth')} MiB, gateway {rss(mail, 'gateway')} MiB")
    for kind, times in people.times.items():
        print(f"  {kind + ':':30} {spread(times)}", flush=True)

    assert guessers.sent == ADDRESSES * PER_ADDRESS, guessers.sent
    assert guessers.answers["AUTHENTICATIONFAILED"] + guessers.answers["UNAVAILABLE"] + guessers.answers["closed"] == guessers.sent, guessers.answers
    words = [(event.get("reason"), event.get("ms")) for event in mail.events("auth", "login") if event["user"].split("@")[0] in {who for _, who, *_ in people.refused}
             and event["level"] != "info"]
    assert not people.refused, (people.refused[:5], words[:5])
    # What fades within the time of the attack may be asked again.
    allowed = MAX_ACCOUNT_FAILURES * (1 + took / 900)
    for name, count in asked.items():
        assert name in ("u0", "u1") or count <= allowed, (name, count, allowed)
    assert 0 < reached <= (ACCOUNTS - 2) * allowed, reached
    bound = 5.0   # a busy machine included; a guesser's own answers are held back for two
    for kind in ("at home", "guessed at, at home", "behind a guesser's address", "first login ever"):
        assert max(people.times[kind]) < bound, (kind, max(people.times[kind]))
    assert used["auth"] < 30 + 0.01 * guessers.sent, used
    return took


async def stale_phone(mail, corp, tls):
    """A phone that keeps an old password costs its owner nothing."""
    before = binds(corp, "home0")["home0"]
    for _ in range(12):
        answer, _ = await one_login(mail, tls, "127.200.0.1", "home0", "last-years", "iPhone Mail")
        assert answer.startswith("a NO [AUTHENTICATIONFAILED]"), answer
    asked = binds(corp, "home0")["home0"] - before
    assert asked == 1, asked
    answer, _ = await one_login(mail, tls, "127.200.0.1", "home0", "pw-home0", "Mac")
    assert answer.startswith("a OK"), answer
    rows = json.loads(mail.run("guard", "stale", "--json").stdout)
    row = next(row for row in rows if row["account"] == "home0@example.test")
    assert (row["client"], row["address"], row["service"], row["count"]) == ("iPhone Mail", "127.200.0.1", "imap", 12), row
    assert row["shielded_s"] > 1700, row
    assert "iPhone Mail" in mail.run("guard", "stale").stdout
    assert [event["client"] for event in mail.events("auth", "stale_password")] == ["iPhone Mail"]
    # A change in the directory is seen at the next look-up there, and the password may be right now.
    corp.change(f"dn: uid=home0,{BASE}\nchangetype: modify\nreplace: userPassword\nuserPassword: last-years\n")
    mail.run("guard", "forget", "home0")
    answer, _ = await one_login(mail, tls, "127.200.0.1", "home0", "last-years", "iPhone Mail")
    assert answer.startswith("a OK"), answer
    for path in (mail.state / "log").glob("*.log"):
        text = path.read_text(errors="replace")
        assert "last-years" not in text and "pw-home" not in text and "guess-" not in text, path
    print("a phone with an old password: 12 logins, its directory was asked once; `guard stale` names it")


async def no_offences(mail, tls):
    """Clients that knock at the wrong door, or leave in the middle of a handshake, are no guessers."""
    before = len(mail.events("auth", "offence"))
    for _ in range(30):
        for service, bytes_sent in (("imaps", b"a LOGIN x y\r\n"), ("imaps", b"\x16\x03\x01\x00\x05hello"), ("smtp", b"\x16\x03\x01\x00\x05hello")):
            with socket.create_connection(("127.0.0.1", mail.port(service)), 5, ("127.203.0.1", 0)) as s:
                s.sendall(bytes_sent)
    answer, seconds = await one_login(mail, tls, "127.203.0.1", "home1", "pw-home1")
    assert answer.startswith("a OK") and seconds < 2, (answer, seconds)
    assert len(mail.events("auth", "offence")) == before
    print("90 failed handshakes and hellos at wrong doors are no offence")


async def limits_by_address(mail, tls):
    """Sessions of one account from one address; networks nobody logs in from."""
    phones = [await Phone(mail, "127.206.0.1", tls).open() for _ in range(51)]
    answers = [await phone.login("home2", "pw-home2") for phone in phones]
    assert all(answer.startswith("a OK") for answer in answers[:50]) and answers[50].startswith("a NO [LIMIT]"), answers[48:]
    for address, user in (("127.206.0.1", "home3"), ("127.206.0.2", "home2")):   # a colleague there, the same account elsewhere
        answer, _ = await one_login(mail, tls, address, user, f"pw-{user}")
        assert answer.startswith("a OK"), (address, user, answer)
    for phone in phones:
        phone.close()
    with socket.create_connection(("127.0.0.1", mail.port("imaps")), 5, ("127.205.0.1", 0)) as s:
        assert s.recv(1) == b""
    with socket.create_connection(("127.0.0.1", mail.port("smtp")), 5, ("127.205.0.1", 0)) as s:
        assert s.recv(4) == b"220 "
    mail.run("guard", "deny", "127.207.0.0/16", "--for", "1h")
    answer, _ = await one_login(mail, tls, "127.207.0.1", "home3", "pw-home3")
    assert answer.startswith("a NO [AUTHENTICATIONFAILED]"), answer
    mail.run("guard", "forget", "127.207.0.0/16")
    answer, _ = await one_login(mail, tls, "127.207.0.1", "home3", "pw-home3")
    assert answer.startswith("a OK"), answer
    print("the 51st session of an account from one address is refused, elsewhere and to colleagues none; denied networks cannot log in")


async def by_time_or_words(mail, tls):
    """An unknown name is told from a known one by nothing: words, and the grain of time that answers come in."""
    answers = {}
    for kind, users in (("known", [f"home{n}" for n in range(2, 8)]), ("unknown", [f"nobody{n}" for n in range(2, 8)])):
        answers[kind] = [await one_login(mail, tls, f"127.204.{1 if kind == 'known' else 2}.{n}", user, f"bad-{n}") for n, user in enumerate(users, 1)]
    words = {answer for kind in answers for answer, _ in answers[kind]}
    assert len(words) == 1, words
    for kind in answers:
        for _, seconds in answers[kind]:
            assert seconds > 0.24, (kind, seconds)
    known, unknown = (statistics.median(s for _, s in answers[kind]) for kind in ("known", "unknown"))
    assert abs(known - unknown) < 0.06, (known, unknown)
    print(f"wrong password of a known name {1000 * known:.0f} ms, of an unknown one {1000 * unknown:.0f} ms, same words")


def fail2ban(mail):
    """The filter in docs/administration.md, read by Debian's own fail2ban-regex from our own log."""
    tree, = unpack("fail2ban")
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs/administration.md").read_text()
    block = re.search(r"^    (\[Definition\]\n(?:    .*\n|\n)+)", text, re.M).group(0)
    path = mail.folder / "buzon.conf"
    path.write_text("\n".join(line[4:] for line in block.splitlines()) + "\n")
    script = f"{tree}/usr/bin/fail2ban-regex"
    config = str(tree / "etc/fail2ban")
    log = mail.state / "log/auth.log"
    (mail.folder / "offences.log").write_text("".join(line for line in log.open(errors="replace") if " auth " in line))
    done = subprocess.run([sys.executable, script, "-c", config, "--out", "ip", str(log), str(path)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{tree}/usr/lib/python3/dist-packages", "PYTHONDONTWRITEBYTECODE": "1"})
    found = [line for line in done.stdout.split() if re.fullmatch(r"[0-9.]+", line)]
    expected = [event["peer"] for event in mail.events("auth", "offence")]
    assert len(expected) > 50 and collections.Counter(found) == collections.Counter(expected), (len(found), len(expected), done.stdout[-500:], done.stderr[-1500:])
    print(f"fail2ban-regex finds the addresses of all {len(expected)} offences and nothing else")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 30000), hard))
    names = [f"u{n}" for n in range(ACCOUNTS)] + [f"home{n}" for n in range(HOMES)] + ["colleague"] + [f"new{n}" for n in range(300)]
    with Slapd("".join(map(person, names)), debug=256) as corp, Buzon(accounts=(), settings=GUARD + directory(corp)) as mail:
        tls = mail.tls()
        took = asyncio.run(attack(mail, corp, tls, Attackers(mail)))
        mail.run("guard", "forget", Attack.address(0))
        assert Attack.address(1) in mail.run("guard", "list").stdout
        assert f'"{Attack.address(0)}"' not in mail.run("guard", "list", "--json").stdout
        asyncio.run(stale_phone(mail, corp, tls))
        asyncio.run(no_offences(mail, tls))
        asyncio.run(limits_by_address(mail, tls))
        asyncio.run(by_time_or_words(mail, tls))
        wait_until("the roles are up", lambda: mail.run("status", check=False).returncode == 0)
        fail2ban(mail)
        assert FULL or took < 60, took


if __name__ == "__main__":
    main()
