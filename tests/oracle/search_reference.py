"""SEARCH as an independent implementation: Python's email package, codecs and unicodedata over the same messages. A query is a nested tuple:

    ("AND", q...) ("OR", q, q) ("NOT", q) ("FLAG", name) ("HEADER", field, text) ("BODY", text) ("TEXT", text) ("SET", kind, ranges)
    ("SIZE", kind, n) ("DATE", kind, date) ("SENT", kind, date) ("AGE", kind, seconds)
"""
import binascii
import datetime
import email
import email.header
import email.policy
import email.utils
import functools
import re
import unicodedata

CHARSETS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
            "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "iso-8859-9": "cp1254", "shift_jis": "cp932", "x-sjis": "cp932", "iso-8859-8-i": "iso-8859-8"}
STROKES = str.maketrans("øØłŁđĐħĦı", "oollddhhi")


def dropped(c):
    """Accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowel signs, soft hyphen."""
    n = ord(c)
    return (0x300 <= n <= 0x36F or 0x591 <= n <= 0x5C7 and n not in (0x5BE, 0x5C0, 0x5C3, 0x5C6) or 0x64B <= n <= 0x65F or n in (0x670, 0xAD))


@functools.lru_cache(maxsize=64)
def fold(text):
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not dropped(c)).translate(STROKES).casefold()


def decode(data, charset):
    name = (charset or "").strip().strip("\"'").lower()
    if name in ("", "us-ascii"):
        return guess(data)
    try:
        return data.decode(CHARSETS.get(name, name), "replace")
    except LookupError:
        return guess(data)


def guess(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def raw_bytes(value):
    return str(value).encode("utf-8", "surrogateescape")


def content(part):
    """The octets of a part. Blanks before a line end of quoted-printable are padding and go (RFC 2045 6.7 rule 3); Python keeps them."""
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "quoted-printable" and isinstance(part._payload, str):
        return binascii.a2b_qp(re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", raw_bytes(part._payload)))
    return part.get_payload(decode=True) or b""


def header_text(value):
    """Unfolded, encoded words decoded wherever they stand, 8-bit guessed."""
    text = guess(raw_bytes(value))
    text = re.sub(r"\r?\n(?=[ \t])", "", text)
    text = re.sub(r"[\r\n\0]", " ", text)
    text = re.sub(r"(\?=)[ \t]+(?==\?[^?\s]+\?[bBqQ]\?)", r"\1", text)   # blanks between two encoded words

    def word(m):
        charset, kind, body = m.group(1).split("*")[0], m.group(2).lower(), m.group(3)
        try:
            if kind == "q":
                data = re.sub(rb"=([0-9A-Fa-f]{2})", lambda h: bytes([int(h.group(1), 16)]), body.replace("_", " ").encode())
            else:
                data = email.base64mime.decode(body + "=" * (-len(body) % 4))
        except ValueError:
            return m.group(0)
        return decode(data, charset)
    return re.sub(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=", word, text).strip()


class Message:
    def __init__(self, raw, flags, internal):
        self.size, self.flags, self.internal = len(raw), {f.lower() for f in flags}, internal
        self.parsed = email.message_from_bytes(raw, policy=email.policy.compat32)
        self.fields = [(name.strip().lower(), fold(header_text(value))) for name, value in self.parsed._headers]
        self.body = []
        self.read(self.parsed)
        date = self.parsed.get("date")
        found = email.utils.parsedate_tz(header_text(date)) if date is not None else None
        try:
            self.sent = datetime.date(*found[:3]) if found else None
        except ValueError:
            self.sent = None

    def read(self, part):
        """body: the texts that BODY looks at; TEXT adds the message's own header."""
        if part.get_content_maintype() == "multipart" and isinstance(part._payload, list):
            for child in part._payload:
                self.read(child)
        elif part.get_content_type() == "message/rfc822" and isinstance(part._payload, list):
            self.read(part._payload[0])
        elif part.get_content_maintype() == "text" and not isinstance(part._payload, list):
            charset = part.get_param("charset", "")
            self.body.append(fold(decode(content(part), charset if isinstance(charset, str) else "")))

    def header(self, field, text):
        for name, value in self.fields:
            if name != field.lower():
                continue
            if not text or fold(text) in value or (name in ("from", "to", "cc", "bcc") and fold(text) in self.addresses(name)):
                return True
        return False

    def addresses(self, name):
        values = [re.sub(r"\r?\n(?=[ \t])", "", guess(raw_bytes(v))) for n, v in self.parsed._headers if n.lower() == name]
        return fold("\n".join(address for _, address in email.utils.getaddresses(values) if "@" in address))

    def in_body(self, text):
        return not text or any(fold(text) in piece for piece in self.body)

    def in_text(self, text):
        return self.in_body(text) or any(fold(text) in f"{n}: {v}" for n, v in self.fields)


def day(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).date()


COMPARE = {"BEFORE": lambda a, b: a < b, "ON": lambda a, b: a == b, "SINCE": lambda a, b: a >= b}


def matches(query, message, number, count, now):
    kind, *rest = query
    again = lambda q: matches(q, message, number, count, now)   # noqa: E731
    if kind == "AND":
        return all(map(again, rest))
    if kind == "OR":
        return any(map(again, rest))
    if kind == "NOT":
        return not again(rest[0])
    if kind == "FLAG":
        return rest[0].lower() in message.flags
    if kind == "HEADER":
        return message.header(*rest)
    if kind in ("BODY", "TEXT"):
        return message.in_body(rest[0]) if kind == "BODY" else message.in_text(rest[0])
    if kind == "SET":
        return any(min(a or count, b or count) <= number <= max(a or count, b or count) for a, b in rest[1])
    if kind == "SIZE":
        return message.size > rest[1] if rest[0] == "LARGER" else message.size < rest[1]
    if kind == "DATE":
        return COMPARE[rest[0]](day(message.internal), rest[1])
    if kind == "SENT":
        return message.sent is not None and COMPARE[rest[0]](message.sent, rest[1])
    if kind == "AGE":
        age = now - message.internal
        return age >= rest[1] if rest[0] == "OLDER" else age <= rest[1]
    raise ValueError(kind)
