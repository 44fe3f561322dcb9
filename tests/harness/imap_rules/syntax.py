"""Tokens of a reply (RFC 9051 section 9, RFC 3501 section 9, RFC 4466). One method for one production; a reply is one bytes object with its
literals in place."""
import re

MAX32, MAX63 = 2**32, 2**63
ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')           # atom = 1*ATOM-CHAR
ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')          # ASTRING-CHAR: with "]"
QUOTED = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
LITERAL = re.compile(rb"\{(\d{1,19})\}\r\n")
DIGITS = re.compile(rb"\d+")
SET = re.compile(rb"\d+(?::\d+)?(?:,\d+(?::\d+)?)*")
DATE_TIME = re.compile(rb'"( [1-9]|0[1-9]|[12]\d|3[01])-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-(\d{4}) '
                       rb'([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) ([-+])([01]\d|2[0-3])([0-5]\d)"')
OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")                  # RFC 8474 section 7
SYSTEM_FLAGS = {b"\\answered", b"\\flagged", b"\\deleted", b"\\seen", b"\\draft"}
UTF7_PIECE = re.compile(r"&([A-Za-z0-9+,]*)-")


class Deviation(AssertionError):
    """A reply that breaks a rule; the text says where."""


class Cursor:
    def __init__(self, data, utf8=False, rev2=False):
        self.data, self.at, self.utf8, self.rev2 = data, 0, utf8, rev2   # utf8: ENABLE UTF8=ACCEPT or IMAP4rev2 was answered

    def fail(self, what):
        raise Deviation(f"{what} at octet {self.at}: {self.data[max(0, self.at - 60):self.at]!r} -> {self.data[self.at:self.at + 60]!r}")

    # --- characters ---
    def peek(self, text):
        return self.data.startswith(text, self.at)

    def take(self, text):
        """Does the reply go on with `text`? Consumes it, letters in any case."""
        if self.data[self.at:self.at + len(text)].upper() != text.upper():
            return False
        self.at += len(text)
        return True

    def need(self, text):
        if not self.take(text):
            self.fail(f"{text!r} expected")

    def sp(self):
        self.need(b" ")
        if self.peek(b" "):
            self.fail("two spaces")

    def match(self, pattern, what):
        found = pattern.match(self.data, self.at)
        if not found:
            self.fail(f"{what} expected")
        self.at = found.end()
        return found

    def crlf(self):
        self.need(b"\r\n")
        if self.at != len(self.data):
            self.fail("the end of the reply expected")

    # --- numbers ---
    def number(self, limit=MAX32, least=0):
        n = int(self.match(DIGITS, "a number").group())
        if not least <= n < limit:
            self.fail(f"number {n} out of range")
        return n

    def nz_number(self):
        return self.number(least=1)

    def number64(self, least=0):
        return self.number(MAX63, least)

    def sequence_set(self):
        """In replies: no "*" and no "$". Returns [(low, high)] in the order of the reply."""
        return self.check_set(self.match(SET, "a set of numbers").group())

    def check_set(self, text):
        ranges = []
        for piece in text.split(b","):
            first, _, last = piece.partition(b":")
            low, high = int(first), int(last or first)
            if not 0 < low < MAX32 or not 0 < high < MAX32:
                self.fail(f"a set with {piece!r}")
            ranges.append((low, high))
        return ranges

    # --- words ---
    def word(self):
        return self.match(ATOM, "an atom").group()

    def keyword(self):
        """An atom whose case does not matter."""
        return self.word().upper()

    def astring(self):
        if self.peek(b'"') or self.peek(b"{"):
            return self.string()
        return self.match(ASTRING, "an astring").group()

    def string(self):
        if self.peek(b"{"):
            return self.literal()
        found = self.match(QUOTED, "a quoted string")
        text = re.sub(rb"\\(.)", rb"\1", found.group(1))
        if not text.isascii():
            self.check_utf8(text)
        return text

    def check_utf8(self, text):
        """RFC 6855 section 3, RFC 9051 section 4.3: 8-bit octets in a quoted string only as UTF-8, and only for a client that asked."""
        if not self.utf8:
            self.fail(f"8-bit octets in a quoted string: {text[:60]!r}")
        try:
            text.decode()
        except UnicodeDecodeError:
            self.fail(f"not UTF-8: {text[:60]!r}")

    def literal(self):
        size = int(self.match(LITERAL, "a literal").group(1))
        text = self.octets(size)
        if b"\0" in text:
            self.fail("NUL in a literal (only literal8 may carry it)")
        return text

    def octets(self, size):
        if self.at + size > len(self.data):
            self.fail(f"a literal of {size} octets is not there")
        text = self.data[self.at:self.at + size]
        self.at += size
        return text

    def literal8(self):
        """RFC 3516 section 4.5."""
        self.need(b"~")
        return self.octets(int(self.match(LITERAL, "a literal8").group(1)))

    def nil(self):
        return self.take(b"NIL")

    def nstring(self):
        return None if self.at_nil() and self.nil() else self.string()

    def at_nil(self):
        return self.data[self.at:self.at + 3].upper() == b"NIL"

    def seven_bit(self, text):
        """ENVELOPE and BODYSTRUCTURE: RFC 2047 and 2231 forms as they came, also in literals; 8-bit octets only when UTF-8 was asked for."""
        if text is not None and not text.isascii():
            self.check_utf8(text)
        return text

    def parenthesized(self, item, least=0):
        """"(" item *(SP item) ")" """
        self.need(b"(")
        out = []
        if self.peek(b")") and not least:
            self.at += 1
            return out
        while True:
            out.append(item())
            if self.take(b")"):
                return out
            self.sp()

    # --- names ---
    def mailbox(self):
        name = self.astring()
        if not name.isascii():
            self.check_utf8(name)
            return name.decode()
        text = name.decode()
        if any(c < " " or c == "\x7f" for c in text):
            self.fail(f"a control character in a mailbox name: {text!r}")
        return text if self.utf8 else self.modified_utf7(text)

    def modified_utf7(self, text):
        """RFC 3501 section 5.1.3, and only its one right form."""
        out, at = "", 0
        for piece in UTF7_PIECE.finditer(text):
            out += text[at:piece.start()] + (self.shifted(piece.group(1), text) if piece.group(1) else "&")
            at = piece.end()
        rest = out + text[at:]
        if "&" in text[at:] or UTF7_PIECE.search(text) and encode_modified_utf7(rest) != text:
            self.fail(f"modified UTF-7: {text!r}")
        return rest

    def shifted(self, piece, text):
        import base64
        import binascii
        try:
            return base64.b64decode(piece.replace(",", "/") + "=" * (-len(piece) % 4), validate=True).decode("utf-16-be")
        except (binascii.Error, UnicodeDecodeError):
            self.fail(f"modified UTF-7: {text!r}")

    def flag(self, recent=False, star=False):
        if star and self.take(b"\\*"):
            return b"\\*"
        if self.take(b"\\"):
            flag = b"\\" + self.word()
            if flag.lower() not in SYSTEM_FLAGS | ({b"\\recent"} if recent else set()):
                self.fail(f"unknown system flag {flag!r}")
            return flag
        return self.word()

    def flag_list(self, recent=False, star=False):
        flags = self.parenthesized(lambda: self.flag(recent, star))
        if len({f.lower() for f in flags}) != len(flags):
            self.fail(f"a flag twice in {flags}")
        return flags

    def date_time(self):
        return self.match(DATE_TIME, "a date-time").group()

    def object_id(self):
        self.need(b"(")
        value = self.match(OBJECT_ID, "an object id").group()
        self.need(b")")
        return value

    def text(self):
        """1*TEXT-CHAR to the end of the line."""
        end = self.data.index(b"\r\n", self.at)
        text = self.data[self.at:end]
        if not text:
            self.fail("text expected")
        if text.startswith(b" "):
            self.fail("two spaces")
        if b"\0" in text:
            self.fail("NUL in text")
        if not text.isascii():
            self.check_utf8(text)
        self.at = end
        return text


def encode_modified_utf7(text):
    import base64
    out, pending = "", ""

    def flush():
        coded = base64.b64encode(pending.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{coded}-" if pending else ""
    for c in text:
        if " " <= c <= "~":
            out += flush() + ("&-" if c == "&" else c)
            pending = ""
        else:
            pending += c
    return out + flush()
