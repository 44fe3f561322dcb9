"""FETCH replies: items, ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2)."""
import re

SECTION = re.compile(rb"\[((?:[1-9]\d*(?:\.[1-9]\d*)*)?)(\.?)")
ORIGIN = re.compile(rb"<\d+>")


def address(c):
    c.need(b"(")
    parts = []
    for n in range(4):
        parts.append(c.seven_bit(c.nstring()))
        if n < 3:
            c.sp()
    c.need(b")")
    return parts


def addresses(c):
    """"(" 1*address ")" / nil: nothing between them, and no empty list."""
    if c.nil():
        return []
    c.need(b"(")
    out = [address(c)]
    while not c.take(b")"):
        out.append(address(c))
    return out


def envelope(c):
    c.need(b"(")
    c.seven_bit(c.nstring())          # date
    c.sp()
    c.seven_bit(c.nstring())          # subject
    for _ in ("from", "sender", "reply-to", "to", "cc", "bcc"):
        c.sp()
        addresses(c)
    c.sp()
    c.seven_bit(c.nstring())          # in-reply-to
    c.sp()
    c.seven_bit(c.nstring())          # message-id
    c.need(b")")


def string7(c):
    return c.seven_bit(c.string())


def nstring7(c):
    return c.seven_bit(c.nstring())


def parameters(c):
    if c.nil():
        return
    values = c.parenthesized(lambda: string7(c), least=1)
    if len(values) % 2:
        c.fail("a parameter without value")


def disposition(c):
    if c.nil():
        return
    c.need(b"(")
    string7(c)
    c.sp()
    parameters(c)
    c.need(b")")


def language(c):
    if c.peek(b"("):
        c.parenthesized(lambda: string7(c), least=1)
    else:
        nstring7(c)


def extension_tail(c):
    """[SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]; servers MUST NOT send body-extension."""
    for part in (disposition, language, nstring7):
        if c.peek(b")"):
            return
        c.sp()
        part(c)


def body(c, extended, depth=0):
    """body; extended: BODYSTRUCTURE, whose parts may have extension data, while BODY's MUST NOT."""
    if depth > 200:
        c.fail("parts too deep")
    c.need(b"(")
    if c.peek(b"("):
        while c.peek(b"("):
            body(c, extended, depth + 1)
        c.sp()
        string7(c)
        if extended and not c.peek(b")"):
            c.sp()
            parameters(c)
            extension_tail(c)
    else:
        one_part(c, extended, depth)
    c.need(b")")


def one_part(c, extended, depth):
    start = c.at
    kind = string7(c).upper()
    c.sp()
    kind += b"/" + string7(c).upper()
    quoted = c.data[start:c.at].count(b'"') == 4
    c.sp()
    parameters(c)
    for part in (nstring7, nstring7, string7):   # id, description, encoding
        c.sp()
        part(c)
    c.sp()
    c.number()
    if kind == b"MESSAGE/RFC822" or kind == b"MESSAGE/GLOBAL" and (c.rev2 or c.peek(b" (")):   # GLOBAL: RFC 9051; basic in RFC 3501
        if not quoted:
            c.fail("media-message must be quoted")
        c.sp()
        envelope(c)
        c.sp()
        body(c, extended, depth + 1)
        c.sp()
        c.number64()
    elif kind.startswith(b"TEXT/"):
        c.sp()
        c.number64()
    if extended and not c.peek(b")"):
        c.sp()
        nstring7(c)   # md5
        extension_tail(c)


def section(c, binary=False):
    """"[" [section-spec] "]": returns its text."""
    start = c.at
    found = c.match(SECTION, "a section")
    numbers, dot = found.group(1), found.group(2)
    if bool(dot) and not numbers:
        c.fail("a section")
    if dot or (not numbers and not c.peek(b"]")):
        if binary:
            c.fail("a section of BINARY is numbers")
        if c.take(b"HEADER.FIELDS"):
            c.take(b".NOT")
            c.sp()
            c.parenthesized(c.astring, least=1)
        elif not (c.take(b"HEADER") or c.take(b"TEXT") or numbers and c.take(b"MIME")):
            c.fail("a section")
    c.need(b"]")
    return c.data[start:c.at]


def nstring_or_literal8(c):
    return c.literal8() if c.peek(b"~") else c.nstring()


def item(c):
    """One msg-att. Returns (name, value); the name of a section is its text."""
    start = c.at
    for name in (b"BINARY.SIZE", b"BINARY", b"BODYSTRUCTURE", b"BODY", b"RFC822.SIZE", b"RFC822.HEADER", b"RFC822.TEXT", b"RFC822", b"ENVELOPE",
                 b"FLAGS", b"INTERNALDATE", b"UID", b"MODSEQ", b"EMAILID", b"THREADID", b"PREVIEW", b"SAVEDATE"):
        if c.take(name):
            break
    else:
        c.fail("a FETCH item")
    if name in (b"BINARY.SIZE", b"BINARY", b"BODY") and c.peek(b"["):
        section(c, name != b"BODY")
        if name != b"BINARY.SIZE" and c.peek(b"<"):
            c.match(ORIGIN, "an origin")
        label = c.data[start:c.at].upper()
        c.sp()
        if name == b"BINARY.SIZE":
            return label, c.number()
        return label, nstring_or_literal8(c) if name == b"BINARY" else c.nstring()
    if name in (b"BINARY.SIZE", b"BINARY"):
        c.fail("a section")
    c.sp()
    return name, VALUES[name](c)


def modseq(c):
    c.need(b"(")
    value = c.number64(1)
    c.need(b")")
    return value


VALUES = {
    b"BODYSTRUCTURE": lambda c: body(c, True), b"BODY": lambda c: body(c, False), b"ENVELOPE": envelope,
    b"RFC822.SIZE": lambda c: c.number64(), b"RFC822.HEADER": lambda c: c.nstring(), b"RFC822.TEXT": lambda c: c.nstring(),
    b"RFC822": lambda c: c.nstring(), b"FLAGS": lambda c: c.flag_list(recent=True), b"INTERNALDATE": lambda c: c.date_time(),
    b"UID": lambda c: c.nz_number(), b"MODSEQ": modseq,
    b"EMAILID": lambda c: c.object_id(),                                   # RFC 8474
    b"THREADID": lambda c: None if c.nil() else c.object_id(),
    b"PREVIEW": lambda c: preview(c),                                      # RFC 8970
    b"SAVEDATE": lambda c: None if c.nil() else c.date_time(),             # RFC 8514
}


def preview(c):
    """RFC 8970 section 3.2: UTF-8, at most 256 characters; 8-bit octets in a literal are no matter of ENABLE."""
    value = c.nstring()
    if value is not None:
        try:
            if len(value.decode()) > 256:
                c.fail("a PREVIEW of more than 256 characters")
        except UnicodeDecodeError:
            c.fail("a PREVIEW that is not UTF-8")
    return value


def attributes(c):
    """msg-att: a dict, each item once."""
    items = {}

    def one():
        name, value = item(c)
        if name in items:
            c.fail(f"{name!r} twice in one FETCH")
        items[name] = value
    c.parenthesized(one, least=1)
    return items
