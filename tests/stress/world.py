"""What all sessions of the stress test share: the server, the mailboxes, which message is which, and the checkpoints at which everything stands
still and every session's view is compared with a fresh one."""
import asyncio
import collections
import random
import ssl

import actions
from imap_rules import Deviation
from session import Session

BOXES = ["INBOX", "Stress1", "Stress2"]


class World:
    def __init__(self, mail, accounts, clients, seed, lie=None, most=150):
        self.mail, self.host, self.port, self.name = mail, mail.listen, mail.port("imaps"), mail.host
        self.tls = ssl.create_default_context(cafile=mail.ca)
        self.mailboxes, self.most, self.random, self.liar = BOXES, most, random.Random(seed), lie
        self.accounts, self.alone = accounts, len(accounts) == clients
        self.sessions = [Session(self, f"s{n}") for n in range(clients)]
        for n, session in enumerate(self.sessions):
            session.account = accounts[n % len(accounts)]
        self.patience = 60   # seconds that a session waits for an answer
        self.names, self.size = {}, collections.Counter()
        self.created, self.departing = set(), set()   # (account, mailbox), uid
        self.validity, self.replies, self.actions, self.serial, self.lies = {}, 0, 0, 0, 0
        self.stopped, self.pause = asyncio.Event(), asyncio.Event()
        self.standing, self.checkpoints = 0, 0

    def lie(self, session, data):
        """What the session hears of these octets; a liar changes something (imap_stress.py --lie)."""
        return [data] if self.liar is None else self.liar(self, session, data)

    # --- messages ---
    def message(self, session):
        self.serial += 1
        name = f"{session.name}-{self.serial}@stress.test"
        text = f"From: <{session.name}@stress.test>\r\nSubject: message {self.serial}\r\nMessage-ID: <{name}>\r\n\r\ntext {'x' * self.random.randrange(2000)}\r\n"
        return name, text.encode()

    def came(self, key, uid, name):
        self.names_agree(key, uid, name)
        self.created.add((key, uid))
        self.size[key] += 1

    def copied(self, source, old, target, new):
        self.created.add((target, new))
        self.size[target] += 1
        if (source, old) in self.departing:   # its \Deleted came with it
            self.departing.add((target, new))
        if (source, old) in self.names:
            self.names_agree(target, new, self.names[source, old])

    def names_agree(self, key, uid, name):
        if self.names.setdefault((key, uid), name) != name:
            raise Deviation(f"{key} UID {uid} was {self.names[key, uid]}, now {name}")

    def may_go(self, key, uids):
        self.departing |= {(key, uid) for uid in uids}

    def crowded(self, mailbox):
        return max(self.size[account, mailbox] for account in self.accounts) >= self.most

    # --- sessions ---
    async def enter(self, session):
        await session.open(self.mail.address(session.account), self.mail.password(session.account))
        if self.random.random() < 0.5:
            await session.ok("ENABLE QRESYNC")
            session.qresync = True
        await actions.select(self, session)

    async def live(self, session):
        await self.enter(session)
        names, weights = list(actions.WEIGHTS), list(actions.WEIGHTS.values())
        while not self.stopped.is_set():
            if self.pause.is_set():
                await self.stand(session)
                continue
            try:
                await self.random.choices(names, weights)[0](self, session)
                self.actions += 1
            except Deviation as error:
                raise Deviation(f"{session.name} in {session.mailbox_key}: {error}\n" + "\n".join(repr(line) for line in list(session.log)[-25:])) from None
        await session.ok("LOGOUT")

    async def wait_or_pause(self, session, seconds):
        """IDLE: takes what comes for a while."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0 and not self.pause.is_set():
            await session.listen(min(left, 0.2))

    # --- checkpoints ---
    async def stand(self, session):
        """Nobody changes anything until all stand; then each hears the last news and is compared."""
        self.standing += 1
        while self.standing < len(self.sessions):
            await asyncio.sleep(0.01)
        await session.ok("NOOP")
        self.compare(session, await self.truth(session.account, session.mailbox))
        self.checked += 1
        while self.pause.is_set():
            await asyncio.sleep(0.01)

    async def checkpoint(self):
        self.standing = self.checked = 0
        self.truths = {}
        self.pause.set()
        while self.checked < len(self.sessions):
            await asyncio.sleep(0.02)
        for account in self.accounts:
            views = await asyncio.gather(*[self.truth(account, mailbox) for mailbox in self.mailboxes])
            for mailbox, view in zip(self.mailboxes, views):
                self.account_for(account, mailbox, view)
        self.checkpoints += 1
        self.pause.clear()

    async def truth(self, account, mailbox):
        """The mailbox as a session sees it that knows nothing, read once for each checkpoint."""
        key = (account, mailbox)
        if key not in self.truths:
            self.truths[key] = asyncio.ensure_future(self.read(account, mailbox))
        return await self.truths[key]

    async def read(self, account, mailbox):
        fresh = Session(self, f"t{self.checkpoints}{mailbox}")
        fresh.account = account
        await fresh.open(self.mail.address(account), self.mail.password(account))
        _, news = await fresh.select(mailbox, "EXAMINE", " (CONDSTORE)")
        self.validity[mailbox] = next(r.argument for r in news if r.code == "UIDVALIDITY")
        await fresh.ok("FETCH 1:* (UID FLAGS MODSEQ)") if fresh.view.uids else None
        view = fresh.view
        for key, flag in (("FLAGGED", b"\\flagged"), ("DELETED", b"\\deleted"), ("KEYWORD $Label1", b"$label1")):
            found = next(r.numbers for r in await fresh.ok(f"UID SEARCH {key}") if r.kind == "SEARCH")
            wanted = [uid for uid in view.uids if flag in view.flags[uid]]
            actions.check(sorted(found) == wanted, f"SEARCH {key} found {found}, FETCH told {wanted}")
        await fresh.ok("LOGOUT")
        fresh.close()
        return view

    def compare(self, session, truth):
        mine = session.view

        def differ(what):
            raise Deviation(f"{session.name} ({'QRESYNC' if session.qresync else 'CONDSTORE' if session.condstore else 'plain'}) sees {session.mailbox_key} "
                            f"otherwise than a fresh session: {what}\n" + "\n".join(repr(line) for line in list(session.log)[-40:]))
        if len(mine.uids) != len(truth.uids):
            differ(f"{len(mine.uids)} messages, {len(truth.uids)} in truth")
        for number, (uid, real) in enumerate(zip(mine.uids, truth.uids), 1):
            if uid not in (0, real):
                differ(f"message {number} is UID {uid}, in truth {real}")
            if real in mine.flags and mine.flags[real] != truth.flags[real]:
                differ(f"flags of UID {real} are {sorted(mine.flags[real])}, in truth {sorted(truth.flags[real])}")
            if mine.modseq.get(real, 0) > truth.modseq[real]:
                differ(f"MODSEQ of UID {real} is {mine.modseq[real]}, in truth {truth.modseq[real]}")
            if (session.qresync or session.condstore) and real in mine.flags and mine.modseq.get(real, truth.modseq[real]) != truth.modseq[real]:
                differ(f"MODSEQ of UID {real} is {mine.modseq[real]}, in truth {truth.modseq[real]}: a change was not told")

    def account_for(self, account, mailbox, truth):
        """What was acknowledged is there, unless somebody deleted or moved it."""
        key = (account, mailbox)
        here = set(truth.uids)
        lost = {uid for box, uid in self.created if box == key and uid not in here and (key, uid) not in self.departing}
        actions.check(not lost, f"messages of {key} are lost: {sorted(lost)[:20]}")
        self.created = {(box, uid) for box, uid in self.created if box != key or uid in here}
        self.size[key] = len(here)
