"""One connection from its greeting to its end. client() and server() take the octets of both directions in the order in which they were seen."""
import re
import zlib

from .client import Client
from .replies import parse
from .syntax import Deviation
from .view import View

LITERAL = re.compile(rb"~?\{(\d+)\}$")
STATUS_LINE = re.compile(rb"(?:\+|\* (?:OK|NO|BAD|BYE|PREAUTH)|[^*+ ]\S* (?:OK|NO|BAD)) ", re.I)
MAX_LINE = 8192
# Replies that no RFC lets a server split: RFC 5256 section 4 (SORT, THREAD), RFC 4731 section 3.1 (one ESEARCH for one command), RFC 10022.
UNSPLITTABLE = re.compile(rb"\* (?:SORT|THREAD|ESEARCH|UIDBATCHES) ", re.I)
UPDATE = re.compile(rb"\s*RETURN\s*\((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*?\bUPDATE\b", re.I)   # RFC 5267; its items (RFC 5465) have lists of header fields
QUOTED = rb'"(?:[^"\\]|\\.)*"'
SOURCES = re.compile(rb'^\s*IN\s*\((?:[^()"]|' + QUOTED + rb'|\((?:[^()"]|' + QUOTED + rb')*\))*\)', re.I)   # RFC 7377
NO_EXPUNGE = {"FETCH", "STORE", "SEARCH", "SORT", "THREAD"}   # RFC 9051 section 7.5.1, RFC 5256 section 3


def asks_update(command):
    return bool(UPDATE.match(SOURCES.sub(b"", command.text) if command.verb == "ESEARCH" else command.text))


class Conversation:
    """own=False: after the login a stranger's server speaks, and nobody listens."""

    def __init__(self, own=True):
        self.peer = Client()
        self.buffer, self.pieces, self.literal = bytearray(), [], 0
        self.inflate = self.deflate = None
        self.greeted = self.finished = self.opaque = False
        self.enabled, self.view, self.closing = set(), None, None
        self.listed = None      # the LIST response before this reply
        self.utf8 = self.text_utf8 = self.condstore = self.notify = self.delayed = False
        self.contexts = {}      # tag of a search that is kept up to date -> its verb (RFC 5267 section 4.3)
        self.own, self.count = own, 0
        self.heard = lambda reply, command: None   # of each reply that kept the rules, and the command under way

    def client(self, data):
        if not self.opaque:
            self.peer.feed(self.deflate.decompress(data) if self.deflate else data)

    def server(self, data):
        if self.opaque:
            return
        self.buffer += self.inflate.decompress(data) if self.inflate else data
        while not self.opaque and (reply := self.take()) is not None:
            try:
                self.reply(reply)
            except Deviation as error:
                raise Deviation(f"{error}\n  in reply {reply[:2000]!r}\n  to {self.peer.head and (self.peer.head.tag, self.peer.head.verb)}") from None
            self.count += 1

    # --- lines and literals ---
    def take(self):
        """The next complete reply, its literals in place."""
        while True:
            if self.literal:
                if len(self.buffer) < self.literal:
                    return None
                self.pieces.append(bytes(self.buffer[:self.literal]))
                del self.buffer[:self.literal]
                self.literal = 0
            end = self.buffer.find(b"\r\n")
            head = self.pieces[0] if self.pieces else bytes(self.buffer[:40])
            if (end if end >= 0 else len(self.buffer)) + 2 > MAX_LINE and not UNSPLITTABLE.match(head):
                raise Deviation(f"more than {MAX_LINE - 1} octets outside literals: {bytes(self.buffer[:200])!r}")
            if end < 0:
                return None
            line = bytes(self.buffer[:end])
            del self.buffer[:end + 2]
            if b"\r" in line or b"\n" in line:
                raise Deviation(f"a bare CR or LF: {line[:300]!r}")
            self.pieces.append(line + b"\r\n")
            literal = None if STATUS_LINE.match(self.pieces[0]) else LITERAL.search(line)
            if literal is None:
                reply, self.pieces = b"".join(self.pieces), []
                return reply
            self.literal = int(literal.group(1))

    # --- what a reply means ---
    def reply(self, data):
        head = self.peer.head
        if not self.own and head and head.verb in ("LOGIN", "AUTHENTICATE") and data.startswith(f"{head.tag} OK ".encode()):
            self.opaque = True
            return
        if self.finished:
            raise Deviation("a reply after the last one")
        command = head
        reply = parse(data, self.utf8, self.text_utf8 or self.utf8, "IMAP4REV2" in self.enabled)
        if not self.greeted:
            if reply.kind not in ("OK", "PREAUTH", "BYE") or reply.tag:
                raise Deviation("no greeting")
            self.greeted = True
        elif reply.kind == "+":
            self.go_ahead(reply)
        elif reply.tag:
            self.tagged(reply)
        else:
            self.untagged(reply)
        self.heard(reply, command)

    def go_ahead(self, reply):
        command = self.peer.head
        if command is None or not (command.waiting or command.verb in ("AUTHENTICATE", "IDLE", "")):
            raise Deviation("nothing asked for a continuation")
        if command.verb == "AUTHENTICATE" and not command.waiting and not reply.base64:
            raise Deviation("a challenge that is not base64")
        self.peer.go_ahead()

    def untagged(self, reply):
        command = self.peer.head
        verb = command.verb if command else None
        if reply.kind != "BYE":
            if verb == "AUTHENTICATE":
                raise Deviation("an untagged reply inside AUTHENTICATE")
            if verb == "APPEND" and command.asked:
                raise Deviation("an untagged reply between the + of APPEND and its tagged reply")
            if self.closing:
                raise Deviation("an untagged reply after BYE")
        if command:
            command.seen.append(reply.code if reply.kind == "OK" and reply.code else reply.kind)
        listed, self.listed = self.listed, reply if reply.kind == "LIST" else None
        if reply.kind == "STATUS" and verb == "LIST" and not self.notify:   # else it may be news
            self.status_of_list(reply, listed)
        if reply.code == "UNSEEN" and "IMAP4REV2" in self.enabled:
            raise Deviation("UNSEEN after ENABLE IMAP4rev2")   # RFC 9051 Appendix E, 11
        handler = getattr(self, "on_" + reply.kind.lower(), None)
        if handler:
            handler(reply, command)
        if reply.code == "HIGHESTMODSEQ" and self.view:
            self.view.highest_modseq(reply.argument)
        if reply.code == "CLOSED":
            self.view = View()
        if reply.code == "INPROGRESS":
            self.progress(reply.argument, command)
        if reply.code == "NOUPDATE":
            self.no_update(reply, command)
        if reply.code == "NOTIFICATIONOVERFLOW" and reply.kind == "OK":   # RFC 5465 section 5.8
            self.notify = False

    def on_bye(self, reply, command):
        self.closing = True

    def on_enabled(self, reply, command):
        self.enabled |= {name.decode() for name in reply.names}
        self.utf8 = self.utf8 or bool({"UTF8=ACCEPT", "IMAP4REV2"} & self.enabled)
        self.condstore = self.condstore or bool({"CONDSTORE", "QRESYNC"} & self.enabled)

    def on_language(self, reply, command):
        """RFC 5255 section 3.3: one tag is the language from here on, several are those there are."""
        if not command or command.verb != "LANGUAGE":
            raise Deviation("LANGUAGE that nobody asked for")
        if len(reply.tags) == 1:
            self.text_utf8 = reply.tags[0].lower() != b"i-default"

    def selecting(self, command):
        """SELECT begins a new view at its first word; what stands before CLOSED is of the old one (RFC 7162 section 3.2.11). With NOTIFY news
        of the old one may cross a SELECT that is on its way."""
        if command and command.verb in ("SELECT", "EXAMINE"):
            closed = bool({"QRESYNC", "IMAP4REV2"} & self.enabled) or self.notify
            if self.view is None or "CLOSED" not in command.seen and not closed and "new" not in command.seen:
                command.seen.append("new")
                self.view = View()
        if self.view is None:
            raise Deviation("news of a mailbox while none is selected")
        return self.view

    def on_flags(self, reply, command):
        self.selecting(command)

    def on_exists(self, reply, command):
        self.selecting(command).exists(reply.number)

    def on_list(self, reply, command):
        self.on_status(reply, command)
        if reply.old_name is not None and "IMAP4REV2" not in self.enabled and not self.notify:
            raise Deviation("OLDNAME for a client that knows none")   # RFC 9051 section 6.3.9.7, RFC 5465 section 5.4
        # With NOTIFY it may be news of any name.
        if command and command.verb in ("SELECT", "EXAMINE") and b"\\noselect" in reply.attributes and not self.notify:
            raise Deviation("a selected mailbox that cannot be selected")

    def status_of_list(self, reply, listed):
        """RFC 5819 section 2, RFC 9051 section 6.3.9.2."""
        if listed is None or listed.mailbox != reply.mailbox:
            raise Deviation("STATUS that does not follow its LIST")
        if {b"\\noselect", b"\\nonexistent"} & set(listed.attributes):
            raise Deviation("STATUS of a mailbox that cannot be selected")

    def on_recent(self, reply, command):
        if "IMAP4REV2" in self.enabled:
            raise Deviation("RECENT after ENABLE IMAP4rev2")

    def removal(self, command):
        if command is None and (not self.notify or self.delayed):   # RFC 5465 section 6.1
            raise Deviation("messages removed while no command is under way")
        if command and command.verb in NO_EXPUNGE:
            raise Deviation(f"messages removed during {command.verb}")

    def on_status(self, reply, command):
        if command is None and not self.notify:
            raise Deviation(f"{reply.kind} while no command is under way")

    def on_expunge(self, reply, command):
        self.removal(command)
        if {"QRESYNC", "UIDONLY"} & self.enabled:
            raise Deviation("EXPUNGE instead of VANISHED")
        self.selecting(command).expunge(reply.number)

    def on_vanished(self, reply, command):
        if not {"QRESYNC", "UIDONLY"} & self.enabled:
            raise Deviation("VANISHED that nobody enabled")
        if reply.earlier:
            if not command or command.verb not in ("SELECT", "EXAMINE", "UID FETCH"):
                raise Deviation("VANISHED (EARLIER) that nobody asked for")
            return
        self.removal(command)
        self.selecting(command).vanished(reply.uids)

    def on_fetch(self, reply, command):
        if "UIDONLY" in self.enabled:
            raise Deviation("FETCH after ENABLE UIDONLY")
        verb, items = command.verb if command else "", reply.items
        if "IMAP4REV2" in self.enabled and (b"\\recent" in (f.lower() for f in items.get(b"FLAGS", ())) or
                                            verb not in ("FETCH", "STORE") and b"UID" not in items):
            raise Deviation("\\Recent, or news without UID, after ENABLE IMAP4rev2")   # RFC 9051 Appendix E, 12 and 21
        if verb.startswith("UID ") and b"UID" not in items:
            raise Deviation("FETCH without UID in answer to a UID command")
        if "QRESYNC" in self.enabled and b"FLAGS" in items and verb not in ("FETCH", "UID FETCH") and not {b"UID", b"MODSEQ"} <= set(items):
            raise Deviation("news of flags without UID and MODSEQ after ENABLE QRESYNC")   # RFC 7162 section 3.2.3
        if self.condstore and b"FLAGS" in items and verb not in ("FETCH", "UID FETCH") and b"MODSEQ" not in items:
            raise Deviation("news of flags without MODSEQ after a command that enables CONDSTORE")   # RFC 7162 section 3.1
        self.selecting(command).fetch(reply.number, items)

    def on_uidfetch(self, reply, command):
        if "UIDONLY" not in self.enabled:
            raise Deviation("UIDFETCH that nobody enabled")
        if reply.items.get(b"UID", reply.number) != reply.number:
            raise Deviation("UIDFETCH of another UID")

    def on_search(self, reply, command):
        if not command or command.verb not in ("SEARCH", "UID SEARCH") or "IMAP4REV2" in self.enabled:
            raise Deviation("SEARCH that nobody asked for")

    def progress(self, argument, command):
        """RFC 9585 section 4: of a command under way, never going back."""
        tag, done, goal = argument or (None, None, None)
        if command is None or tag is not None and tag.decode() != command.tag:
            raise Deviation(f"INPROGRESS of {tag}, which is not under way")
        if done is not None:
            if done < command.progress:
                raise Deviation(f"INPROGRESS went back from {command.progress} to {done}")
            command.progress = done

    def no_update(self, reply, command):
        """RFC 5267 section 4.3.1: untagged NO, of a search under way that asks for updates, or of one that has had them."""
        tag = reply.argument.decode()
        asks = command and tag == command.tag and asks_update(command)
        if reply.kind != "NO" or self.contexts.pop(tag, None) is None and not asks:
            raise Deviation(f"{reply.kind} NOUPDATE of {tag}, which is not kept up to date")
        if asks:
            command.seen.append("no update")

    def update(self, tag, reply):
        """RFC 5267 sections 4.3.2 to 4.3.4. Numbers are those of the view, before its EXPUNGE and behind its EXISTS."""
        if self.peer.head and self.peer.head.tag == tag:   # of ESEARCH nothing was said where nothing matched
            self.keep(self.peer.head)
        if tag not in self.contexts or self.view is None:
            raise Deviation(f"ADDTO or REMOVEFROM for {tag}, which is not kept up to date")
        if reply.uid != (self.contexts[tag] not in ("SEARCH", "SORT")) and "UIDONLY" not in self.enabled:
            raise Deviation(f"ADDTO or REMOVEFROM {'with' if reply.uid else 'without'} UID for {tag}")
        if ("MAILBOX" in reply.correlators) != (self.contexts[tag] == "ESEARCH"):
            raise Deviation(f"ADDTO or REMOVEFROM for {tag} {'with' if 'MAILBOX' in reply.correlators else 'without'} its mailbox")
        for name in ("ADDTO", "REMOVEFROM"):
            for _, ranges in reply.data.get(name, ()):
                if not reply.uid and max(max(pair) for pair in ranges) > len(self.view.uids):
                    raise Deviation(f"{name} of {ranges}, of {len(self.view.uids)} messages")

    def keep(self, command):
        if asks_update(command) and "no update" not in command.seen and self.view is not None:
            self.contexts[command.tag] = command.verb

    def of_mailbox(self, reply, command):
        """RFC 7377 section 2.1: by UID, once for each mailbox, and only where something matches."""
        name = reply.correlators.get("MAILBOX")
        if name is None or not reply.uid:
            raise Deviation("an answer to ESEARCH without its mailbox or UID")
        if name in command.mailboxes:
            raise Deviation(f"two answers to ESEARCH of {name}")
        command.mailboxes.add(name)
        if reply.data.get("COUNT") == 0 or not reply.data and not asks_update(command):
            raise Deviation(f"an answer to ESEARCH of {name}, where nothing matches")

    def on_esearch(self, reply, command):
        tag = reply.correlators["TAG"]
        if {"ADDTO", "REMOVEFROM"} & set(reply.data):
            self.update(tag, reply)
            return
        if command and tag == command.tag and command.verb == "ESEARCH":
            self.of_mailbox(reply, command)
            return
        if "MAILBOX" in reply.correlators:
            raise Deviation("ESEARCH of a mailbox in answer to no ESEARCH")
        if command and tag == command.tag:
            self.keep(command)
            if command.verb.split()[-1] not in ("SEARCH", "SORT") or reply.uid != (command.verb not in ("SEARCH", "SORT")):
                raise Deviation(f"ESEARCH {'with' if reply.uid else 'without'} UID in answer to {command.verb}")
        else:
            raise Deviation(f"ESEARCH for {tag}, which is not under way")

    def tagged(self, reply):
        head = self.peer.head
        if self.closing and not (head and head.verb == "LOGOUT"):
            raise Deviation("a tagged reply after BYE")
        command = self.peer.answered(reply.tag)
        if command is None:
            raise Deviation(f"a reply for {reply.tag}, while {head.tag if head else 'nothing'} is under way")
        if reply.kind == "OK":
            self.succeeded(command, reply)
        if reply.code in ("NOUPDATE", "INPROGRESS"):
            raise Deviation(f"{reply.code} in a tagged reply")
        if reply.code == "HIGHESTMODSEQ" and self.view:
            self.view.highest_modseq(reply.argument)
        if command.verb in ("SELECT", "EXAMINE") and reply.kind == "NO" or command.verb in ("CLOSE", "UNSELECT") and reply.kind == "OK":
            self.view = None
        if command.verb in ("SELECT", "EXAMINE", "CLOSE", "UNSELECT"):
            self.contexts = {}
        if command.verb == "CANCELUPDATE":
            for tag in re.findall(rb'"([^"]*)"', command.text):
                self.contexts.pop(tag.decode(), None)

    def succeeded(self, command, reply):
        verb = command.verb
        if verb in ("LOGIN", "AUTHENTICATE") and reply.code != "CAPABILITY":
            raise Deviation("a login that does not tell the capabilities")
        if verb in ("SELECT", "EXAMINE"):
            self.selected(command, reply)
        if verb in ("SEARCH", "UID SEARCH", "SORT", "UID SORT", "THREAD", "UID THREAD"):
            name = verb.split()[-1]
            only_saved = re.match(rb"\s*RETURN\s*\(SAVE\)", command.text, re.I)
            if not only_saved and not {name, "ESEARCH"} & set(command.seen):
                raise Deviation(f"{verb} without its answer")
        if verb == "ESEARCH":
            self.keep(command)
        if verb == "APPEND" and reply.code != "APPENDUID":
            raise Deviation("APPEND without APPENDUID")   # RFC 4315 section 3
        if verb == "LOGOUT":
            if not self.closing:
                raise Deviation("LOGOUT without BYE")
            self.finished = True
        if verb == "STARTTLS":
            self.opaque = True
        if verb == "COMPRESS":
            rest, self.inflate, self.deflate = bytes(self.buffer), zlib.decompressobj(-15), zlib.decompressobj(-15)
            self.buffer = bytearray(self.inflate.decompress(rest))
        if verb == "NOTIFY":
            self.notify = not re.match(rb"\s*NONE", command.text, re.I)
            self.delayed = bool(re.search(rb"\(\s*SELECTED-DELAYED\b", command.text, re.I))

    def selected(self, command, reply):
        """RFC 9051 section 6.3.2; RECENT and UNSEEN are RFC 3501's."""
        wanted = {"FLAGS", "EXISTS", "UIDVALIDITY", "UIDNEXT", "PERMANENTFLAGS"}
        wanted |= {"LIST"} if "IMAP4REV2" in self.enabled else {"RECENT"}
        if (missing := wanted - set(command.seen)):
            raise Deviation(f"{command.verb} without {sorted(missing)}")
        if reply.code not in ("READ-WRITE", "READ-ONLY") or command.verb == "EXAMINE" and reply.code != "READ-ONLY":
            raise Deviation(f"{command.verb} answered by {reply.code}")
        if re.search(rb"\((?:.*[( ])?(?:CONDSTORE|QRESYNC)\b", command.text, re.I):
            self.condstore = True
