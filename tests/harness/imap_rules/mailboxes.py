"""Untagged data about mailboxes: LIST, STATUS, NAMESPACE, QUOTA, ACL, METADATA."""
import re

from . import messages
from .tables import SELECTABILITY, SPECIAL_USES

def mailbox_list(c, known, extended):
    c.sp()
    attributes = [a.lower() for a in c.parenthesized(lambda: (c.need(b"\\"), b"\\" + c.word())[1])]
    if not set(attributes) <= known:
        c.fail(f"unknown attribute in {attributes}")
    if len(set(attributes)) != len(attributes) or len(SELECTABILITY & set(attributes)) > 1 or len(SPECIAL_USES & set(attributes)) > 1 \
            or {b"\\haschildren", b"\\hasnochildren"} <= set(attributes):
        c.fail(f"attributes that exclude each other: {attributes}")
    c.sp()
    delimiter = None
    if not c.nil():
        if not c.peek(b'"'):
            c.fail("a quoted delimiter")
        delimiter = c.string()
        if len(delimiter) != 1:
            c.fail("a delimiter of one character")
    c.sp()
    name = c.mailbox()
    if not name and delimiter and b"\\noselect" not in attributes:
        c.fail("a mailbox without name")   # LIST "" "" alone names the root
    items = {}
    if extended and c.peek(b" "):
        c.sp()
        c.parenthesized(lambda: extended_item(c, items))
    return dict(mailbox=name, attributes=attributes, old_name=items.get(b"OLDNAME"))


def extended_item(c, items):
    tag = c.astring().upper()
    if tag in items:
        c.fail(f"{tag!r} twice")
    items[tag] = None
    c.sp()
    if tag == b"CHILDINFO":
        if set(x.upper() for x in c.parenthesized(c.string, least=1)) - {b"SUBSCRIBED"}:
            c.fail("CHILDINFO")
    elif tag == b"OLDNAME":
        c.need(b"(")
        items[tag] = c.mailbox()
        c.need(b")")
    else:
        c.fail(f"unknown extended item {tag!r}")


STATUS = {"MESSAGES": lambda c: c.number(), "RECENT": lambda c: c.number(), "UNSEEN": lambda c: c.number(), "DELETED": lambda c: c.number(),
          "UIDNEXT": lambda c: c.nz_number(), "UIDVALIDITY": lambda c: c.nz_number(), "SIZE": lambda c: c.number64(),
          "HIGHESTMODSEQ": lambda c: c.number64(), "DELETED-STORAGE": lambda c: c.number64(), "MAILBOXID": lambda c: c.object_id(),
          "APPENDLIMIT": lambda c: None if c.nil() else c.number()}


def status(c):
    c.sp()
    mailbox, values = c.mailbox(), {}
    c.sp()

    def one():
        name = c.keyword().decode()
        if name not in STATUS or name in values:
            c.fail(f"STATUS item {name!r}")
        c.sp()
        values[name] = STATUS[name](c)
    c.parenthesized(one)
    return dict(mailbox=mailbox, values=values)


def namespace(c):
    for _ in range(3):
        c.sp()
        if c.nil():
            continue
        c.need(b"(")
        while True:
            c.need(b"(")
            c.mailbox()
            c.sp()
            if not c.nil() and len(c.string()) != 1:
                c.fail("a delimiter of one character")
            while c.peek(b" "):   # TRANSLATION (RFC 5255 section 3.4)
                c.sp()
                if c.string().upper() != b"TRANSLATION":
                    c.fail("unknown extension of NAMESPACE")
                c.sp()
                c.parenthesized(c.mailbox, least=1)
            c.need(b")")
            if c.take(b")"):
                break


def quota(c):
    c.sp()
    c.astring()
    c.sp()
    names = []

    def one():
        names.append(c.keyword())
        c.sp()
        c.number64()
        c.sp()
        c.number64()
    c.parenthesized(one)   # RFC 2087 allowed an empty list; RFC 9208 section 4.2.1 speaks of roots without limits
    if len(set(names)) != len(names) or set(names) - {b"STORAGE", b"MESSAGE", b"MAILBOX", b"ANNOTATION-STORAGE"}:
        c.fail(f"resources {names}")


def quota_root(c):
    c.sp()
    c.mailbox()
    while c.peek(b" "):
        c.sp()
        c.astring()


RIGHTS = re.compile(rb"[a-z0-9]*")


def rights(c):
    text = c.astring()
    if not RIGHTS.fullmatch(text) or len(set(text)) != len(text):
        c.fail(f"rights {text!r}")


def acl(c):
    c.sp()
    c.mailbox()
    while c.peek(b" "):
        c.sp()
        c.astring()
        c.sp()
        rights(c)


def list_rights(c):
    c.sp()
    c.mailbox()
    c.sp()
    c.astring()
    c.sp()
    rights(c)
    while c.peek(b" "):
        c.sp()
        rights(c)


def my_rights(c):
    c.sp()
    c.mailbox()
    c.sp()
    rights(c)


def entry_name(c):
    name = c.astring()
    if not re.fullmatch(rb"/(?:private|shared)(?:/[^/*%\x00-\x19\x7f-\xff]+)+", name, re.I):
        c.fail(f"entry {name!r}")   # RFC 5464 section 3.2


def metadata(c):
    c.sp()
    c.mailbox()
    c.sp()
    if c.peek(b"("):
        c.parenthesized(lambda: (entry_name(c), c.sp(), messages.nstring_or_literal8(c)), least=1)
        return
    entry_name(c)
    while c.peek(b" "):
        c.sp()
        entry_name(c)
