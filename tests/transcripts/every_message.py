#!/usr/bin/env python3
"""Every message of the corpus, broken ones too, and some made to hurt, fetched with every item that is offered: each reply keeps the rules of
imap_rules. Once as IMAP4rev1, and once with each of UTF8=ACCEPT and IMAP4rev2 enabled."""
import pathlib
import re
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "harness"), str(here)]
from buzon import Buzon, corpus  # noqa: E402
from phone import Phone  # noqa: E402
from scripts import plain  # noqa: E402

GROUPS = ["mime", "real-mail", "dsn", "dkim", "headers", "i18n-made", "smime-pgp", "arc", "dmarc"]
ITEMS = {"": "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[HEADER] BODY.PEEK[HEADER.FIELDS (Subject To X-None)] "
             "BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2.1]<3.70> RFC822.HEADER",
         "PREVIEW": "PREVIEW", "OBJECTID": "EMAILID THREADID", "SAVEDATE": "SAVEDATE", "CONDSTORE": "MODSEQ"}
HURT = [   # header blocks
    b"Subject: " + b"x" * 20000, b"Subject: a\xffb\xfe", b"From: \xe9\xe8 <a@b>\r\nTo: g: a@b, c@d;, e@f", b"From: \"a\\\"b\" <c@d>\r\nCc: ;;,,<>",
    b"Content-Type: text/plain; name=\"\xff\\\"\"; " + b"p=" + b"q" * 9000, b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822",
    b"Content-Type: multipart/mixed", b"Content-Type: multipart/mixed; boundary=\"\"", b"Content-Type: /; ;;=", b"Content-Type: text/\"q\"",
    b"Content-Language: a, b, \"c\"\r\nContent-Disposition: ; x=y\r\nContent-Location: \xff\r\nContent-MD5: =\r\nContent-ID: <\"\">",
    b"Date: \x01\x02\x7f\r\nMessage-ID: " + b"<" * 5000, b"To: " + b", ".join(b"n%d <n%d@example.test>" % (n, n) for n in range(3000)),
    b"Content-Type: message/global\r\n\r\nSubject: s", b"Content-Transfer-Encoding: \"\\\"\"\r\nContent-Type: text/html", b"Subject:\r\nFrom:\r\nTo:\r\nDate:",
]


def messages():
    for group in GROUPS:
        for path in sorted((corpus() / group).rglob("*")):
            if path.is_file() and 20 < path.stat().st_size < 1_000_000 and path.suffix not in (".json", ".xml", ".tsv", ".xz", ".gz", ".bin", ".zip"):
                yield re.sub(rb"(?<!\r)\n", b"\r\n", path.read_bytes())
    for head in HURT:
        yield head + b"\r\n\r\nbody\r\n"


def fill(phone):
    sent = refused = 0
    phone.ok("c", "CREATE Every")
    for data in messages():
        phone.write(b"f%d APPEND Every {%d+}\r\n" % (sent, len(data)) + data + b"\r\n")
        _, result = phone.until(f"f{sent}")
        sent, refused = sent + 1, refused + (b" OK " not in result)
    return sent - refused, refused


def read_binary(phone, count):
    """One by one: a part whose transfer encoding nobody knows fails its FETCH (RFC 3516 section 4.3)."""
    unknown = 0
    for n in range(1, count + 1):
        phone.send(f"b{n} FETCH {n} (BINARY.PEEK[1] BINARY.SIZE[1])")
        untagged, result = phone.until(f"b{n}")
        if result.split()[1] == b"OK":
            assert any(b"BINARY.SIZE[1] " in u or b"BINARY[1] " in u for u in untagged), (n, untagged)
        else:
            assert result.startswith(b"b%d NO [UNKNOWN-CTE] " % n), (n, result)
            unknown += 1
    assert 0 < unknown < count / 20, (unknown, count)


def read_all(phone, count, offered):
    items = " ".join(names for capability, names in ITEMS.items() if not capability or capability in offered)
    phone.ok("s", "SELECT Every")
    for start in range(1, count + 1, 100):
        untagged, _ = phone.ok(f"r{start}", f"FETCH {start}:{min(count, start + 99)} ({items})")
        assert len([u for u in untagged if b" FETCH " in u[:20]]) == min(100, count + 1 - start)
    if "BINARY" in offered:
        read_binary(phone, count)
    for n, command in enumerate(("SEARCH TEXT e", "UID SORT (SUBJECT FROM) UTF-8 ALL", "UID THREAD REFERENCES UTF-8 ALL", "UID SEARCH RETURN (ALL COUNT) BODY the")):
        phone.ok(f"q{n}", command)


def main():
    with Buzon(accounts=["ana"], settings='[mailstore]\nimap4rev2 = "always"\n') as mail:
        def login():
            phone = Phone(mail.connect("imaps"))
            phone.send(f"a AUTHENTICATE PLAIN {plain(mail, 'ana')}")
            return phone, phone.until("a")[1].decode().partition("[CAPABILITY ")[2].partition("]")[0].split()
        phone, offered = login()
        count, refused = fill(phone)
        assert count > 1500, (count, refused)
        read_all(phone, count, offered)
        modes = [name for name in ("UTF8=ACCEPT", "IMAP4rev2") if name in offered]
        assert len(modes) == 2, offered
        for mode in modes:
            phone, _ = login()
            phone.ok("e", f"ENABLE {mode}")
            read_all(phone, count, offered)
        print(f"{count} messages ({refused} refused at APPEND) read as {', '.join(['IMAP4rev1', *modes])}")


if __name__ == "__main__":
    main()
