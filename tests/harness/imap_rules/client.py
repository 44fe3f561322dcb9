"""The client's half of a conversation, read only as far as replies depend on it: which commands are under way, which literals were asked for.
Clients of tests may send nonsense; nothing here complains."""
import collections
import re

COMMAND = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+) +((?:UID +)?[A-Za-z]+)(?: |$|(?=\())', re.I)
TAG = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+)')
LITERAL = re.compile(rb"~?\{(\d{1,19})(\+?)\}$")


class Command:
    def __init__(self, tag, verb, text):
        self.tag, self.verb, self.text = tag, verb, text   # verb "": no command that we know
        self.asked = 0          # how often the server said "+"
        self.seen = []          # kinds of untagged replies since
        self.waiting = False    # for "+", a literal comes then
        self.done = False       # answered
        self.progress = 0       # what INPROGRESS said last
        self.mailboxes = set()  # of ESEARCH: those answered


class Client:
    def __init__(self):
        self.buffer, self.skip, self.size = bytearray(), 0, 0
        self.queue = collections.deque()
        self.open = None        # the command whose lines are not complete
        self.dialogue = False   # the next line answers a "+" of AUTHENTICATE

    @property
    def head(self):
        return self.queue[0] if self.queue else None

    def feed(self, data):
        self.buffer += data
        self.advance()

    def advance(self):
        while self.buffer:
            if self.skip:
                taken = min(self.skip, len(self.buffer))
                del self.buffer[:taken]
                self.skip -= taken
                continue
            if self.open and self.open.waiting:
                return   # "+" or a tagged reply decides what these octets are
            end = self.buffer.find(b"\n")
            if end < 0:
                return
            line = bytes(self.buffer[:end]).rstrip(b"\r")
            del self.buffer[:end + 1]
            self.line(line)

    def line(self, line):
        if self.dialogue:
            self.dialogue = False
            return
        if self.open is None:
            if line.strip().upper() in (b"DONE", b""):
                return
            found = COMMAND.match(line)
            if found:
                self.open = Command(found.group(1).decode(), re.sub(rb" +", b" ", found.group(2)).decode().upper(), line[found.end(2):])
            else:
                tag = TAG.match(line)
                self.open = Command(tag.group(1).decode() if tag else "", "", b"")
            self.queue.append(self.open)
        else:
            self.open.text += line
        literal = LITERAL.search(line)
        if not literal or self.open.done:
            self.open = None
        elif literal.group(2):
            self.skip = int(literal.group(1))
        else:
            self.open.waiting, self.size = True, int(literal.group(1))

    # --- what the server says ---
    def go_ahead(self):
        """"+": returns the command that it belongs to."""
        head = self.head
        if head is None:
            return None
        head.asked += 1
        if head.waiting:
            head.waiting, self.skip = False, self.size
            self.advance()
        elif head.verb == "AUTHENTICATE":
            self.dialogue = True
        return head

    def answered(self, tag):
        """A tagged reply: the command, or None. Lines that were no commands may have been answered without their tag."""
        while self.queue and self.queue[0].tag != tag and self.queue[0].verb == "":
            self.queue.popleft()
        if not self.queue or self.queue[0].tag != tag:
            return None
        command = self.queue.popleft()
        command.done, self.dialogue = True, False
        if self.open is command and command.waiting:   # refused: its literal does not come
            self.open = None
        self.advance()
        return command
