#!/usr/bin/env python3
"""The oracle of kill_roles.py must be able to fail: a recorded history and the mailboxes that fit it pass, and each kind of damage done to the
mailboxes is reported, by name and alone."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kill_roles import Oracle, compare  # noqa: E402


def select(validity, modseq):
    return [b"* OK [UIDVALIDITY %d] UIDs valid" % validity, b"* OK [HIGHESTMODSEQ %d] Highest" % modseq]


class History:
    """What was acknowledged, and a store that kept it all."""

    def __init__(self):
        self.oracle = Oracle()
        self.oracle.selected("Archive", select(77, 10))
        for uid in (1, 2, 3):
            self.oracle.appended("Archive", uid, f"editor-{uid}")
        self.oracle.flags["Archive"][2].add("k1")
        self.oracle.uids["Archive"].pop(3)
        self.oracle.flags["Archive"].pop(3)
        self.oracle.gone["Archive"].add(3)
        self.oracle.unsure.update({"editor-4", "mailer-9"})
        self.oracle.flags_unsure["Archive"].add((1, "k2"))
        self.oracle.delivered += ["mailer-1", "submitter-1"]
        self.oracle.submitted.append("submitter-1")
        self.edited = {"Archive": {1: ("editor-1", {"\\seen"}), 2: ("editor-2", {"\\seen", "k1"})}}
        self.inbox = {1: ("mailer-1", set()), 2: ("submitter-1", set())}
        self.sent = {1: ("submitter-1", {"\\seen"})}

    def problems(self):
        compare(self.oracle, self.edited, self.inbox, self.sent)
        return self.oracle.problems


class OracleTest(unittest.TestCase):
    def reports(self, text, spoil):
        history = History()
        spoil(history)
        problems = history.problems()
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(text, problems[0])

    def test_what_fits_passes(self):
        self.assertEqual(History().problems(), [])

    def test_what_was_not_answered_may_be_there_or_not(self):
        history = History()
        history.edited["Archive"][4] = ("editor-4", {"\\seen"})
        history.edited["Archive"][1][1].add("k2")
        history.inbox[9] = ("mailer-9", set())
        self.assertEqual(history.problems(), [])

    def test_a_lost_message(self):
        self.reports("acknowledged APPEND lost: Archive UID 1", lambda h: h.edited["Archive"].pop(1))

    def test_a_message_that_came_back(self):
        self.reports("came back: Archive UID 3", lambda h: (h.edited["Archive"].update({3: ("editor-3", set())}),
                                                            h.oracle.unsure.add("editor-3")))

    def test_a_repeated_uid(self):
        self.reports("UID 2 of Archive was given twice", lambda h: (h.oracle.appended("Archive", 2, "editor-5"),
                                                                    h.edited["Archive"].update({2: ("editor-5", {"\\seen"})})))

    def test_the_uid_of_a_message_that_is_gone_repeated(self):
        self.reports("UID 3 of Archive was given twice",
                     lambda h: (h.oracle.appended("Archive", 3, "editor-5"), h.oracle.gone["Archive"].discard(3),
                                h.edited["Archive"].update({3: ("editor-5", {"\\seen"})})))

    def test_another_message_under_the_uid(self):
        self.reports("Archive UID 1 holds editor-8, not editor-1", lambda h: h.edited["Archive"].update({1: ("editor-8", {"\\seen"})}))

    def test_lost_flags(self):
        self.reports("acknowledged flags lost: Archive UID 2", lambda h: h.edited["Archive"][2][1].discard("k1"))

    def test_a_flag_nobody_set(self):
        self.reports("a flag nobody set: Archive UID 2 k7", lambda h: h.edited["Archive"][2][1].add("k7"))

    def test_a_message_nobody_appended(self):
        self.reports("a message nobody appended: Archive UID 6", lambda h: h.edited["Archive"].update({6: ("what", set())}))

    def test_a_lost_delivery(self):
        self.reports("in INBOX 0 times: mailer-1", lambda h: h.inbox.pop(1))

    def test_a_delivery_made_twice_without_an_answer(self):
        self.reports("in INBOX 2 times: mailer-9", lambda h: h.inbox.update({8: ("mailer-9", set()), 9: ("mailer-9", set())}))

    def test_a_lost_copy_in_sent(self):
        self.reports("in Sent 0 times: submitter-1", lambda h: h.sent.clear())

    def test_uidvalidity_that_changes(self):
        self.reports("UIDVALIDITY of Archive changed from 77 to 78", lambda h: h.oracle.selected("Archive", select(78, 11)))

    def test_modseq_that_goes_back(self):
        self.reports("HIGHESTMODSEQ of Archive went back from 10 to 9", lambda h: h.oracle.selected("Archive", select(77, 9)))


if __name__ == "__main__":
    unittest.main()
