#!/usr/bin/env python3
"""LANGUAGE (RFC 5255): whatever the server says to an IMAP client behind OK, NO, BYE or PREAUTH has a Spanish text in src/imap/language_es.cc, and no text
stands there that nobody says. BAD is for those who write clients and stays English behind a word of its own (src/imap/language.h), "X completed" is
translated by its form. A text that is not written where it is said must be explained in ELSEWHERE. An argument: the root of the tree."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent

# Who says something: files, what opens the call, which argument is the text, which one the condition ("Bad": always).
SPEAKERS = [
    ("src/imapd/**/*.cc", r"\bbad\(", 0, "Bad"),
    ("src/login/front_imap.cc", r"\bbad\(", 1, "Bad"),
    ("src/imap/parser.cc", r"\bbad\(", 1, "Bad"),
    ("src/imap/parse.h", r"\berror = ", 0, "Bad"),
    ("src/imap/framer.cc", r"\brefused\(", 0, "Bad"),
    ("src/imapd/**/*.cc", r"\b(?:ok|no|bye)\(", 0, None),
    ("src/imapd/**/*.cc", r"\bover_limit\(", 1, None),
    ("src/imapd/**/*.cc", r"\bsay\(", 2, 0),
    ("src/imapd/**/*.cc", r"(?:\bReply|\bwrite_tagged\()\{", 2, 0),
    ("src/imapd/**/*.cc", r"\breply\.text = ", 0, None),
    ("src/imapd/**/*.cc", r"\bstop_text_ = ", 0, None),
    ("src/imapd/**/*.cc", r"\buntagged\(", 3, 1),
    ("src/imapd/**/*.cc", r"\btagged\(", 4, 2),
    ("src/login/front_imap.cc", r"\bsay\(", 3, 1),
    ("src/imap/framer.cc", r"\bwhy_ = ", 0, None),
    ("src/imap/parse*.cc", r"well_formed = true;\s*return (?:p\.)?fail\(", 0, None),
    # why a session is ended or a login refused, on its way to the client
    ("src/authd/*.cc", r"\bend_(?:late_)?sessions\(", 1, None),
    ("src/authd/*.cc", r"\bend_device_sessions\(", 2, None),
    ("src/authd/*.cc", r"\bRefusal\{(?=kNotAllowedKind)", 1, None),
    ("src/roles/mail_lane.cc", r"\bend_sessions\(", 2, None),
    ("src/roles/mailstore.cc", r"\bend_all\(", 0, None),
]

# Texts that stand elsewhere: where they come from.
ELSEWHERE = {
    ("src/imapd/session.cc", "parsed.error()->text"): "src/imap/parse*.cc",
    ("src/imapd/commands/append.cc", "error.text"): "src/imap/parse*.cc",
    ("src/imapd/session.cc", "event.text"): "why_ of src/imap/framer.cc",
    ("src/imapd/commands/append.cc", "event.text"): "why_ of src/imap/framer.cc",
    ("src/imapd/idle.cc", "event.text"): "why_ of src/imap/framer.cc",
    ("src/imapd/session.cc", "text"): "say(), bye() and write_tagged() hand it on",
    ("src/imapd/session.cc", "said"): "say() hands it on",
    ("src/imapd/session.cc", "reply.text"): "write_tagged() hands it on",
    ("src/imapd/commands/message_limit.cc", "text"): "over_limit() hands it on",
    ("src/login/front_imap.cc", "outcome.reason"): "Refusal of src/authd",
    ("src/login/front_imap.cc", "text"): "bad() hands it on",
    ("src/authd/service.cc", "std::move(reason)"): "end_late_sessions() hands it on",
    ("src/authd/account_command.cc", "reason"): "account_state(): \"account disabled\", \"account removed\"",
}
# Put together where ELSEWHERE says.
ALSO_SAID = {"account disabled", "account removed"}
# Said in English only.
AS_IT_IS = {"DEFLATE active": "the gateway knows by it that what follows is compressed (src/imap/output_tracker.h)"}


def without_comments(text):
    return re.sub(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*', lambda m: m[1] or "", text)


def arguments(text, start):
    """What stands between the commas of a call, a braced list or an assignment that begins at `start`."""
    out, depth, at = [""], 0, start
    while at < len(text):
        if text[at] == '"':
            end = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at).end()
            out[-1] += text[at:end]
            at = end
            continue
        c = text[at]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif c == ";" and depth == 0:
            break
        if c == "," and depth == 0:
            out.append("")
        else:
            out[-1] += c
        at += 1
    return [" ".join(one.split()) for one in out]


def literals(expression):
    """Literals side by side are one; what is put together with others has "%" where they stand."""
    out = []
    for choice in re.split(r" : | \? ", expression):
        parts = [p for p in re.split(r" \+ ", choice) if p]
        if any(re.search(r'"', p) for p in parts):
            out.append("".join("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', p)) if '"' in p else "%" for p in parts))
    return out


CONSTANT = r'constexpr std::string_view (k\w+) = "((?:[^"\\]|\\.)*)"'
CONSTANTS = {name: text for header in sorted(root.glob("src/imap*/*.h")) for name, text in re.findall(CONSTANT, header.read_text())}


def said_in(path, opening, position, condition):
    text = without_comments(path.read_text())
    constants = CONSTANTS | dict(re.findall(CONSTANT, text))
    name = str(path.relative_to(root))
    for match in re.finditer(opening, text):
        given = arguments(text, match.end())
        if len(given) <= position:
            continue
        expression = given[position].removeprefix("imap::")
        bad = condition == "Bad" or (condition is not None and given[condition].endswith("::Bad"))
        if re.match(r"(?:const )?std::string(?:_view)?[ &]", expression) or expression.startswith("Condition "):
            continue   # a declaration
        line = text[:match.start()].count("\n") + 1
        found = [constants[expression]] if expression in constants else literals(expression)
        if found:
            yield from ((f"{name}:{line}", bad, one) for one in found)
        elif not bad and (name, expression) not in ELSEWHERE:
            yield f"{name}:{line}", None, expression


def plain(text):
    """A text without its code in front, which stays."""
    return re.sub(r"^\[[^]]*\] ", "", text)


table = without_comments((root / "src/imap/language_es.cc").read_text())
translated = re.findall(r'\{"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"\}', table)
known = {english for english, _ in translated}
problems, said = [], set(ALSO_SAID)
for pattern, opening, position, condition in SPEAKERS:
    for path in sorted(root.glob(pattern)):
        if re.search(r"_test\.cc$", path.name):
            continue
        for where, bad, text in said_in(path, opening, position, condition):
            if bad is None:
                problems.append(f"{where}: what is said by \"{text}\" stands elsewhere: say where in {pathlib.Path(__file__).name}")
                continue
            text = plain(text)
            said.add(text)
            if not bad and text not in known and text not in AS_IT_IS and not text.endswith(" completed"):
                problems.append(f"{where}: no Spanish for \"{text}\"")
problems += [f"src/imap/language_es.cc: no Spanish for \"{text}\"" for text in sorted(ALSO_SAID - known)]
for english, spanish in translated:
    if english not in said:
        problems.append(f"src/imap/language_es.cc: nobody says \"{english}\"")
    if english.count("%") != spanish.count("%"):
        problems.append(f"src/imap/language_es.cc: \"{english}\" and its translation differ in what is put in")
if len(known) != len(translated):
    problems.append("src/imap/language_es.cc: a text stands there twice")
print("\n".join(problems) if problems else f"translations: {len(known)} texts, and nothing else is said")
sys.exit(1 if problems else 0)
