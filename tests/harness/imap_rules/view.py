"""What one session has been told of its selected mailbox: how many messages, their UIDs by number, their flags and MODSEQ. Every new word must
agree with those before."""
from .syntax import Deviation


class View:
    def __init__(self):
        self.uids = []        # by number; 0: not told yet
        self.unknown = 0      # how many of them
        self.flags, self.modseq = {}, {}   # by UID
        self.flags_at = {}    # the MODSEQ that came with the flags
        self.highest = 0      # HIGHESTMODSEQ

    def exists(self, count):
        if count < len(self.uids):
            raise Deviation(f"{count} EXISTS after {len(self.uids)}, and nothing was expunged")
        self.unknown += count - len(self.uids)
        self.uids += [0] * (count - len(self.uids))

    def expunge(self, number):
        if number > len(self.uids):
            raise Deviation(f"EXPUNGE of {number} of {len(self.uids)} messages")
        self.forget(self.uids.pop(number - 1))

    def forget(self, uid):
        if uid:
            self.flags.pop(uid, None)
            self.modseq.pop(uid, None)
            self.flags_at.pop(uid, None)
        else:
            self.unknown -= 1

    def vanished(self, ranges):
        """RFC 7162 section 3.2.10.2: each UID was a message of this view."""
        gone = {uid for low, high in ranges for uid in range(min(low, high), max(low, high) + 1)}
        known = gone.intersection(self.uids)
        if len(gone) - len(known) > self.unknown:
            raise Deviation(f"VANISHED of messages that were not there: {sorted(gone - known)[:10]}")
        left = [uid for uid in self.uids if uid not in gone]
        for uid in known:
            self.forget(uid)
        if known != gone:   # some of those not told yet: which numbers they had nobody knows
            left = [0] * (len(left) - len(gone - known))
            self.unknown = len(left)
            self.flags.clear()
        self.uids = left

    def fetch(self, number, items):
        if number > len(self.uids):
            raise Deviation(f"FETCH of {number} of {len(self.uids)} messages")
        uid = items.get(b"UID", 0)
        if uid:
            self.name(number, uid)
        self.news(uid or self.uids[number - 1], items)

    def name(self, number, uid):
        """Message `number` has `uid`: as said before, and ascending (RFC 9051 section 2.3.1.1)."""
        old = self.uids[number - 1]
        if old and old != uid:
            raise Deviation(f"message {number} had UID {old}, now {uid}")
        before = self.uids[number - 2] if number > 1 else 0
        after = self.uids[number] if number < len(self.uids) else 0
        if uid < number or uid <= before or (after and uid >= after):
            raise Deviation(f"UID {uid} of message {number} between {before} and {after}")
        if not old:
            self.unknown -= 1
            self.uids[number - 1] = uid

    def news(self, uid, items):
        """Flags that change come with a greater MODSEQ (RFC 7162 section 3.1)."""
        if not uid:
            return
        flags, modseq = items.get(b"FLAGS"), items.get(b"MODSEQ")
        flags = flags if flags is None else frozenset(f.lower() for f in flags) - {b"\\recent"}
        known, known_flags = self.modseq.get(uid), self.flags.get(uid)
        if modseq is not None and known is not None:
            if modseq < known:
                raise Deviation(f"MODSEQ of UID {uid} fell from {known} to {modseq}")
            if flags is not None and known_flags not in (None, flags) and modseq == self.flags_at.get(uid):
                raise Deviation(f"flags of UID {uid} changed from {set(known_flags)} to {set(flags)} at MODSEQ {modseq}")
        if flags is not None:
            self.flags[uid], self.flags_at[uid] = flags, modseq
        if modseq is not None:
            self.modseq[uid] = modseq
        elif flags is not None and flags != known_flags:
            self.modseq.pop(uid, None)

    def highest_modseq(self, value):
        if value < self.highest:
            raise Deviation(f"HIGHESTMODSEQ fell from {self.highest} to {value}")
        self.highest = value
