"""One reply as a value: (kind, fields). Kinds: "+", a tagged condition, and each kind of untagged data that a server may send."""
import re

from . import mailboxes, messages, searches
from .syntax import Cursor
from .tables import ATTRIBUTES, CODES, XLIST_ATTRIBUTES, capabilities

BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\r\n")
TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')   # 1*ASTRING-CHAR except "+"


class Reply:
    def __init__(self, kind, **fields):
        self.kind, self.tag, self.code, self.argument = kind, None, None, None
        self.__dict__.update(fields)


def parse(data, utf8=False, text_utf8=False, rev2=False):
    """The whole reply with its CRLF. utf8: strings may carry it; text_utf8: human readable text may (RFC 5255)."""
    c = Cursor(data, utf8, rev2)
    if c.take(b"+"):
        c.sp() if c.data != b"+ \r\n" else c.need(b" ")
        if c.peek(b"["):
            return condition(c, Reply("+"), "OK", text_utf8)
        reply = Reply("+", text=c.data[c.at:-2], base64=bool(BASE64.fullmatch(c.data, c.at)))
        if reply.text and not reply.base64:
            c.utf8 = utf8 or text_utf8
            c.text()
        return reply
    if c.take(b"*"):
        c.sp()
        return untagged(c, text_utf8)
    tag = c.match(TAG, "a tag").group()
    c.sp()
    kind = c.keyword().decode()
    if kind not in ("OK", "NO", "BAD"):
        c.fail("OK, NO or BAD expected")
    return condition(c, Reply(kind, tag=tag.decode()), kind, text_utf8)


def condition(c, reply, kind, text_utf8):
    """SP ["[" resp-text-code "]" SP] text"""
    if reply.kind != "+":
        c.sp()
    if c.take(b"["):
        name = c.keyword()
        if name not in CODES:
            c.fail(f"unknown response code {name!r}")
        read, where = CODES[name]
        if kind not in where:
            c.fail(f"response code {name!r} with {kind}")
        reply.code, reply.argument = name.decode(), read(c)
        c.need(b"]")
        c.sp()
    c.utf8 = c.utf8 or text_utf8
    reply.text = c.text()
    c.crlf()
    return reply


def untagged(c, text_utf8):
    if c.data[c.at:c.at + 1].isdigit():
        reply = numbered(c)
    else:
        name = c.keyword().decode()
        if name in ("OK", "NO", "BAD", "BYE", "PREAUTH"):
            return condition(c, Reply(name), name, text_utf8)
        if name not in DATA:
            c.fail(f"unknown response {name!r}")
        reply = Reply(name, **(DATA[name](c) or {}))
    c.crlf()
    return reply


def numbered(c):
    n = c.number()
    c.sp()
    kind = c.keyword().decode()
    if kind not in ("EXISTS", "RECENT", "EXPUNGE", "FETCH", "UIDFETCH"):
        c.fail(f"unknown message data {kind!r}")
    if kind in ("EXPUNGE", "FETCH", "UIDFETCH") and n == 0:
        c.fail("message 0")
    reply = Reply(kind, number=n)
    if kind.endswith("FETCH"):   # RFC 9586: the number of UIDFETCH is the UID
        c.sp()
        reply.items = messages.attributes(c)
    return reply


def id_fields(c):
    """"(" [string SP nstring *(SP string SP nstring)] ")" / nil (RFC 2971), at most 30 fields of 30 and 1024 octets."""
    c.sp()
    if c.nil():
        return None
    values = c.parenthesized(c.nstring)
    if len(values) % 2 or None in values[::2] or len(values) > 60 or any(len(v or b"") > 1024 for v in values) or any(len(k) > 30 for k in values[::2]):
        c.fail("fields of ID")
    return None


def url_fetch(c):
    """1*(SP url-full SP nstring) (RFC 4467), or parenthesized metadata behind the URL (RFC 5524)."""
    least = True
    while least or c.peek(b" "):
        least = False
        c.sp()
        c.astring()
        c.sp()
        if not c.peek(b"("):
            c.nstring()
            continue
        while True:
            c.need(b"(")
            if c.take(b"BODYPARTSTRUCTURE"):
                c.sp()
                messages.body(c, True)
            elif c.take(b"BINARY"):
                c.sp()
                messages.nstring_or_literal8(c)
            else:
                c.need(b"BODY")
                c.sp()
                c.nstring()
            c.need(b")")
            if not c.peek(b" ("):
                break
            c.sp()


def url_auth(c):
    c.sp()
    c.astring()
    while c.peek(b" "):
        c.sp()
        c.astring()


def languages(c):
    c.sp()
    tags = c.parenthesized(c.astring, least=1)
    if any(not re.fullmatch(rb"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*", t) for t in tags):
        c.fail(f"language tags {tags}")
    return dict(tags=tags)


def comparator(c):
    c.sp()
    c.astring()
    if c.peek(b" "):
        c.sp()
        c.parenthesized(c.astring, least=1)


def push(c):
    """XAPPLEPUSHSERVICE: pairs of a name and a quoted value, or "mailbox" and its name."""
    while c.peek(b" "):
        c.sp()
        c.astring()
        c.sp()
        c.string()


def flags(c):
    c.sp()
    return dict(flags=c.flag_list())


def words(c):
    names = []
    while c.peek(b" "):
        c.sp()
        names.append(c.word().upper())
    return dict(names=names)


DATA = {
    "CAPABILITY": lambda c: dict(names=capabilities(c)), "ENABLED": words, "FLAGS": flags, "ID": id_fields, "NAMESPACE": mailboxes.namespace,
    "LIST": lambda c: mailboxes.mailbox_list(c, ATTRIBUTES, True), "LSUB": lambda c: mailboxes.mailbox_list(c, ATTRIBUTES, False),
    "XLIST": lambda c: mailboxes.mailbox_list(c, ATTRIBUTES | XLIST_ATTRIBUTES, False), "STATUS": mailboxes.status, "SEARCH": searches.numbers, "SORT": searches.numbers,
    "THREAD": searches.thread, "ESEARCH": searches.esearch, "VANISHED": searches.vanished, "UIDBATCHES": searches.uid_batches, "QUOTA": mailboxes.quota, "QUOTAROOT": mailboxes.quota_root, "ACL": mailboxes.acl,
    "LISTRIGHTS": mailboxes.list_rights, "MYRIGHTS": mailboxes.my_rights, "METADATA": mailboxes.metadata, "URLFETCH": url_fetch, "GENURLAUTH": url_auth, "LANGUAGE": languages,
    "COMPARATOR": comparator, "XAPPLEPUSHSERVICE": push,
}
