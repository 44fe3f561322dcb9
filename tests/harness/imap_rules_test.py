#!/usr/bin/env python3
"""imap_rules can fail: each forged conversation has one fault, which must be found; each good one, in its neighbourhood, must pass. "C" lines are
the client's, "S" lines the server's, in their order."""
import pathlib
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from imap_rules import Conversation, Deviation  # noqa: E402
from imap_rules.replies import parse  # noqa: E402

HELLO = "S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] buzon ready"
LOGIN = [HELLO, "C a LOGIN u p", "S a OK [CAPABILITY IMAP4rev1 IDLE] Logged in"]
SELECT = [*LOGIN, "C b SELECT INBOX", "S * FLAGS (\\Seen \\Deleted)", "S * OK [PERMANENTFLAGS (\\Seen \\*)] Ok", "S * 3 EXISTS", "S * 0 RECENT",
          "S * OK [UIDVALIDITY 7] Ok", "S * OK [UIDNEXT 10] Ok", "S b OK [READ-WRITE] Selected"]
RESYNC = [*LOGIN, "C e ENABLE QRESYNC", "S * ENABLED QRESYNC", "S e OK Enabled", *SELECT[3:]]
REV2 = [*LOGIN, "C e ENABLE IMAP4rev2", "S * ENABLED IMAP4rev2", "S e OK Enabled",
        *('S * LIST () "/" INBOX' if "RECENT" in line else line for line in SELECT[3:])]
ONE = '("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 12 1)'
ENVELOPE = '("d" "s" (("N" NIL "a" "b")) (("N" NIL "a" "b")) (("N" NIL "a" "b")) NIL NIL NIL NIL "<m>")'

# (name, what a server says). Single untagged replies.
GOOD = [
    '* 1 FETCH (UID 3 FLAGS (\\Seen $Label1 \\Recent) INTERNALDATE " 7-Feb-2025 10:00:00 +0000" RFC822.SIZE 12)',
    f"* 1 FETCH (ENVELOPE {ENVELOPE} BODYSTRUCTURE {ONE} BODY {ONE})",
    f'* 1 FETCH (BODYSTRUCTURE ({ONE}{ONE} "MIXED" ("BOUNDARY" "x") ("inline" NIL) ("en" "de") NIL))',
    f'* 1 FETCH (BODYSTRUCTURE ("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 100 {ENVELOPE} {ONE} 3))',
    '* 1 FETCH (BODY[1.2.HEADER.FIELDS (SUBJECT "From")]<0> {5}\r\nA\r\nBC BODY[] "" BINARY[1] ~{2}\r\n\0\1 BINARY.SIZE[1] 7)',
    "* 1 FETCH (MODSEQ (12) EMAILID (M1-x_) THREADID NIL SAVEDATE NIL PREVIEW {2}\r\nab)",
    "* LIST (\\HasNoChildren \\Sent) \"/\" Sent", '* LIST (\\Noselect) "/" ""', '* LIST () NIL {3}\r\na"b ("CHILDINFO" ("SUBSCRIBED"))',
    '* LIST () "/" x ("CHILDINFO" ("SUBSCRIBED") OLDNAME (y))', '* LIST () "/" "Entw&APw-rfe &- mehr"', '* LIST (\\NonExistent) "/" x (OLDNAME ("y z"))',
    "* STATUS Box (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 1 HIGHESTMODSEQ 0 SIZE 9 MAILBOXID (F1) APPENDLIMIT NIL)",
    "* SEARCH", "* SEARCH 2 3 (MODSEQ 9)", "* SORT 5 2", "* THREAD (2)(3 6 (4 23)(44 7 96))", "* THREAD ((3)(5))", "* THREAD",
    '* ESEARCH (TAG "a") UID MIN 2 MAX 9 COUNT 4 ALL 2:3,8:9 MODSEQ 7', '* ESEARCH (TAG "a") UID', '* ESEARCH (TAG "a") PARTIAL (-1:-50 NIL)',
    '* ESEARCH (TAG "a" MAILBOX "x y" UIDVALIDITY 3) UID ALL 4', '* ESEARCH (TAG a) UID ADDTO (1 5 2 9) REMOVEFROM (0 4:6)',
    '* ESEARCH (TAG "a") ALL 5,10,1 RELEVANCY (99 42 4)', '* ESEARCH (TAG "a") RELEVANCY (1 100)', '* ESEARCH (TAG "a") PARTIAL (1:3 4:5) RELEVANCY (2 1)',
    "* VANISHED (EARLIER) 1:3,9", "* VANISHED 4", "* ENABLED", "* ID NIL", '* ID ("name" "buzon" "os" NIL)', '* NAMESPACE (("" "/")) NIL NIL',
    '* NAMESPACE (("" "/"))(("Other/" "/" "TRANSLATION" ("Andere &APY-/"))) NIL'.replace("))((", ")) (("),
    '* QUOTA "" (STORAGE 10 512 MESSAGE 1 20)', '* QUOTAROOT INBOX ""', "* QUOTAROOT x", "* ACL INBOX ana lrswipkxtea ben lr", '* ACL x anyone ""',
    "* LISTRIGHTS INBOX ben l r s", '* MYRIGHTS INBOX lrs', '* METADATA "" (/shared/comment "x" /private/comment NIL)', "* METADATA INBOX /shared/comment",
    '* URLFETCH "imap://x/" NIL "imap://y/" {2}\r\nab', f'* URLFETCH "u" (BODYPARTSTRUCTURE {ONE}) (BINARY NIL)', "* GENURLAUTH \"imap://x/\"",
    "* LANGUAGE (EN ES-ES)", '* UIDBATCHES (TAG "a") 99:50,49:1', '* UIDBATCHES (TAG "a")', "* CAPABILITY IMAP4rev1 APPENDLIMIT=5 QUOTA=RES-STORAGE RIGHTS=texk",
    '* OK [BADEVENT (FlagChange)] no'.replace("* OK", "* NO"), '* OK [INPROGRESS ("a" 10 100)] Working', "* OK [INPROGRESS] Working", "* NO [BADCHARSET (UTF-8)] no",
    "* OK [COPYUID 3 1:2,5 7:9] Copied", "* NO [METADATA MAXSIZE 10] too long", "* OK [MESSAGELIMIT 1000 23] more", '* NO [BADURL "x"] no', "+ idling", "+ ", "+ YWJj",
    "x OK [APPENDUID 3 7:8] done", "x NO [TOOBIG] no", "* BYE bye", '* XAPPLEPUSHSERVICE aps-version "2" aps-topic "t"', "* 5 EXPUNGE",
]
BAD = [
    "* 1 FETCH (UID 3 UID 3)", "* 1 FETCH (UID 3 UID 4)", "* 1 FETCH ()", "* 0 FETCH (UID 3)", "* 1 FETCH (UID 0)", "* 1 FETCH (UID 3 )", "* 1 FETCH  (UID 3)",
    "* 1 FETCH (UID  3)", "* 1 FETCH (FLAGS (\\Seen  \\Deleted))", "* 1 FETCH (FLAGS (\\Seen \\seen))", "* 1 FETCH (FLAGS (\\Sean))", "* 1 FETCH (FLAGS (\\*))",
    '* 1 FETCH (INTERNALDATE "7-Feb-2025 10:00:00 +0000")', '* 1 FETCH (INTERNALDATE "Fri, 07 Feb 2025 10:00:00 +0000")',
    '* 1 FETCH (INTERNALDATE "07-Feb-2025 24:00:00 +0000")', '* 1 FETCH (INTERNALDATE "07-feb-2025 10:00:00 +0000")', '* 1 FETCH (INTERNALDATE NIL)',
    f"* 1 FETCH (ENVELOPE {ENVELOPE.replace(' NIL NIL NIL NIL ', ' () NIL NIL NIL ')})", f"* 1 FETCH (ENVELOPE {ENVELOPE.replace(')) ((', ') ) ((', 1)})",
    f'* 1 FETCH (ENVELOPE {ENVELOPE.replace("s", chr(233), 1)})', f'* 1 FETCH (ENVELOPE {ENVELOPE.replace(chr(34) + "s" + chr(34), "{1}" + chr(13) + chr(10) + chr(233), 1)})',
    '* 1 FETCH (BODYSTRUCTURE ("TEXT" "PLAIN" () NIL NIL "7BIT" 12 1))', '* 1 FETCH (BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 12))',
    '* 1 FETCH (BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET") NIL NIL "7BIT" 12 1))', '* 1 FETCH (BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL NIL 12 1))',
    f'* 1 FETCH (BODY ({ONE} "MIXED" NIL))', f'* 1 FETCH (BODYSTRUCTURE ({ONE} {ONE} "MIXED"))', '* 1 FETCH (BODYSTRUCTURE ("MIXED"))',
    '* 1 FETCH (BODYSTRUCTURE ("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 100))', '* 1 FETCH (BODYSTRUCTURE ("A" "B" NIL NIL NIL "7BIT" 1 NIL NIL NIL NIL NIL))',
    "* 1 FETCH (BODY[HEADER {3}\r\nabc)", "* 1 FETCH (BODY[] {9}\r\nabc)", "* 1 FETCH (BODY[]<0.5> \"\")", "* 1 FETCH (BODY[MIME] \"\")", "* 1 FETCH (BODY[1.] NIL)",
    "* 1 FETCH (BODY[] {2}\r\na\0)", "* 1 FETCH (MODSEQ 12)", "* 1 FETCH (MODSEQ (0))", "* 1 FETCH (EMAILID (a.b))", "* 1 FETCH (THREADID ())", "* 1 FETCH (NEW 1)",
    "* LIST (\\HasNoChildren \\HasChildren) \"/\" x", "* LIST (\\Sent \\Sent) \"/\" x", "* LIST (\\Sent \\Drafts) \"/\" x", '* LIST () / x', '* LIST () "/" ""',
    '* LIST () "/" x ', '* LIST () "/" a b', '* LIST (Sent) "/" x', '* LIST (\\Sentt) "/" x', '* LIST () "/" "Entw\u00fcrfe"', '* LIST () "/" "a&b"', '* LIST () "/" "&AGEAYg-"',
    '* LIST () "/" x (OLDNAME (a) OLDNAME (b))', '* LIST () "/" x (OLDNAME a)', '* LIST () "/" "a\\nb"', '* LIST () "//" x', '* LIST () "/" x (NEWS (a))', '* LIST ( \\Sent) "/" x',
    "* STATUS Box (MESSAGES 3 )", "* STATUS Box (MESSAGES 3 MESSAGES 3)", "* STATUS Box (UIDNEXT 0)", "* STATUS Box (MESSAGE 3)", "* STATUS Box MESSAGES 3", "* STATUS Box (MAILBOXID F1)",
    "* SEARCH ", "* SEARCH 0", "* SEARCH 2 2", "* SEARCH (MODSEQ 9)", "* SEARCH 2  3", "* THREAD (3 (5 6))", "* THREAD (3) (4)", "* THREAD (3 4", "* THREAD ()", "* THREAD (2)(2)",
    '* THREAD ((3 4))', '* ESEARCH UID ALL 3', '* ESEARCH (TAG "a") UID ALL 1:*', '* ESEARCH (TAG "a") UID ALL', '* ESEARCH (TAG "a") COUNT 0 ALL 3', '* ESEARCH (TAG "a") ALL 3 UID',
    '* ESEARCH (TAG "a") ALL 5,10 RELEVANCY (99)', '* ESEARCH (TAG "a") ALL 5 RELEVANCY (0)', '* ESEARCH (TAG "a") MIN 1 MIN 1', '* ESEARCH (TAG "a" MAILBOX x) UID ALL 3', '* ESEARCH (TAG "a" MAILBOX x UIDVALIDITY 3) ALL 3', '* ESEARCH (TAG "a") PARTIAL (-1:50 3)',
    "* VANISHED", "* VANISHED 1:*", "* VANISHED(EARLIER) 3", "* ID", '* ID ("name")', '* ID (NIL "x")', '* NAMESPACE (("" "/")) NIL', '* NAMESPACE () NIL NIL', "* NAMESPACE ((\"\" \"/\"))NIL NIL",
    '* QUOTA "" (STORAGE 10)', '* QUOTA (STORAGE 10 20)', '* QUOTA "" (STORAGE 1 2 STORAGE 1 2)', '* QUOTA "" (STORAGE -1 2)', "* ACL INBOX ana", "* ACL INBOX ana LRS", "* MYRIGHTS INBOX", "* MYRIGHTS INBOX ll",
    '* METADATA "" ()', '* METADATA "" (comment "x")', '* METADATA "" (/shared/comment)', '* METADATA "" /shared/*', '* URLFETCH "u"', "* LANGUAGE EN", "* LANGUAGE ()", '* UIDBATCHES (TAG "a") 1:49,50:99',
    "* UIDBATCHES 9:1", "* CAPABILITY IMAP4rev1 IMAP4rev1", "* CAPABILITY IDLE", "* CAPABILITY IMAP4rev1 XYZZY", "* CAPABILITY IMAP4rev1 ", "* NO [BADEVENT (Dinner)] no", '* OK [INPROGRESS ("a" 101 100)] Working',
    "* OK [COPYUID 3 1:2 7:9] Copied", "* OK [COPYUID 3 1:2] Copied", "* OK [TRYCREATE] strange", "x NO [READ-WRIT] no", "x OK [READ-WRITE]", "x OK [READ-WRITE] ", "x OK", "x OK ", "x OK  text", "x  OK text",
    "x FINE text", "+", "+no", "* OK [UIDNEXT] x", "* OK [UIDNEXT 0] x", "* OK [UIDVALIDITY 4294967296] x", "* OK [PERMANENTFLAGS \\Seen] x", "* OK [UIDNEXT 3 ] x", "*OK x", "*  OK x", "* FROB x", "* EXISTS", "* 5  EXISTS",
    "* -1 EXISTS", "* 5 EXISTS ", "* 5", "* ok \u00e9", '* 1 FETCH (BODY[] "a\\b")', '* XAPPLEPUSHSERVICE aps-version', "a+b OK text",
]
# Conversations: the last server line is the fault, or all is well.
FINE = {
    "append": [*SELECT, "C c APPEND INBOX {3}", "S + go", "C abc", "S c OK [APPENDUID 7 10] Done", "S * 4 EXISTS", "C d NOOP", "S d OK x"],
    "expunge": [*SELECT, "C c EXPUNGE", "S * 3 EXPUNGE", "S * 2 EXPUNGE", "S c OK x", "C d FETCH 1 UID", "S * 1 FETCH (UID 3)", "S d OK x"],
    "pipelined": [*SELECT, "C c UID SEARCH ALL", "C d UID FETCH 1 FLAGS", "S * SEARCH 1", "S c OK x", "S * 1 FETCH (UID 1 FLAGS ())", "S d OK x"],
    "idle": [*SELECT, "C c IDLE", "S + idling", "S * 4 EXISTS", "C DONE", "S c OK x"],
    "idle in idle": [*SELECT, "C c IDLE", "S + idling", "C d IDLE", "S c OK x", "S + idling", "C DONE", "S d OK x"],
    "refused literal": [*SELECT, "C c APPEND INBOX {999999}", "S c NO [TOOBIG] no", "C d NOOP", "S d OK x"],
    "vanished": [*RESYNC, "C c FETCH 1:3 (UID FLAGS MODSEQ)", "S * 1 FETCH (UID 4 FLAGS () MODSEQ (5))", "S * 2 FETCH (UID 6 FLAGS () MODSEQ (5))",
                 "S * 3 FETCH (UID 9 FLAGS () MODSEQ (6))", "S c OK x", "C d NOOP", "S * VANISHED 6", "S d OK [HIGHESTMODSEQ 7] x"],
    "uidonly": [*LOGIN, "C e ENABLE UIDONLY", "S * ENABLED UIDONLY", "S e OK x", *SELECT[3:], "C c UID FETCH 4 FLAGS", "S * 4 UIDFETCH (UID 4 FLAGS ())", "S c OK x",
                "C d NOOP", "S * VANISHED 4", "S * 2 EXISTS", "S d OK x"],
    "sasl": [HELLO, "C a AUTHENTICATE PLAIN", "S + ", "C AGEAYg==", "S a OK [CAPABILITY IMAP4rev1] Logged in"],
    "utf-8": [*LOGIN, "C b ENABLE UTF8=ACCEPT", "S * ENABLED UTF8=ACCEPT", "S b OK x", 'C c LIST "" *', 'S * LIST () "/" "Entw\u00fcrfe"', "S c OK x"],
    "rev2": [*REV2, "C c SEARCH ALL", 'S * ESEARCH (TAG "c") ALL 1:3', "S c OK x", "C d NOOP", "S * 1 FETCH (UID 4 FLAGS (\\Seen))", "S d OK x",
             "C f STORE 1 FLAGS ()", "S * 1 FETCH (FLAGS ())", "S f OK x", 'C g RENAME a b', 'S * LIST () "/" "b\u00fc" ("OLDNAME" (a))', "S g OK x"],
    "status behind list": [*LOGIN, 'C b LIST "" * RETURN (STATUS (UNSEEN))', 'S * LIST () "/" a', "S * STATUS a (UNSEEN 1)", 'S * LIST (\\NoSelect) "/" b', "S b OK x"],
    "language": [HELLO, "C a LANGUAGE", "S * LANGUAGE (i-default es)", "S a OK x", "C b LANGUAGE es", "S * LANGUAGE (es)", "S b OK h\u00e9"],
    "nonsense": [HELLO, "C ", "C *", "S * BAD What", "C x y z", "S x BAD What", "C a NOOP", "S a OK x"],
    "notify": [*SELECT, "C c NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge)) (PERSONAL (MailboxName))", "S c OK x", "S * 1 EXPUNGE",
               'S * LIST () "/" New ("OLDNAME" (Old))', "S * 3 EXISTS", "S * 3 FETCH (UID 12)", "S * STATUS Archive (MESSAGES 3 UIDNEXT 7)",
               "S * OK [NOTIFICATIONOVERFLOW] too much", "C d NOTIFY SET (PERSONAL (Dinner))",
               "S d NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)] no"],
    "notify crosses select": [*SELECT, "C c NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))", "S c OK x", "C d SELECT Empty",
                              "S * 3 FETCH (UID 9 FLAGS ())", "S * OK [CLOSED] x", *SELECT[4:6], "S * 0 EXISTS", *SELECT[7:-1],
                              "S d OK [READ-WRITE] x"],
    "context": [*SELECT, "C c SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (TO)])) SEEN", 'S * ESEARCH (TAG "c") COUNT 1', "S c OK x",
                'S * ESEARCH (TAG "c") ADDTO (0 3)', "C d NOOP", 'S * ESEARCH (TAG "c") REMOVEFROM (0 1:2)', "S * 1 EXPUNGE", "S * 3 EXISTS",
                'S * ESEARCH (TAG "c") ADDTO (0 3)', "S d OK x", "C e UID SORT RETURN (UPDATE) (DATE) UTF-8 ALL", 'S * NO [NOUPDATE "e"] x',
                'S * ESEARCH (TAG "e") UID', "S e OK x", "C f CANCELUPDATE \"c\"", "S f OK x"],
    "context ends": [*SELECT, "C c UID SEARCH RETURN (UPDATE) SEEN", 'S * ESEARCH (TAG "c") UID', "S c OK x", 'S * NO [NOUPDATE "c"] x'],
    "many mailboxes": [*LOGIN, 'C b ESEARCH IN (mailboxes ("a )b" c) personal) RETURN (COUNT) ALL', 'S * ESEARCH (TAG "b" MAILBOX "a )b" UIDVALIDITY 3) UID COUNT 4',
                       'S * ESEARCH (TAG "b" MAILBOX c UIDVALIDITY 4) UID COUNT 1', "S b OK x", "C d ESEARCH IN (personal) ALL", "S d OK x"],
    "context of esearch": [*SELECT, "C c ESEARCH IN (selected subtree-one x) RETURN (UPDATE) SEEN", "S c OK x",
                           'S * ESEARCH (TAG "c" MAILBOX INBOX UIDVALIDITY 7) UID ADDTO (0 3)'],
    "progress": [*SELECT, "C c SEARCH TEXT x", 'S * OK [INPROGRESS ("c" 0 3)] x', 'S * OK [INPROGRESS ("c" 2 3)] x', "S * OK [INPROGRESS] x", "S * SEARCH", "S c OK x"],
    "logout": [*LOGIN, "C b LOGOUT", "S * BYE bye", "S b OK x"],
    "long literal": [*SELECT, "C c FETCH 1 BODY[]", "S * 1 FETCH (BODY[] {9000}\r\n" + "a" * 9000 + ")", "S c OK x"],
    "long sort": [*SELECT, "C c SORT (DATE) UTF-8 ALL", "S * SORT " + " ".join(str(n) for n in range(1, 3000)), "S c OK x"],
}
FORGED = {
    "no greeting": ["S a OK x"],
    "untagged inside AUTHENTICATE": [HELLO, "C a AUTHENTICATE PLAIN AGEAYg==", "S * CAPABILITY IMAP4rev1"],
    "login without capabilities": [HELLO, "C a LOGIN u p", "S a OK Logged in"],
    "untagged between + and tagged": [*SELECT, "C c APPEND INBOX {3}", "S + go", "C abc", "S * 4 EXISTS"],
    "append without APPENDUID": [*SELECT, "C c APPEND INBOX {3+}", "C abc", "S c OK Done"],
    "tags out of order": [*LOGIN, "C b NOOP", "C c NOOP", "S c OK x"],
    "an unknown tag": [*LOGIN, "C b NOOP", "S q OK x"],
    "+ for nothing": [*LOGIN, "C b NOOP", "S + go"],
    "a challenge in words": [HELLO, "C a AUTHENTICATE PLAIN", "S + go ahead"],
    "select without UIDNEXT": [*SELECT[:-2], SELECT[-1]],
    "select without RECENT": [x for x in SELECT if "RECENT" not in x],
    "examine read-write": [x.replace("SELECT", "EXAMINE") for x in SELECT],
    "EXISTS falls": [*SELECT, "C c NOOP", "S * 2 EXISTS"],
    "EXPUNGE beyond": [*SELECT, "C c NOOP", "S * 4 EXPUNGE"],
    "EXPUNGE during FETCH": [*SELECT, "C c FETCH 1 UID", "S * 1 EXPUNGE"],
    "EXPUNGE out of the blue": [*SELECT, "S * 1 EXPUNGE"],
    "EXPUNGE out of a delayed blue": [*SELECT, "C c NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))", "S c OK x", "S * 1 EXPUNGE"],
    "EXPUNGE after NOTIFY NONE": [*SELECT, "C c NOTIFY SET (SELECTED (MessageNew MessageExpunge))", "S c OK x", "C d NOTIFY NONE", "S d OK x", "S * 1 EXPUNGE"],
    "EXPUNGE after overflow": [*SELECT, "C c NOTIFY SET (SELECTED (MessageNew MessageExpunge))", "S c OK x", "S * OK [NOTIFICATIONOVERFLOW] x", "S * 1 EXPUNGE"],
    "FETCH beyond CLOSED": [*SELECT, "C c NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))", "S c OK x", "C d SELECT Empty", "S * OK [CLOSED] x",
                            "S * 3 FETCH (UID 9 FLAGS ())"],
    "STATUS out of the blue": [*LOGIN, "S * STATUS Archive (MESSAGES 3)"],
    "LIST out of the blue": [*LOGIN, 'S * LIST () "/" New'],
    "EXPUNGE with QRESYNC": [*RESYNC, "C c NOOP", "S * 1 EXPUNGE"],
    "VANISHED without QRESYNC": [*SELECT, "C c NOOP", "S * VANISHED 1"],
    "VANISHED of nobody": [*FINE["vanished"], "C f NOOP", "S * VANISHED 6"],
    "EARLIER unasked": [*RESYNC, "C c NOOP", "S * VANISHED (EARLIER) 1"],
    "FETCH beyond": [*SELECT, "C c FETCH 4 UID", "S * 4 FETCH (UID 9)"],
    "UID changes": [*SELECT, "C c FETCH 1 UID", "S * 1 FETCH (UID 2)", "S * 1 FETCH (UID 3)"],
    "UIDs descend": [*SELECT, "C c FETCH 1:2 UID", "S * 1 FETCH (UID 5)", "S * 2 FETCH (UID 4)"],
    "UID below its number": [*SELECT, "C c FETCH 3 UID", "S * 3 FETCH (UID 2)"],
    "UID FETCH without UID": [*SELECT, "C c UID FETCH 1 FLAGS", "S * 1 FETCH (FLAGS ())"],
    "news without MODSEQ": [*RESYNC, "C c NOOP", "S * 1 FETCH (UID 4 FLAGS ())"],
    "MODSEQ falls": [*FINE["vanished"], "C f FETCH 1 (UID MODSEQ)", "S * 1 FETCH (UID 4 MODSEQ (4))"],
    "flags change, MODSEQ does not": [*FINE["vanished"], "C f FETCH 1 (UID MODSEQ FLAGS)", "S * 1 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (5))"],
    "HIGHESTMODSEQ falls": [*FINE["vanished"], "C f NOOP", "S f OK [HIGHESTMODSEQ 6] x"],
    "news without a mailbox": [*LOGIN, "C b NOOP", "S * 3 EXISTS"],
    "SEARCH unasked": [*SELECT, "C c NOOP", "S * SEARCH 1"],
    "SEARCH unanswered": [*SELECT, "C c SEARCH ALL", "S c OK x"],
    "ESEARCH without UID": [*SELECT, "C c UID SEARCH RETURN () ALL", 'S * ESEARCH (TAG "c") ALL 1'],
    "ESEARCH with UID": [*SELECT, "C c SEARCH RETURN () ALL", 'S * ESEARCH (TAG "c") UID ALL 1'],
    "ESEARCH of another tag": [*SELECT, "C c UID SEARCH RETURN () ALL", 'S * ESEARCH (TAG "b") UID ALL 1'],
    "ADDTO unasked": [*SELECT, "C c SEARCH RETURN (ALL) SEEN", 'S * ESEARCH (TAG "c") ALL 1', "S c OK x", 'S * ESEARCH (TAG "c") ADDTO (0 2)'],
    "ADDTO with UID": [*FINE["context ends"][:-2], "S c OK x", 'S * ESEARCH (TAG "c") ADDTO (0 2)'],
    "ADDTO before EXISTS": [*SELECT, "C c SEARCH RETURN (UPDATE) SEEN", 'S * ESEARCH (TAG "c")', "S c OK x", 'S * ESEARCH (TAG "c") ADDTO (0 4)'],
    "REMOVEFROM behind EXPUNGE": [*SELECT, "C c SEARCH RETURN (UPDATE) SEEN", 'S * ESEARCH (TAG "c")', "S c OK x", "C d NOOP", "S * 3 EXPUNGE",
                                  'S * ESEARCH (TAG "c") REMOVEFROM (0 3)'],
    "ADDTO behind CANCELUPDATE": [*FINE["context"], 'S * ESEARCH (TAG "c") ADDTO (0 1)'],
    "ADDTO behind NOUPDATE": [*FINE["context ends"], 'S * ESEARCH (TAG "c") UID ADDTO (0 2)'],
    "ADDTO behind SELECT": [*FINE["context ends"][:-1], "C d SELECT INBOX", *SELECT[4:-1], "S d OK [READ-WRITE] x", 'S * ESEARCH (TAG "c") UID ADDTO (0 2)'],
    "ADDTO behind UNSELECT": [*FINE["context ends"][:-1], "C d UNSELECT", "S d OK x", 'S * ESEARCH (TAG "c") UID ADDTO (0 2)'],
    "NOUPDATE of nothing": [*SELECT, "C c SEARCH RETURN (ALL) SEEN", 'S * NO [NOUPDATE "c"] x'],
    "NOUPDATE in the tagged reply": [*SELECT, "C c UID SEARCH RETURN (UPDATE) SEEN", 'S * ESEARCH (TAG "c") UID', 'S c NO [NOUPDATE "c"] x'],
    "ESEARCH of a mailbox twice": [*FINE["many mailboxes"][:-3], 'S * ESEARCH (TAG "b" MAILBOX c UIDVALIDITY 4) UID COUNT 1'],
    "ESEARCH of no mailbox": [*FINE["many mailboxes"][:-5], 'S * ESEARCH (TAG "b") UID COUNT 1'],
    "ESEARCH where nothing matches": [*FINE["many mailboxes"][:-5], 'S * ESEARCH (TAG "b" MAILBOX d UIDVALIDITY 4) UID COUNT 0'],
    "ESEARCH where nothing is said": [*FINE["many mailboxes"][:-5], 'S * ESEARCH (TAG "b" MAILBOX d UIDVALIDITY 4) UID'],
    "a mailbox for SEARCH": [*SELECT, "C c UID SEARCH RETURN () ALL", 'S * ESEARCH (TAG "c" MAILBOX INBOX UIDVALIDITY 7) UID ALL 1'],
    "ADDTO for ESEARCH without its mailbox": [*FINE["context of esearch"][:-1], 'S * ESEARCH (TAG "c") UID ADDTO (0 3)'],
    "progress of nothing": [*SELECT, 'S * OK [INPROGRESS ("c" 0 3)] x'],
    "progress of another command": [*SELECT, "C d SEARCH TEXT x", 'S * OK [INPROGRESS ("c" 0 3)] x'],
    "progress goes back": [*FINE["progress"][:-2], 'S * OK [INPROGRESS ("c" 1 3)] x'],
    "UTF-8 unasked": [*LOGIN, "C b LIST \"\" *", 'S * LIST () "/" "Entw\u00fcrfe"'],
    "status before list": [*LOGIN, 'C b LIST "" * RETURN (STATUS (UNSEEN))', 'S * LIST () "/" a', 'S * LIST () "/" b', "S * STATUS a (UNSEEN 1)"],
    "status of no mailbox": [*LOGIN, 'C b LIST "" * RETURN (STATUS (UNSEEN))', 'S * LIST (\\NoSelect) "/" a', "S * STATUS a (UNSEEN 1)"],
    "OLDNAME unasked": [*LOGIN, "C b RENAME a b", 'S * LIST () "/" b ("OLDNAME" (a))'],
    "rev2 and SEARCH": [*REV2, "C c SEARCH ALL", "S * SEARCH 1"],
    "rev2 and RECENT": [*REV2, "C c NOOP", "S * 0 RECENT"],
    "rev2 and \\Recent": [*REV2, "C c FETCH 1 FLAGS", "S * 1 FETCH (FLAGS (\\Recent))"],
    "rev2 and UNSEEN": [*REV2[:-1], "S * OK [UNSEEN 1] First"],
    "rev2 and news without UID": [*REV2, "C c NOOP", "S * 1 FETCH (FLAGS (\\Seen))"],
    "rev2 and no LIST": [line for line in REV2 if "* LIST" not in line],
    "another language unasked": [HELLO, "C a LANGUAGE", "S * LANGUAGE (i-default es)", "S a OK h\u00e9"],
    "UTF-8 in i-default": [HELLO, "C a LANGUAGE es", "S * LANGUAGE (es)", "S a OK x", "C b LANGUAGE default", "S * LANGUAGE (i-default)", "S b OK h\u00e9"],
    "LANGUAGE unasked": [HELLO, "C a NOOP", "S * LANGUAGE (es)"],
    "after BYE": [*LOGIN, "C b LOGOUT", "S * BYE bye", "S * 3 EXISTS"],
    "LOGOUT without BYE": [*LOGIN, "C b LOGOUT", "S b OK x"],
    "EXISTS falls with UIDONLY": [*LOGIN, "C e ENABLE UIDONLY", "S * ENABLED UIDONLY", "S e OK x", *SELECT[3:], "C d NOOP", "S * VANISHED 4", "S * 1 EXISTS"],
    "FETCH with UIDONLY": [*LOGIN, "C e ENABLE UIDONLY", "S * ENABLED UIDONLY", "S e OK x", *SELECT[3:], "C c UID FETCH 1 FLAGS", "S * 1 FETCH (UID 1 FLAGS ())"],
    "a long line": [*SELECT, "C c FETCH 1:2 ENVELOPE", "S * OK " + "x" * 8190],
    "a long list": [*SELECT, "C c SEARCH ALL", "S * SEARCH " + " ".join(str(n) for n in range(1, 3000))],
    "a bare LF": [*SELECT, "C c NOOP", "S * OK a\nb"],
    "a bare CR": [*SELECT, "C c NOOP", "S * OK a\rb"],
}


def play(lines, piece=None):
    """piece: octets of the server at a time."""
    talk = Conversation()
    for line in lines:
        side, data = line[0], line[2:].encode() + b"\r\n"
        if side == "C":
            talk.client(data)
            continue
        for at in range(0, len(data), piece or len(data)):
            talk.server(data[at:at + (piece or len(data))])
    return talk


def compressed():
    """COMPRESS=DEFLATE: both directions behind the tagged OK, which shares its packet with the first of it."""
    talk = play([*LOGIN, "C b COMPRESS DEFLATE"])
    out, back = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.compressobj(6, zlib.DEFLATED, -15)
    talk.server(b"b OK on\r\n")
    talk.client(back.compress(b"c NOOP\r\n") + back.flush(zlib.Z_SYNC_FLUSH))
    talk.server(out.compress(b"c OK done\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
    assert talk.count == 4, talk.count
    must_fail("compressed", lambda: talk.server(out.compress(b"* FROB\r\n") + out.flush(zlib.Z_SYNC_FLUSH)))


def must_fail(name, run):
    try:
        run()
    except Deviation:
        return
    raise AssertionError(f"not found: {name}")


for text in GOOD:
    parse(text.encode("latin-1") + b"\r\n")
for text in BAD:
    must_fail(text, lambda: parse(text.encode("latin-1") + b"\r\n"))
for name, lines in FINE.items():
    servers = sum(line[0] == "S" for line in lines)
    for piece in (None, 1, 7):
        assert play(lines, piece).count == servers, name
for name, lines in FORGED.items():
    play(lines[:-1] if lines[-1][0] == "S" else lines)   # all but the fault is well
    for piece in (None, 1):
        must_fail(name, lambda: play(lines, piece))
compressed()
print(f"{len(GOOD)} replies and {len(FINE)} conversations pass, {len(BAD)} and {len(FORGED)} forged ones are found")
