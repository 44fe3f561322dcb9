"""One IMAP session of the stress test: sends commands and keeps what it was told. imap_rules' view is that: it follows every reply, and any word
that contradicts an earlier one is a Deviation. What the session itself changed without being told back (STORE .SILENT) is worked in here."""
import asyncio
import collections
import re

import imap_rules


class Lost(Exception):
    """The connection ended."""


class Session:
    def __init__(self, world, name):
        self.world, self.name, self.mailbox, self.idling = world, name, None, False
        self.counter, self.log, self.news = 0, collections.deque(maxlen=80), []
        self.read_only = self.condstore = self.qresync = False

    async def open(self, user, password):
        self.reader, self.writer = await asyncio.open_connection(self.world.host, self.world.port, ssl=self.world.tls, server_hostname=self.world.name,
                                                                 limit=1 << 20)
        self.talk, self.results, self.mailbox = imap_rules.Conversation(), {}, None
        self.qresync = self.condstore = False
        self.talk.heard = self.hear
        self.greeted = False
        while not self.greeted:
            await self.read()
        await self.ok(f'LOGIN "{user}" "{password}"')

    @property
    def view(self):
        return self.talk.view

    @property
    def mailbox_key(self):
        return self.account, self.mailbox

    # --- octets ---
    async def read(self):
        if not await self.listen(self.world.patience):
            raise imap_rules.Deviation(f"no answer within {self.world.patience} s")

    async def listen(self, seconds):
        """Takes what comes within that time; False: nothing."""
        try:
            data = await asyncio.wait_for(self.reader.read(65536), seconds)
        except asyncio.TimeoutError:
            return False
        if not data:
            raise Lost(self.name)
        before = self.talk.count
        try:
            for piece in self.world.lie(self, data):
                self.log.append(b"S: " + piece[:200])
                self.talk.server(piece)
        finally:
            self.world.replies += self.talk.count - before
        return True

    def write(self, data):
        self.log.append(b"C: " + data[:200])
        self.talk.client(data)
        self.writer.write(data)

    def hear(self, reply, command):
        self.greeted = True
        if reply.kind == "FETCH":
            reply.uid = self.view.uids[reply.number - 1]   # 0: not told yet
        if reply.tag:
            self.results[reply.tag] = reply
        elif reply.kind == "+":
            self.results["+"] = reply
        else:
            self.news.append(reply)

    # --- commands ---
    def send(self, text):
        self.counter += 1
        tag = f"{self.name}.{self.counter}"
        self.write(f"{tag} {text}\r\n".encode())
        return tag

    async def result(self, tag):
        while tag not in self.results:
            await self.read()
        return self.results.pop(tag)

    async def command(self, text):
        """(the tagged reply, the untagged ones before it)"""
        self.news = []
        reply = await self.result(self.send(text))
        return reply, self.news

    async def ok(self, text):
        reply, news = await self.command(text)
        if reply.kind != "OK":
            raise imap_rules.Deviation(f"{text}: {reply.kind} {reply.text!r}")
        return news

    async def append(self, mailbox, data, flags=""):
        self.news = []
        self.results.pop("+", None)
        if self.world.random.random() < 0.5:
            self.counter += 1
            tag = f"{self.name}.{self.counter}"
            self.write(f"{tag} APPEND {mailbox} ({flags}) {{{len(data)}+}}\r\n".encode() + data + b"\r\n")
        else:
            tag = self.send(f"APPEND {mailbox} ({flags}) {{{len(data)}}}")
            while "+" not in self.results and tag not in self.results:
                await self.read()
            if tag not in self.results:
                self.write(data + b"\r\n")
        return await self.result(tag)

    async def select(self, mailbox, verb="SELECT", how=""):
        self.mailbox = None
        reply, news = await self.command(f"{verb} {mailbox}{how}")
        if reply.kind == "OK":
            self.mailbox, self.read_only = mailbox, verb == "EXAMINE"
            self.condstore = self.condstore or bool(how)
        return reply, news

    def close(self):
        self.writer.close()

    # --- what it did itself ---
    def stored(self, uids, sign, flags, told):
        """A silent STORE: known flags follow it, but where news of the same message came meanwhile nobody can say which was first."""
        changed = frozenset(f.lower().encode() for f in flags)
        for uid in uids:
            known = self.view.flags.get(uid)
            if known is None or uid in told:
                self.view.flags.pop(uid, None)
                continue
            now = known | changed if sign == "+" else known - changed if sign == "-" else changed
            if now != known:
                self.view.flags[uid] = now
                self.view.flags_at.pop(uid, None)
                if uid not in told:
                    self.view.modseq.pop(uid, None)


def told_flags(news):
    """UIDs of messages whose flags were told."""
    return {reply.uid for reply in news if reply.kind == "FETCH" and b"FLAGS" in reply.items}


MESSAGE_ID = re.compile(rb"Message-ID: <([^>]*)>", re.I)


def identity(items):
    """The message's own name, if this FETCH told it."""
    for name, value in items.items():
        if name.startswith(b"BODY[HEADER") and value:
            found = MESSAGE_ID.search(value)
            return found.group(1).decode() if found else None
    return None
