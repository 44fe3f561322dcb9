"""The session scripts of an iPhone and a Mac, T1 to T13, and T14 of nobody, as functions of (server, framing). Order and bytes follow what is known of the two
stacks: "L" (settings, plain numbers as tags) and "M" (sync, letters and numbers, several commands in one packet)."""
import base64
import re
import time

from phone import Phone, find

ID_L = 'ID ("name" "iPhone Mail" "version" "22C161" "os" "iOS" "os-version" "18.2.1 (22C161)")'
ID_M = 'ID ("name" "com.apple.email.maild" "version" "3826.300.87.2.22" "os" "iOS" "os-version" "18.2.1 (22C161)" "vendor" "Apple Inc")'
HEADERS = ("date subject from to cc message-id in-reply-to references content-type x-priority x-uniform-type-identifier "
           "x-universally-unique-identifier list-id list-unsubscribe bimi-indicator bimi-location x-bimi-indicator-hash "
           "authentication-results dkim-signature")
INTERNALDATE = rb'INTERNALDATE "[ 0-3]\d-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} \d\d:\d\d:\d\d [-+]\d{4}"'


def plain(mail, name, password=None):
    return base64.b64encode(f"\0{mail.address(name)}\0{password or mail.password(name)}".encode()).decode()


def connect(mail, framing, name=None, prefix="A"):
    phone = Phone(mail.connect("imaps"), framing)
    assert b"[CAPABILITY IMAP4rev1 " in phone.greeting and b" SASL-IR" in phone.greeting and b" AUTH=PLAIN" in phone.greeting, phone.greeting
    if name:
        phone.send(f"{prefix}1 AUTHENTICATE PLAIN {plain(mail, name)}")
        untagged, result = phone.until(f"{prefix}1")
        assert not untagged and b"OK [CAPABILITY IMAP4rev1" in result, (untagged, result)
    return phone


def message(subject, body="text\r\n", extra="", sender="out@outside.test"):
    return (f"From: Outside <{sender}>\r\nTo: ana@example.test\r\nSubject: {subject}\r\nMessage-ID: <{abs(hash(subject))}@outside.test>\r\n"
            f"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n{extra}\r\n{body}").encode()


def append(phone, tag, mailbox, data, flags="", date=""):
    arguments = " ".join(x for x in (f"({flags})" if flags else "", f'"{date}"' if date else "") if x)
    phone.send(f'{tag} APPEND "{mailbox}" {arguments + " " if arguments else ""}{{{len(data)}}}')
    while (line := phone.line()).startswith(b"* "):   # news of the selected mailbox may stand before the "+", not behind it
        pass
    assert line.startswith(b"+ "), line
    phone.write(data + b"\r\n")
    untagged, result = phone.until(tag)
    m = re.search(rb"OK \[APPENDUID (\d+) (\d+)\] \S", result)
    assert m, result
    return untagged, int(m.group(2))


def fresh_mailbox(phone, name, count=0, subject="m"):
    phone.send(f'z0 DELETE "{name}"')
    phone.until("z0")
    phone.ok("z1", f'CREATE "{name}"')
    uids = []
    for n in range(count):
        uids.append(append(phone, f"z{n + 2}", name, message(f"{subject}{n}"))[1])
    return uids


def t1_account_verification(mail, framing):
    phone = Phone(mail.connect("imaps"), framing)
    assert b"[CAPABILITY IMAP4rev1" in phone.greeting
    phone.send("1 CAPABILITY")
    find(rb"^\* CAPABILITY IMAP4rev1 .*AUTH=PLAIN", phone.until("1")[0])
    phone.send("2 AUTHENTICATE PLAIN")
    assert phone.line().startswith(b"+ ")
    phone.send(plain(mail, "ana"))
    untagged, result = phone.until("2")
    assert not untagged and b"2 OK [CAPABILITY IMAP4rev1" in result, (untagged, result)
    untagged, _ = phone.ok("3", ID_L)
    find(rb"^\* ID ", untagged)
    find(rb'^\* LIST \(\\Noselect\) "/" ""', phone.ok("4", 'LIST "" ""')[0])
    phone.send("5 LOGOUT")
    untagged, _ = phone.until("5")
    find(rb"^\* BYE ", untagged)
    assert phone.socket.recv(1) == b""
    # ID before login
    phone = Phone(mail.connect("imaps"), framing)
    find(rb"^\* ID ", phone.ok("1", ID_L)[0])
    # the wrong password: NO, soon, and the connection is kept
    started = time.monotonic()
    phone.send(f"2 AUTHENTICATE PLAIN {plain(mail, 'ana', 'wrong')}")
    _, result = phone.until("2")
    assert b"2 NO [AUTHENTICATIONFAILED] " in result and time.monotonic() - started < 2, result
    phone.ok("3", "NOOP")
    # submission: a TLS hello instead of waiting for the banner must neither hang nor be punished
    hello = mail.connect("submission")
    hello.sendall(bytes.fromhex("1603010200010001fc0303") + bytes(506))
    hello.settimeout(6)
    while True:
        try:
            if not hello.recv(4096):
                break
        except ConnectionResetError:
            break
    smtp = Phone(mail.connect("submission"), framing, greeting=False)
    smtp.expect(rb"220 ")
    smtp.send("EHLO [IPv6:2001:db8::7]")
    lines = multi(smtp)
    assert any(b"STARTTLS" in x for x in lines) and not any(b"AUTH" in x for x in lines), lines
    smtp.send("STARTTLS")
    smtp.expect(rb"220 ")
    smtp = Phone(mail.tls().wrap_socket(smtp.socket, server_hostname=mail.host), framing, greeting=False)
    smtp.send("EHLO [IPv6:2001:db8::7]")
    find(rb"AUTH .*PLAIN", multi(smtp))
    smtp.send(f"AUTH PLAIN {plain(mail, 'ana', 'wrong')}")
    smtp.expect(rb"535 5\.7\.8 ")
    smtp.send(f"AUTH PLAIN {plain(mail, 'ana')}")
    smtp.expect(rb"235 ")
    smtp.send("QUIT")
    smtp.expect(rb"221 ")


def multi(smtp):
    lines = [smtp.line()]
    while lines[-1][3:4] == b"-":
        lines.append(smtp.line())
    return lines


def t2_first_sync(mail, framing):
    phone = connect(mail, framing, "ana")
    fresh_mailbox(phone, "T2", 3)
    find(rb"^\* ID ", phone.ok("A2", ID_M)[0])
    phone.packet("A3 NAMESPACE", 'A4 LIST "" "*" RETURN (SPECIAL-USE)')
    untagged, _ = phone.until("A3")
    find(rb'^\* NAMESPACE \(\("" "/"\)\) (NIL|\(\("Other Users/" "/"\)\)) NIL', untagged)   # NIL behind strangers
    untagged, _ = phone.until("A4")
    check_list(untagged)
    untagged, result = phone.ok("A5", "SELECT T2 (CONDSTORE)")
    for wanted in (rb"^\* FLAGS \(", rb"PERMANENTFLAGS \(.*\\\*\)", rb"^\* 3 EXISTS", rb"UIDVALIDITY \d", rb"UIDNEXT \d", rb"HIGHESTMODSEQ \d"):
        find(wanted, untagged)
    assert b"[READ-WRITE]" in result
    untagged, _ = phone.ok("A6", "UID SEARCH RETURN (MIN MAX COUNT ALL) 1:* NOT DELETED")
    find(rb'^\* ESEARCH \(TAG "A6"\) UID MIN \d+ MAX \d+ (?:COUNT 3 ALL \S+|ALL \S+ COUNT 3)', untagged)
    untagged, _ = phone.ok("A7", "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE MODSEQ "
                                 f"BODY.PEEK[HEADER.FIELDS ({HEADERS})])")
    fetched = find(rb"^\* \d+ FETCH", untagged)
    assert len(fetched) == 3
    for one in fetched:
        assert re.search(INTERNALDATE, one) and b"MODSEQ (" in one and b"ENVELOPE (" in one, one
    phone.send("A8 IDLE")
    phone.expect(rb"\+ ")
    phone.send("DONE")
    phone.until("A8")


def check_list(untagged):
    names = []
    for line in untagged:
        m = re.match(rb'^\* LIST \(([^)]*)\) "/" (?:"((?:[^"\\]|\\.)*)"|(\S+))\r\n', line)
        assert m, line
        attributes = [a.lower() for a in m.group(1).split()]
        assert len(attributes) == len(set(attributes)), line
        name = m.group(2) if m.group(2) is not None else m.group(3)
        assert name, line
        names.append((name, attributes))
    assert len({n for n, _ in names}) == len(names) and "INBOX" in [n.decode() for n, _ in names]
    for use in (b"\\sent", b"\\drafts", b"\\trash", b"\\junk", b"\\archive"):
        assert sum(use in attributes for _, attributes in names) == 1, (use, names)
    return dict(names)


def t3_incremental_sync(mail, framing):
    phone, other = connect(mail, framing, "ana", "B"), connect(mail, "whole", "ana", "X")
    uids = fresh_mailbox(other, "T3", 6)
    untagged, _ = phone.ok("B2", "SELECT T3 (CONDSTORE)")
    modseq = int(re.search(rb"HIGHESTMODSEQ (\d+)", b"".join(untagged)).group(1))
    other.ok("X2", "SELECT T3")
    new = [append(other, f"X{n}", "T3", message(f"new{n}"))[1] for n in (3, 4)]
    other.ok("X5", f"UID STORE {uids[0]},{uids[1]},{uids[2]} +FLAGS.SILENT (\\Flagged)")
    other.ok("X6", f"UID STORE {uids[5]} +FLAGS.SILENT (\\Deleted)")
    other.ok("X7", f"UID EXPUNGE {uids[5]}")
    untagged, _ = phone.ok("B5", "UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0)")
    assert all(b"MODSEQ (" in f for f in find(rb"FETCH", untagged))
    phone.ok("B5a", "NOOP")
    untagged, _ = phone.ok("B6", f"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {modseq})")
    got = sorted(int(re.search(rb"UID (\d+)", f).group(1)) for f in untagged if b"FETCH" in f)
    assert got == sorted(uids[:3] + new), (got, uids, new)
    # Another connection of the phone comes back with what it knew.
    again = connect(mail, framing, "ana", "B")
    find(rb"^\* ENABLED .*QRESYNC", again.ok("B7", "ENABLE CONDSTORE QRESYNC")[0])
    validity = int(re.search(rb"UIDVALIDITY (\d+)", b"".join(again.ok("B8", "EXAMINE T3")[0])).group(1))
    untagged, _ = again.ok("B9", f"SELECT T3 (QRESYNC ({validity} {modseq} {uids[0]}:{uids[5]} (1:6 {uids[0]}:{uids[5]})))")
    find(rb"^\* VANISHED \(EARLIER\) %d\r\n" % uids[5], untagged)
    got = sorted(int(re.search(rb"UID (\d+)", f).group(1)) for f in find(rb"^\* \d+ FETCH", untagged))
    assert got == uids[:3], (got, uids)
    untagged, _ = again.ok("B10", f"UID FETCH {new[0]}:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")
    assert len(find(rb"^\* \d+ FETCH", untagged)) == 2, untagged


def t4_idle(mail, framing):
    phone, other = connect(mail, framing, "ana", "C"), connect(mail, "whole", "ana", "X")
    uids = fresh_mailbox(other, "T4", 4)
    phone.ok("C2", "SELECT T4")
    phone.send("C9 IDLE")
    phone.expect(rb"\+ ")
    phone.packet("DONE", f'C10 UID MOVE {uids[0]}:{uids[1]} "Trash"', f"C11 UID FETCH {uids[2]} (FLAGS)")
    started = time.monotonic()
    assert b"C9 OK" in phone.until("C9")[1]
    untagged, result = phone.until("C10")
    assert b"C10 OK" in result
    copyuid = [i for i, line in enumerate(untagged) if b"[COPYUID " in line]
    expunged = [i for i, line in enumerate(untagged) if b"EXPUNGE" in line]
    assert len(expunged) == 2 and (b"[COPYUID" in result or copyuid and copyuid[0] < expunged[0]), (untagged, result)
    untagged, _ = phone.until("C11")
    find(rb"FETCH \(.*FLAGS", untagged)
    assert time.monotonic() - started < 1 or framing == "split"
    phone.send("C12 IDLE")
    phone.expect(rb"\+ ")
    for piece in (b"DO", b"NE\r", b"\nC13 NOOP\r\n"):
        phone.write(piece)
        phone.quiet(0.1) if piece != b"\nC13 NOOP\r\n" else None
    phone.until("C12")
    phone.until("C13")
    # a second IDLE instead of DONE: answered, then idle again
    phone.send("8.569 IDLE")
    phone.expect(rb"\+ ")
    phone.send("8.570 IDLE")
    phone.until("8.569")
    phone.expect(rb"\+ ")
    append(other, "X9", "T4", message("while idling"))
    started = time.monotonic()
    phone.expect(rb"\* 3 EXISTS")
    assert time.monotonic() - started < 1
    while phone.buffer or phone.socket.pending():
        phone.line()
    phone.send("DONE", more=True)
    phone.send("9.569 STATUS \"Sent\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")
    phone.until("8.570")
    untagged, _ = phone.until("9.569")
    find(rb"^\* STATUS \"?Sent\"? \(MESSAGES \d+ UIDNEXT \d+ UIDVALIDITY \d+ UNSEEN \d+\)\r", untagged)


def t5_windows(mail, framing):
    phone = connect(mail, framing, "ana", "D")
    fresh_mailbox(phone, "T5")
    attachment = base64.encodebytes(bytes(range(256)) * (2500 if framing != "split" else 40)).replace(b"\n", b"\r\n")
    inner = b"From: x@y.test\r\nSubject: inner\r\n\r\ninner text\r\n"
    body = (b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello \xc3\xb1\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + attachment + b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n")
    data = message("windows", "", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n") + body
    uid = append(phone, "D2", "T5", data)[1]
    phone.ok("D3", "SELECT T5")
    untagged, _ = phone.ok("D4", f"UID FETCH {uid} (UID BODYSTRUCTURE BODY.PEEK[HEADER])")
    header = data[:data.index(b"\r\n\r\n") + 4]
    assert literal(find(rb"FETCH", untagged)[0], rb"BODY\[HEADER\]") == header
    window, got, at = (393216 if framing != "split" else 4096), b"", 0
    while True:
        untagged, _ = phone.ok(f"D5{at}", f"UID FETCH {uid} (UID BODY.PEEK[2]<{at}.{window}>)")
        piece = literal(find(rb"FETCH", untagged)[0], rb"BODY\[2\]<%d>" % at)
        if not piece:
            break
        got += piece
        at += window
    assert got == attachment, (len(got), len(attachment))
    untagged, _ = phone.ok("D7", f"UID FETCH {uid} (UID BODY.PEEK[2]<99999999.393216>)")
    assert re.search(rb'BODY\[2\]<99999999> (?:""|\{0\}\r\n)', untagged[0]), untagged
    untagged, _ = phone.ok("D8", f"UID FETCH {uid} (BODY.PEEK[1.MIME] BODY.PEEK[2.MIME])")
    assert b"BODY[1.MIME]" in untagged[0] and b"BODY[2.MIME]" in untagged[0]
    untagged, _ = phone.ok("D8a", f"UID FETCH {uid} (BODY.PEEK[3.HEADER] BODY.PEEK[3.TEXT] BODY.PEEK[3.1] FLAGS)")
    assert literal(untagged[0], rb"BODY\[3\.TEXT\]") == b"inner text\r\n" and b"\\Seen" not in untagged[0]
    untagged, _ = phone.ok("D9", f"UID STORE {uid} +FLAGS.SILENT (\\Seen)")
    assert not [u for u in untagged if b"FETCH" in u], untagged
    find(rb"\\Seen", phone.ok("D10", f"UID FETCH {uid} FLAGS")[0])


def literal(reply, item):
    m = re.search(item + rb" \{(\d+)\}\r\n", reply)
    if not m:
        quoted = re.search(item + rb' "((?:[^"\\]|\\.)*)"', reply)
        assert quoted, (item, reply[:300])
        return re.sub(rb"\\(.)", rb"\1", quoted.group(1))
    return reply[m.end():m.end() + int(m.group(1))]


def t6_search(mail, framing):
    phone = connect(mail, framing, "ana", "E")
    fresh_mailbox(phone, "T6")
    uids = [append(phone, f"E{n}", "T6", message(s, b))[1] for n, (s, b) in enumerate(
        (("one", "plain\r\n"), ("=?utf-8?q?=C3=91and=C3=BA?=", "el \u00f1and\u00fa corre\r\n"), ("three", "NANDU\r\n")), 2)]
    phone.ok("E3", "SELECT T6")
    untagged, _ = phone.ok("E4", f"UID SEARCH RETURN (ALL) UID {uids[0]},{uids[2]},99:* NOT DELETED")
    find(rb'^\* ESEARCH \(TAG "E4"\) UID ALL ', untagged)
    untagged, _ = phone.ok("E4b", "UID SEARCH RETURN (ALL) UID 99999 NOT DELETED")
    assert any(re.match(rb'\* ESEARCH \(TAG "E4b"\) UID\r\n', u) for u in untagged), untagged
    untagged, _ = phone.ok("E5", "UID SEARCH RETURN (MIN MAX COUNT) UNSEEN")
    find(rb"MIN %d MAX %d COUNT 3" % (uids[0], uids[2]), untagged)
    untagged, _ = phone.ok("E5b", "UID SEARCH RETURN (MIN MAX COUNT) DELETED")
    find(rb'UID COUNT 0\r\n', untagged)
    phone.packet("E5c UID SEARCH RETURN (SAVE PARTIAL -1:-2) UNSEEN", "E5d UID FETCH $ (UID)")
    untagged, _ = phone.until("E5c")
    find(rb'^\* ESEARCH \(TAG "E5c"\) UID PARTIAL \(-1:-2 %d:%d\)\r\n' % (uids[1], uids[2]), untagged)
    untagged, _ = phone.until("E5d")
    assert len(find(rb"^\* \d+ FETCH", untagged)) == 2, untagged
    text = "\u00f1and\u00fa".encode()
    phone.write(b"E6 UID SEARCH CHARSET UTF-8 OR OR SUBJECT {%d}\r\n" % len(text))
    phone.expect(rb"\+ ")
    phone.write(text + b" FROM {%d}\r\n" % len(text))
    phone.expect(rb"\+ ")
    phone.write(text + b" BODY {%d}\r\n" % len(text))
    phone.expect(rb"\+ ")
    phone.write(text + b"\r\n")
    untagged, _ = phone.until("E6")
    find(rb"^\* SEARCH %d %d\r\n" % (uids[1], uids[2]), untagged)   # accents and case fold: NANDU too
    tree = "OR SUBJECT nothing " * 1500 + "SUBJECT three"
    started = time.monotonic()
    find(rb"^\* SEARCH %d\r\n" % uids[2], phone.ok("E7", "UID SEARCH " + tree)[0])
    assert time.monotonic() - started < 5 or framing == "split"
    phone.packet(*[f"E1{n:02d} UID SEARCH RETURN (COUNT) {key}" for n, key in enumerate(["UNSEEN", "FLAGGED", "RECENT", "ALL"] * 3)])
    for n in range(12):
        find(rb'TAG "E1%02d"' % n, phone.until(f"E1{n:02d}")[0])


def t7_flag_move(mail, framing):
    phone, other = connect(mail, framing, "ana", "F"), connect(mail, "whole", "ana", "X")
    uids = fresh_mailbox(other, "T7", 6)
    phone.ok("F2", "SELECT T7")
    other.ok("X2", "SELECT T7")
    untagged, _ = phone.ok("F4", f"UID STORE {uids[0]} +FLAGS.SILENT (\\Flagged $MailFlagBit0 $MailFlagBit1)")
    assert not [u for u in untagged if b"FETCH" in u], untagged
    find(rb"FETCH \(.*\\Flagged \$MailFlagBit0 \$MailFlagBit1", other.ok("X3", "NOOP")[0])
    for turn in ("F5", "F6"):
        phone.send(f'{turn} UID MOVE {uids[1]}:{uids[2]} "Trash"')
        untagged, result = phone.until(turn)
        assert result.startswith(f"{turn} OK".encode()), result
        both = b"".join(untagged) + result
        assert (b"COPYUID" in both) == (turn == "F5"), both
    phone.send(f'F8 UID MOVE {uids[3]} "Nope"')
    assert b"F8 NO [TRYCREATE] " in phone.until("F8")[1]
    phone.send(f'F9 UID COPY {uids[3]} "Archive"')
    assert b"OK [COPYUID " in phone.until("F9")[1]
    phone.ok("F10", f"UID STORE {uids[3]},{uids[4]} +FLAGS.SILENT (\\Deleted)")
    untagged, _ = phone.ok("F11", f"UID EXPUNGE {uids[3]}")
    assert len([u for u in untagged if b"EXPUNGE" in u]) == 1
    untagged, _ = phone.ok("F12", "UID FETCH 1:* (FLAGS)")
    left = sorted(int(re.search(rb"UID (\d+)", u).group(1)) for u in untagged)
    assert left == [uids[0], uids[4], uids[5]], left


def t8_append(mail, framing):
    phone = connect(mail, framing, "ana", "G")
    untagged, uid = append(phone, "G4", "Sent", message(f"sent {framing}", sender="ana@example.test"), "\\Seen", "22-Nov-2026 10:00:00 +0100")
    assert not untagged, untagged
    phone.send('G5 APPEND "Sent" (\\Seen) {999999999}')
    assert b"G5 NO [TOOBIG] " in phone.until("G5")[1]
    phone.ok("G6", "NOOP")
    phone.send('G7 APPEND "Sent" (\\Seen) {999999999+}')
    try:
        line = phone.line()
        assert re.match(rb"G7 NO \[TOOBIG\] |\* BYE ", line), line
    except AssertionError as error:
        assert "ended the connection" in str(error), error


def t9_drafts(mail, framing):
    phone = connect(mail, framing, "ana", "H")
    phone.ok("H2", "SELECT Drafts")
    phone.ok("H3", "UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
    phone.ok("H4", "EXPUNGE")
    old = None
    for n in range(5):
        uid = append(phone, f"H1{n}", "Drafts", message(f"draft {n}", extra="X-Uniform-Type-Identifier: com.apple.mail-draft\r\n"), "\\Draft \\Seen")[1]
        if old:
            phone.packet(f"H2{n} UID STORE {old} +FLAGS.SILENT (\\Deleted)", f"H3{n} UID EXPUNGE {old}")
            phone.until(f"H2{n}")
            phone.until(f"H3{n}")
        old = uid
    untagged, _ = phone.ok("H9", "UID SEARCH RETURN (ALL COUNT) ALL")
    find(rb"COUNT 1", untagged)
    find(rb"ALL %d" % old, untagged)


def t12_old_loop(mail, framing):
    phones = [Phone(mail.connect("imaps"), framing) for _ in range(2)]
    for phone in phones:
        phone.ok("1", f'LOGIN {mail.address("ana")} {mail.password("ana")}')
        find(rb'^\* LIST \(\\Noselect\) "/" ""', phone.ok("2", 'LIST "" ""')[0])
        check_list(phone.ok("3", 'LIST "" "*"')[0])
        phone.ok("4", "SELECT INBOX")
        for turn in range(2):
            find(rb"^\* SEARCH", phone.ok(f"5{turn}", "UID SEARCH 1:* NOT DELETED")[0])
            find(rb"^\* SEARCH", phone.ok(f"6{turn}", "UID SEARCH 1:* DELETED")[0])
            phone.ok(f"7{turn}", "NOOP")


def t13_macos(mail, framing):
    phone = connect(mail, framing, "ana", "8.")
    uids = fresh_mailbox(phone, "T13", 5)
    check_list(phone.ok("8.2", 'LIST "" "*"')[0])
    phone.ok("8.3", "SELECT T13 (CONDSTORE)")
    untagged, _ = phone.ok("8.4", f"FETCH 1:5 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({HEADERS})] MODSEQ)")
    assert len(find(rb"FETCH", untagged)) == 5 and all(re.search(INTERNALDATE, u) for u in untagged)
    untagged, _ = phone.ok("8.5", f"UID FETCH {uids[4]} BODY.PEEK[HEADER]")
    assert literal(untagged[0], rb"BODY\[HEADER\]").endswith(b"\r\n\r\n")
    phone.ok("8.6", "FETCH 1:5 (FLAGS UID)")


def t14_rev2(mail, framing):
    """No phone: a client that says what it is, and means RFC 9051."""
    phone = connect(mail, framing, "ana", "R.")
    phone.ok("R.2", 'ID ("name" "modern" "version" "1")')
    find(rb"^\* CAPABILITY IMAP4rev1 .* IMAP4rev2\r\n", phone.ok("R.3", "CAPABILITY")[0])
    fresh_mailbox(phone, "T14", 3)
    phone.packet("R.4 ENABLE IMAP4rev2", "R.5 DELETE \"T14 \u00fc\"", "R.6 RENAME T14 \"T14 \u00fc\"", 'R.7 LIST "" T14% RETURN (STATUS (MESSAGES DELETED SIZE))',
                 "R.8 SELECT \"T14 \u00fc\"", "R.9 UID SEARCH UNSEEN")
    find(rb"^\* ENABLED IMAP4rev2\r\n", phone.until("R.4")[0])
    phone.until("R.5")
    untagged, result = phone.until("R.6")
    find(' "/" "T14 \u00fc" \\("OLDNAME" \\(T14\\)\\)'.encode(), untagged)
    assert b" OK " in result, result
    untagged, _ = phone.until("R.7")
    assert [u.split()[1] for u in untagged] == [b"LIST", b"STATUS"] and b"(MESSAGES 3 DELETED 0 SIZE " in untagged[1], untagged
    untagged, result = phone.until("R.8")
    find(' "/" "T14 \u00fc"\r\n'.encode(), untagged)
    assert not [u for u in untagged if b"RECENT" in u or b"[UNSEEN" in u] and b" OK [READ-WRITE] " in result, (untagged, result)
    find(rb'^\* ESEARCH \(TAG "R.9"\) UID ALL 1:3\r\n', phone.until("R.9")[0])
    find(rb"^\* 2 FETCH \(FLAGS \(\)\)", phone.ok("R.10", "FETCH 2 FLAGS")[0])
    find(rb'^\* ESEARCH \(TAG "R.11"\)\r\n', phone.ok("R.11", "SEARCH DELETED")[0])
    append(phone, "R.12", "T14 \u00fc", message("h\u00e9"))
    find(rb"^\* 4 EXISTS", phone.ok("R.13", "NOOP")[0])
    find("\"h\u00e9\"".encode(), phone.ok("R.14", "FETCH 4 ENVELOPE")[0])
    find(rb"^\* OK \[CLOSED\] ", phone.ok("R.15", "SELECT INBOX")[0])
    phone.ok("R.16", "DELETE \"T14 \u00fc\"")


def t11_pop3(mail, framing):
    """A POP3 account: CAPA, login, STAT, UIDL, LIST, TOP, RETR, DELE, QUIT, each way to log in."""
    with mail.imap("ben", "INBOX") as imap:
        imap.store("1:*", "+FLAGS.SILENT", "\\Deleted")
        imap.expunge()
    other = connect(mail, "whole", "ben", "X")
    for n in range(3):
        append(other, f"X{n + 2}", "INBOX", message(f"pop{n}", ".one\r\n..two\r\n.\r\n"))

    def several(phone):
        lines = [phone.line()]
        assert lines[0].startswith(b"+OK"), lines
        while lines[-1] != b".\r\n":
            lines.append(phone.line())
        return lines[1:-1]

    def login(way):
        phone = Phone(mail.connect("pop3s"), framing)
        assert phone.greeting.startswith(b"+OK "), phone.greeting
        phone.send("CAPA")
        find(rb"^SASL PLAIN ", several(phone))
        if way == "sasl-ir":
            phone.send(f"AUTH PLAIN {plain(mail, 'ben')}")
        elif way == "sasl":
            phone.send("AUTH PLAIN")
            phone.expect(rb"\+ \r\n")
            phone.send(plain(mail, "ben"))
        elif framing == "split":
            phone.packet(f"USER {mail.address('ben')}")
            phone.expect(rb"\+OK ")
            phone.packet(f"PASS {mail.password('ben')}")
        else:   # pipelined over the login: what follows the PASS goes with the session to the mail store
            phone.packet(f"USER {mail.address('ben')}", f"PASS {mail.password('ben')}", "NOOP")
            phone.expect(rb"\+OK ")
            phone.expect(rb"\+OK Logged in")
        phone.expect(rb"\+OK ")
        return phone

    phone = login("user")
    phone.packet("STAT", "UIDL", "LIST", "TOP 1 0", "TOP 2 1", "RETR 3")   # one flight
    count = int(phone.expect(rb"\+OK 3 \d+\r\n").split()[1])
    uids = [line.split()[1] for line in several(phone)]
    sizes = [int(line.split()[1]) for line in several(phone)]
    assert count == len(uids) == len(set(uids)) == len(sizes) and all(re.fullmatch(rb"[!-~]{1,70}", u) for u in uids), uids
    assert b"one" not in b"".join(several(phone))
    assert several(phone)[-1] == b"..one\r\n"
    body = several(phone)
    assert body[-3:] == [b"..one\r\n", b"...two\r\n", b"..\r\n"], body[-3:]
    assert sum(len(line) - line.startswith(b".") for line in body) == sizes[2], (body, sizes)
    # somebody else is told, and this one goes on
    rival = Phone(mail.connect("pop3s"), "whole")
    rival.send(f"AUTH PLAIN {plain(mail, 'ben')}")
    rival.expect(rb"-ERR \[IN-USE\] ")
    phone.send("DELE 2")
    phone.expect(rb"\+OK ")
    phone.socket.close()   # without QUIT: nothing is removed
    wait_free(login, "sasl-ir", 3)
    phone = login("sasl")
    phone.packet("DELE 2", "QUIT")
    phone.expect(rb"\+OK ")
    phone.expect(rb"\+OK ")
    assert phone.socket.recv(1) == b""
    phone = login("sasl-ir")   # at once: the lock is free when QUIT is answered
    phone.send("UIDL")
    assert [line.split()[1] for line in several(phone)] == [uids[0], uids[2]]
    phone.send("QUIT")
    phone.expect(rb"\+OK ")


def wait_free(login, way, count):
    """The end of a dropped session reaches the store a moment later."""
    end = time.monotonic() + 5
    while True:
        try:
            phone = login(way)
            break
        except AssertionError:
            assert time.monotonic() < end
    phone.send("STAT")
    phone.expect(rb"\+OK %d " % count)
    phone.send("QUIT")
    phone.expect(rb"\+OK ")


ALL = [t1_account_verification, t2_first_sync, t3_incremental_sync, t4_idle, t5_windows, t6_search, t7_flag_move, t8_append, t9_drafts,
       t11_pop3, t12_old_loop, t13_macos, t14_rev2]
