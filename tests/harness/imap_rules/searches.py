"""What searches answer: SEARCH, SORT, THREAD, ESEARCH, and sets of UIDs (RFC 9051, 5256, 4731, 5267, 7162, 7377, 9394, 10022)."""
import re

def numbers(c):
    """*(SP nz-number) [SP "(MODSEQ n)"] (RFC 7162 section 7): MODSEQ only behind a number."""
    out, modseq = [], None
    while c.peek(b" "):
        c.sp()
        if c.take(b"(MODSEQ"):
            c.sp()
            modseq = c.number64(1)
            c.need(b")")
            if not out:
                c.fail("MODSEQ without numbers")
            break
        out.append(c.nz_number())
    if len(set(out)) != len(out):
        c.fail("a number twice")
    return dict(numbers=out, modseq=modseq)


TREE = re.compile(rb"[()]|[1-9]\d*| ")


def thread(c):
    """[SP 1*thread-list] (RFC 5256 section 5), without recursion: a thread is as deep as the mailbox is long."""
    if not c.peek(b" "):
        return dict(numbers=[])
    c.sp()
    if not c.peek(b"("):
        c.fail("a thread list")
    seen, stack, last = [], [], b")"   # stack: of each open list its numbers and its branches
    while stack or not c.peek(b"\r"):
        token = c.match(TREE, "a thread list").group()
        members, branches = stack[-1] if stack else (0, 2)
        if token == b"(":
            good = last == (b")" if branches else b" " if members else b"(")
            if stack:
                stack[-1][1] += 1
            stack.append([0, 0])
        elif token == b")":
            good = stack and (last.isdigit() or last == b")" and branches > 1)
            stack = stack[:-1]
        elif token == b" ":
            good = stack and last.isdigit()
        else:
            good = stack and not branches and last in (b"(", b" ")
            seen.append(token)
            if stack:
                stack[-1][0] += 1
        if not good:
            c.fail("a thread list")
        last = token
    if len(set(seen)) != len(seen):
        c.fail("a message twice")
    return dict(numbers=[int(n) for n in seen])


def correlators(c):
    """RFC 7377 section 4: each exactly once; MAILBOX and UIDVALIDITY together. TAG always, for phones."""
    found = {}

    def one():
        name = c.keyword().decode()
        if name in found:
            c.fail(f"{name} twice")
        c.sp()
        found[name] = {"TAG": lambda: c.astring().decode(), "MAILBOX": c.mailbox, "UIDVALIDITY": c.nz_number}.get(
            name, lambda: c.fail(f"unknown correlator {name}"))()
    c.parenthesized(one, least=1)
    if set(found) not in ({"TAG"}, {"TAG", "MAILBOX", "UIDVALIDITY"}):
        c.fail(f"correlators {sorted(found)}")
    return found


def esearch(c):
    c.sp()
    found, data = correlators(c), {}
    uid = False
    while c.peek(b" "):
        c.sp()
        name = c.keyword().decode()
        if name == "UID" and not data and not uid:
            uid = True
            continue
        if name in data and name not in ("ADDTO", "REMOVEFROM") or name not in RETURNED:
            c.fail(f"ESEARCH item {name!r}")
        c.sp()
        data[name] = RETURNED[name](c)
    if found.get("MAILBOX") is not None and not uid:
        c.fail("ESEARCH of a mailbox without UID")
    scores = data.get("RELEVANCY")   # RFC 6203 section 4: one for each message
    named = data.get("PARTIAL", (0, 0, 0, None))[3] if "PARTIAL" in data else data.get("ALL")
    if scores is not None and named is not None and len(scores) != sum(abs(high - low) + 1 for low, high in named):
        c.fail("RELEVANCY of more or fewer messages")
    if data.get("COUNT") == 0 and {"MIN", "MAX", "ALL"} & set(data):
        c.fail("results where COUNT is 0")
    return dict(correlators=found, uid=uid, data=data)


def partial(c):
    c.need(b"(")
    sign = c.take(b"-")
    low = c.nz_number()
    c.need(b":-" if sign else b":")
    high = c.nz_number()
    c.sp()
    hits = [] if c.nil() else c.sequence_set()
    c.need(b")")
    return sign, low, high, hits


def positions(c):
    """context-position SP sequence-set *(SP ...) (RFC 5267 section 5)."""
    c.need(b"(")
    out = []
    while True:
        position = c.number()
        c.sp()
        out.append((position, c.sequence_set()))
        if c.take(b")"):
            return out
        c.sp()


RETURNED = {"MIN": lambda c: c.nz_number(), "MAX": lambda c: c.nz_number(), "COUNT": lambda c: c.number(), "ALL": lambda c: c.sequence_set(),
            "MODSEQ": lambda c: c.number64(1), "PARTIAL": partial, "ADDTO": positions, "REMOVEFROM": positions,
            "RELEVANCY": lambda c: c.parenthesized(lambda: c.number(101, 1))}


def vanished(c):
    c.sp()
    earlier = c.take(b"(EARLIER)")
    if earlier:
        c.sp()
    return dict(earlier=earlier, uids=c.sequence_set())


def uid_batches(c):
    """RFC 10022: descending ranges, the higher UID first."""
    c.sp()
    found = correlators(c)
    ranges = []
    if c.peek(b" "):
        c.sp()
        ranges = c.sequence_set()
    flat = [uid for pair in ranges for uid in pair]
    if any(a < b for a, b in ranges) or any(flat[n] <= flat[n + 1] for n in range(1, len(flat) - 1, 2)):
        c.fail("batches that do not descend")
    return dict(correlators=found, ranges=ranges)
