"""The client's half of RFC 5267: a result of SEARCH or SORT, and what ADDTO and REMOVEFROM make of it."""
import re

from imap_lines import numbers


class Wrong(Exception):
    """What was said cannot be done to the result."""


class Context:
    """A result that is kept: UIDs, or the client's messages (lists [UID, ...], by identity) where it speaks numbers. order: of SORT, else None. With
    `esearch`, it comes with ESEARCH (RFC 7377)."""

    def __init__(self, uid, order, program, esearch=False):
        self.uid, self.order, self.program, self.esearch, self.result = uid, order, program, esearch, []
        self.changes = 0

    def query(self, options=""):
        """As a command that speaks UIDs."""
        if self.order:
            return f"UID SORT {options}({self.order}) UTF-8 {self.program}"
        return f"{'ESEARCH' if self.esearch and options else 'UID SEARCH'} {options}{self.program}"

    def command(self):
        query = self.query("RETURN (UPDATE ALL) ")
        return query if self.uid else query.removeprefix("UID ")

    def heard(self, line, messages):
        """An ESEARCH response with the context's tag."""
        if bool(re.search(r"\) UID\b", line)) != self.uid:
            raise Wrong(f"{line} for a search {'with' if self.uid else 'without'} UID")
        for what, data in re.findall(r" (ALL|ADDTO|REMOVEFROM) (\([^)]*\)|[\d:,]+)", line):
            if what == "ALL":
                self.result = self.those(data, messages)
                continue
            self.changes += 1
            words = data.strip("()").split()
            for place, text in zip(map(int, words[::2]), words[1::2]):
                self.change(what, place, self.those(text, messages), messages)

    def those(self, text, messages):
        return [n if self.uid else messages[n - 1] for n in numbers(text)]

    def same(self, a, b):
        return a == b if self.uid else a is b

    def change(self, what, place, some, messages):
        if what == "ADDTO" and any(self.same(one, known) for one in some for known in self.result):
            raise Wrong(f"ADDTO of {some}, which is in {self.result}")
        if place == 0 and self.order:
            raise Wrong(f"{what} at no place of a SORT")
        if what == "REMOVEFROM" and place:
            there = self.result[place - 1:place - 1 + len(some)]
            if len(there) != len(some) or not all(map(self.same, there, some)):
                raise Wrong(f"REMOVEFROM {place} {some} of {self.result}")
            del self.result[place - 1:place - 1 + len(some)]
        elif what == "REMOVEFROM":
            for one in some:
                at = [n for n, known in enumerate(self.result) if self.same(one, known)]
                if not at:
                    raise Wrong(f"REMOVEFROM of {one}, which is not in {self.result}")
                del self.result[at[0]]
        elif place:
            if place > len(self.result) + 1:
                raise Wrong(f"ADDTO at {place} of {len(self.result)}")
            self.result[place - 1:place - 1] = some
        elif self.uid:
            self.result = sorted(self.result + some)
        else:
            where = {id(m): n for n, m in enumerate(messages)}
            self.result = sorted(self.result + some, key=lambda m: where[id(m)])

    def uids(self):
        return self.result if self.uid else [m[0] for m in self.result]
