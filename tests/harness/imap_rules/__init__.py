"""The rules of IMAP replies, written from the RFCs for the tests alone: nothing here knows src/imap. Strict where a phone is strict: one space is
one space, a response code has text behind it, a line has fewer than 8192 octets outside literals, strings are 7-bit unless the client asked
for UTF-8. `Conversation` follows one connection, both directions, and raises Deviation at the first reply that breaks a rule.
"""
from .conversation import Conversation  # noqa: F401
from .syntax import Deviation  # noqa: F401
