"""Names that a server may say: capabilities (IANA's registry), response codes, attributes of mailboxes."""
import re

CAPABILITIES = {name.encode() for name in """
ACL APPENDLIMIT BINARY CATENATE CHILDREN COMPRESS=DEFLATE CONDSTORE CONTEXT=SEARCH CONTEXT=SORT CREATE-SPECIAL-USE ENABLE ESEARCH ESORT I18NLEVEL=1
ID IDLE IMAP4REV1 IMAP4REV2 INPROGRESS LANGUAGE LIST-EXTENDED LIST-METADATA LIST-MYRIGHTS LIST-STATUS LITERAL+ LITERAL- LOGINDISABLED METADATA
METADATA-SERVER MOVE MULTIAPPEND MULTISEARCH NAMESPACE NOTIFY OBJECTID PARTIAL PREVIEW QRESYNC QUOTA QUOTASET REPLACE SASL-IR SAVEDATE
SEARCH=FUZZY SEARCHRES SORT SORT=DISPLAY SPECIAL-USE STARTTLS STATUS=SIZE THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS UIDBATCHES UIDONLY
UIDPLUS UNSELECT URL-PARTIAL URLAUTH URLAUTH=BINARY UTF8=ACCEPT WITHIN XAPPLEPUSHSERVICE XLIST
""".split()}
CAPABILITY_PATTERNS = [re.compile(p) for p in (
    rb"AUTH=[A-Z0-9_-]{1,20}", rb"APPENDLIMIT=\d+", rb"MESSAGELIMIT=[1-9]\d*", rb"SAVELIMIT=[1-9]\d*",
    rb"QUOTA=RES-(STORAGE|MESSAGE|MAILBOX|ANNOTATION-STORAGE)", rb"RIGHTS=[A-Z]+")]

# Attributes of LIST: RFC 9051 section 7.3.1, RFC 6154, RFC 8457, RFC 5465; the last five are XLIST's.
SELECTABILITY = {b"\\noselect", b"\\nonexistent", b"\\marked", b"\\unmarked"}
ATTRIBUTES = SELECTABILITY | {name.encode() for name in r"""
\noinferiors \haschildren \hasnochildren \subscribed \remote \all \archive \drafts \flagged \junk \sent \trash \important \noaccess
""".split()}
XLIST_ATTRIBUTES = {rb"\inbox", rb"\allmail", rb"\starred", rb"\spam"}
SPECIAL_USES = {rb"\all", rb"\archive", rb"\drafts", rb"\flagged", rb"\junk", rb"\sent", rb"\trash"}

EVENTS = {name.encode() for name in ("MESSAGENEW MESSAGEEXPUNGE FLAGCHANGE ANNOTATIONCHANGE MAILBOXNAME SUBSCRIPTIONCHANGE MAILBOXMETADATACHANGE "
                                     "SERVERMETADATACHANGE").split()}


def plain(c):
    return None


def spaced(read):
    def one(c):
        c.sp()
        return read(c)
    return one


def append_uid(c):
    """APPENDUID SP nz-number SP append-uid; a set after MULTIAPPEND (RFC 4315 section 3)."""
    c.sp()
    validity = c.nz_number()
    c.sp()
    return validity, c.sequence_set()


def count(ranges):
    return sum(abs(high - low) + 1 for low, high in ranges)


def copy_uid(c):
    c.sp()
    validity = c.nz_number()
    c.sp()
    source = c.sequence_set()
    c.sp()
    target = c.sequence_set()
    if count(source) != count(target):
        c.fail("COPYUID's sets differ in size")
    return validity, source, target


def bad_charset(c):
    if c.peek(b" "):
        c.sp()
        c.parenthesized(c.astring, least=1)


def metadata(c):
    c.sp()
    if c.take(b"LONGENTRIES") or c.take(b"MAXSIZE"):
        c.sp()
        return c.number()
    if not (c.take(b"TOOMANY") or c.take(b"NOPRIVATE")):
        c.fail("a METADATA code")
    return None


def in_progress(c):
    """RFC 9585: [SP "(" (quoted / nil) SP (number / nil) SP (nz-number / nil) ")"]."""
    if not c.peek(b" "):
        return None
    c.sp()
    c.need(b"(")
    tag = None if c.nil() else c.string()
    c.sp()
    known = None if c.nil() else c.number()
    c.sp()
    goal = None if c.nil() else c.nz_number()
    if goal is not None and (known is None or known > goal):
        c.fail("INPROGRESS beyond its goal")
    c.need(b")")
    return tag, known, goal


def bad_event(c):
    c.sp()
    if not set(x.upper() for x in c.parenthesized(c.word, least=1)) <= EVENTS:
        c.fail("an unknown event")


def message_limit(c):
    c.sp()
    c.nz_number()
    if c.peek(b" "):
        c.sp()
        c.nz_number()


def url_text(c):
    """BADURL SP url-resp-text: TEXT-CHAR but "]" (RFC 4469 section 5)."""
    c.sp()
    end = c.data.index(b"]", c.at)
    if end == c.at:
        c.fail("BADURL without a URL")
    c.at = end


def url_mechanisms(c):
    c.sp()
    c.need(b"INTERNAL")
    while c.peek(b" "):
        c.sp()
        c.word()


def flags_star(c):
    return c.flag_list(star=True)


ANY, OK, NO = {"OK", "NO", "BAD", "BYE", "PREAUTH"}, {"OK", "PREAUTH"}, {"NO"}
NOT_OK = {"NO", "BAD", "BYE"}
# code: (what follows its name, with which conditions it may come)
CODES = {name.encode(): (read, where) for names, read, where in (
    ("ALERT PARSE SERVERBUG CLIENTBUG CONTACTADMIN", plain, ANY),
    ("READ-ONLY READ-WRITE CLOSED NOMODSEQ COMPRESSIONACTIVE UIDNOTSTICKY", plain, OK | {"NO"}),
    ("TRYCREATE AUTHENTICATIONFAILED AUTHORIZATIONFAILED EXPIRED PRIVACYREQUIRED NOPERM INUSE CORRUPTION CANNOT ALREADYEXISTS "
     "NONEXISTENT HASCHILDREN TOOBIG USEATTR UNKNOWN-CTE NOTSAVED BADCOMPARATOR TOOFEW TOOMANY", plain, NOT_OK),
    ("OVERQUOTA LIMIT UNAVAILABLE EXPUNGEISSUED NOTIFICATIONOVERFLOW UIDREQUIRED", plain, ANY),
    ("CAPABILITY", lambda c: capabilities(c), ANY),
    ("BADCHARSET", bad_charset, NOT_OK),
    ("PERMANENTFLAGS", spaced(flags_star), OK),
    ("UIDNEXT UIDVALIDITY UNSEEN", spaced(lambda c: c.nz_number()), OK),
    ("HIGHESTMODSEQ", spaced(lambda c: c.number64(1)), OK),
    ("MAILBOXID", spaced(lambda c: c.object_id()), OK),
    ("APPENDUID", append_uid, OK),
    ("COPYUID", copy_uid, OK),
    ("MODIFIED", spaced(lambda c: c.sequence_set()), OK | NO),
    ("NOUPDATE", spaced(lambda c: c.string()), ANY),
    ("INPROGRESS", in_progress, OK),
    ("METADATA", metadata, ANY),
    ("BADEVENT", bad_event, NO),
    ("MESSAGELIMIT", message_limit, ANY),
    ("BADURL", url_text, NOT_OK),
    ("URLMECH", url_mechanisms, OK),
    ("DOWNGRADED", spaced(lambda c: c.sequence_set()), OK),
    ("REFERRAL", url_text, ANY),
) for name in names.split()}


def capabilities(c):
    """*(SP capability): known names, each once, and one of the base protocols."""
    names = []
    while c.peek(b" "):
        c.sp()
        name = c.word().upper()
        if name not in CAPABILITIES and not any(p.fullmatch(name) for p in CAPABILITY_PATTERNS):
            c.fail(f"unknown capability {name!r}")
        names.append(name)
    if len(set(names)) != len(names):
        c.fail(f"a capability twice in {names}")
    if not {b"IMAP4REV1", b"IMAP4REV2"} & set(names):
        c.fail("no base protocol among the capabilities")
    return names
