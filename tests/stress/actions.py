"""What a session does at random. Each action is one command or a few; what must be true of the answers is checked here, what must be true of any
reply is checked by imap_rules."""
import re

from imap_rules import Deviation
from session import identity, told_flags

FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Label1", "$Label2"]
ITEMS = ["FLAGS", "UID FLAGS", "UID FLAGS MODSEQ", "UID INTERNALDATE RFC822.SIZE", "UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]", "ENVELOPE", "BODYSTRUCTURE",
         "UID FLAGS BODY.PEEK[]"]


def check(good, what):
    if not good:
        raise Deviation(what)


def some(world, values, most=10):
    """A run of neighbours, or scattered ones, as (list, set text)."""
    count = world.random.randint(1, min(most, len(values)))
    if world.random.random() < 0.5:
        start = world.random.randrange(len(values) - count + 1)
        chosen = values[start:start + count]
    else:
        chosen = sorted(world.random.sample(values, count))
    return chosen, ",".join(map(str, chosen))


def known_uids(s):
    return [uid for uid in s.view.uids if uid] if s.view else []


def learn(s, news):
    """Each message keeps its name for ever, wherever it is seen."""
    for reply in news:
        if reply.kind == "FETCH" and (name := identity(reply.items)) and reply.uid:
            s.world.names_agree(s.mailbox_key, reply.uid, name)


async def select(world, s):
    verb = "EXAMINE" if world.random.random() < 0.1 else "SELECT"
    how = " (CONDSTORE)" if not s.qresync and world.random.random() < 0.3 else ""
    mailbox = world.random.choice(world.mailboxes)
    old, before = (s.mailbox, s.view) if s.qresync else (None, None)
    if before and old and before.highest and not before.unknown and world.random.random() < 0.5:
        return await resync(world, s, old, before)
    reply, _ = await s.select(mailbox, verb, how)
    check(reply.kind == "OK", f"{verb}: {reply.text!r}")
    await read_all(world, s)


async def read_all(world, s):
    count = len(s.view.uids)
    if count:
        reply, news = await s.command("FETCH 1:* (UID FLAGS MODSEQ)" if s.condstore or s.qresync else "FETCH 1:* (UID FLAGS)")
        told = {r.number for r in news if r.kind == "FETCH"}
        check(reply.kind == "OK" and (reply.code == "EXPUNGEISSUED" or told >= set(range(1, count + 1))), f"FETCH 1:* of {count} told {len(told)}")


async def resync(world, s, mailbox, old):
    """Leaves and comes back by QRESYNC with what was known: that and the news must be the mailbox."""
    await s.ok("CLOSE" if s.read_only else "UNSELECT")
    s.mailbox = None
    validity = world.validity[mailbox]
    reply, news = await s.select(mailbox, "SELECT", f" (QRESYNC ({validity} {old.highest}))")
    check(reply.kind == "OK", f"QRESYNC: {reply.text!r}")
    told = {r.uid for r in news if r.kind == "FETCH"}
    for number, uid in enumerate(resumed(old.uids, news), 1):
        s.view.name(number, uid)
        if uid not in told:
            for now, before in ((s.view.flags, old.flags), (s.view.modseq, old.modseq)):
                if uid in before:
                    now[uid] = before[uid]


def resumed(old, news):
    """The UIDs that a QRESYNC SELECT leaves, from those known before and what it told: the resynchronisation first, then perhaps what other sessions did
    while it ran, as news (VANISHED without EARLIER, EXISTS again), of which new messages have no UID yet."""
    first, *_ = counts = [at for at, r in enumerate(news) if r.kind == "EXISTS"]
    later = counts[1] if len(counts) > 1 else len(news)
    gone = {uid for r in news if r.kind == "VANISHED" and r.earlier for low, high in r.uids for uid in range(low, high + 1)}
    left = [uid for uid in old if uid not in gone]
    left += sorted({r.uid for r in news[:later] if r.kind == "FETCH" and r.uid > (old[-1] if old else 0)})
    check(len(left) == news[first].number, f"QRESYNC of {len(old)} messages, {len(gone)} gone: {len(left)} remain, {news[first].number} EXISTS")
    gone = {uid for r in news if r.kind == "VANISHED" and not r.earlier for low, high in r.uids for uid in range(low, high + 1)}
    return [uid for uid in left if uid not in gone]


async def fetch(world, s):
    uids = known_uids(s)
    if not uids:
        return await s.ok("NOOP")
    items = world.random.choice(ITEMS)
    if world.random.random() < 0.5:
        chosen, text = some(world, uids)
        reply, news = await s.command(f"UID FETCH {text} ({items})")
        seen = {r.uid for r in news if r.kind == "FETCH"}
        missing = [u for u in chosen if u in s.view.uids and u not in seen]   # gone, and not told yet
        check(reply.kind == "OK" and (not missing or reply.code == "EXPUNGEISSUED"), f"UID FETCH did not answer for {missing}: {reply.text!r}")
    else:
        _, text = some(world, list(range(1, len(s.view.uids) + 1)))
        reply, news = await s.command(f"FETCH {text} ({items})")
        check(reply.kind == "OK", f"FETCH: {reply.text!r}")
    learn(s, news)


async def store(world, s):
    uids = known_uids(s)
    if not uids or s.read_only:
        return await noop(world, s)
    chosen, text = some(world, uids)
    sign = world.random.choice(["+", "+", "-", ""])
    flags = world.random.sample(FLAGS + ["\\Deleted"] * (sign != "-"), world.random.randint(1, 3))
    flags = list(dict.fromkeys(flags))
    silent = world.random.random() < 0.4
    if "\\Deleted" in flags:
        world.may_go(s.mailbox_key, chosen)
    unchanged = f" (UNCHANGEDSINCE {s.view.highest})" if s.qresync and s.view.highest and world.random.random() < 0.2 else ""
    reply, news = await s.command(f"UID STORE {text}{unchanged} {sign}FLAGS{'.SILENT' * silent} ({' '.join(flags)})")
    check(reply.kind == "OK", f"STORE: {reply.text!r}")
    here, told = set(s.view.uids), told_flags(news)
    failed = {u for low, high in reply.argument for u in range(low, high + 1)} if reply.code == "MODIFIED" else set()
    done = [uid for uid in chosen if uid in here and uid not in failed]
    if silent:
        return s.stored(done, sign, flags, told)
    wanted = {f.lower().encode() for f in flags}
    check(set(done) <= told, f"STORE did not tell the flags of {sorted(set(done) - told)}")
    for uid in done if world.alone else ():
        now = s.view.flags[uid]
        check(wanted <= now if sign == "+" else not wanted & now if sign == "-" else wanted == now, f"STORE {sign}{flags} of {uid} made {now}")
    return None


async def search(world, s):
    kind = world.random.choice(["SEARCH ALL", "UID SEARCH ALL", "UID SEARCH RETURN (ALL COUNT) UNDELETED", "SEARCH FLAGGED",
                                "UID SEARCH RETURN (MIN MAX) SEEN", "UID SORT (DATE) UTF-8 ALL", "UID SEARCH BODY text", "UID THREAD REFERENCES UTF-8 ALL"])
    if not s.view:
        return
    before = len(s.view.uids)
    news = await s.ok(kind)
    if kind == "SEARCH ALL":
        found = {n for reply in news if reply.kind == "SEARCH" for n in reply.numbers}
        check(found <= set(range(1, len(s.view.uids) + 1)), f"SEARCH ALL of {before} to {len(s.view.uids)}: {sorted(found)}")


async def append(world, s):
    mailbox = world.random.choice(world.mailboxes)
    if world.crowded(mailbox):
        return await noop(world, s)
    name, data = world.message(s)
    reply = await s.append(mailbox, data, world.random.choice(["", "\\Seen", "$Label1"]))
    check(reply.kind == "OK" and reply.code == "APPENDUID", f"APPEND: {reply.kind} {reply.text!r}")
    (low, high), = reply.argument[1]
    check(low == high, "APPENDUID of one message")
    world.came((s.account, mailbox), low, name)


def pairs(ranges):
    return [uid for low, high in ranges for uid in (range(low, high + 1) if low <= high else range(low, high - 1, -1))]


async def copy(world, s):
    uids = known_uids(s)
    if not uids:
        return await noop(world, s)
    move = world.random.random() < 0.4 and not s.read_only
    target = world.random.choice([m for m in world.mailboxes if m != s.mailbox] or world.mailboxes)
    if world.crowded(target) and not move:
        return await noop(world, s)
    chosen, text = some(world, uids)
    source_key = s.mailbox_key
    if move:
        world.may_go(source_key, chosen)
    reply, news = await s.command(f"UID {'MOVE' if move else 'COPY'} {text} {target}")
    check(reply.kind == "OK", f"{'MOVE' if move else 'COPY'}: {reply.kind} {reply.text!r}")
    codes = [r.argument for r in [*news, reply] if r.code == "COPYUID"]
    for _, source, into in codes:
        source, into = pairs(source), pairs(into)
        check(set(source) <= set(chosen), f"COPYUID of {source}, asked for {chosen}")
        for old, new in zip(source, into):
            world.copied(source_key, old, (s.account, target), new)
        if move:
            check(not set(source) & set(s.view.uids), "a moved message is still shown")
    return None


async def expunge(world, s):
    if s.read_only or not s.view:
        return await noop(world, s)
    uids = known_uids(s)
    if uids and world.random.random() < 0.5:
        chosen, text = some(world, uids, 20)
        return await s.ok(f"UID EXPUNGE {text}")
    return await s.ok("EXPUNGE")


async def idle(world, s):
    s.idling = True
    s.results.pop("+", None)
    tag = s.send("IDLE")
    while "+" not in s.results:
        await s.read()
    await world.wait_or_pause(s, world.random.uniform(0.05, 1.0))
    s.write(b"DONE\r\n")
    reply = await s.result(tag)
    s.idling = False
    check(reply.kind == "OK", f"IDLE: {reply.text!r}")


async def noop(world, s):
    await s.ok(world.random.choice(["NOOP", "CHECK", "NOOP"]) if s.view else "NOOP")


async def pipelined(world, s):
    """Several commands in one packet, answered in their order."""
    if not s.view:
        return await noop(world, s)
    tags = [s.send(text) for text in ("NOOP", "UID FETCH 1:* (UID FLAGS)", "UID SEARCH ALL", "NOOP")]
    for tag in tags:
        check((await s.result(tag)).kind == "OK", "a pipelined command")


async def status(world, s):
    mailbox = world.random.choice(world.mailboxes)
    news = await s.ok(f"STATUS {mailbox} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)")
    values = next(r for r in news if r.kind == "STATUS").values
    check(values["MESSAGES"] < values["UIDNEXT"] and values["UNSEEN"] <= values["MESSAGES"], f"STATUS {values}")


async def leave(world, s):
    """LOGOUT or just gone; and back."""
    if world.random.random() < 0.6:
        await s.ok("LOGOUT")
    s.close()
    await world.enter(s)


async def unselect(world, s):
    if s.view and not s.read_only and world.random.random() < 0.2:
        await s.ok("CLOSE")
    elif s.view:
        await s.ok("UNSELECT")
    s.mailbox = None
    await select(world, s)


WEIGHTS = {fetch: 20, store: 20, search: 8, append: 12, copy: 10, expunge: 5, idle: 6, noop: 6, pipelined: 3, status: 3, select: 4, leave: 2, unselect: 1}
