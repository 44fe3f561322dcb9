#!/usr/bin/env python3
"""Compares what src/mime says of the corpus with what Python's email package says, an independent parser.

  BUZON_CORPUS=DIR mime_oracle.py --dump build/dev/bin/dump_structure [--real] [--update] [--show N]

Each message is read by both with its line ends as CRLF. Compared: ENVELOPE (date, subject, addresses, ids) and BODYSTRUCTURE
(type, subtype, parameters, encoding, octets, lines, disposition, nesting). The differences must be exactly the rows of
known_differences.tsv (file, field, Python's value, ours, why ours is right); a new or a vanished row is exit 1. --real takes
the 6,046 real messages of the archive instead of their sample; its rows are known_differences_real.tsv. Without BUZON_CORPUS: 77.
"""
import argparse
import email
import email._header_value_parser
import email.errors
import email.message
import email.policy
import email.utils
import collections
import functools
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

# Newer releases refuse whole lists by default; the tables were made with the lenient way.
STRICT = "strict" in inspect.signature(email.utils.getaddresses).parameters
GETADDRESSES = functools.partial(email.utils.getaddresses, strict=False) if STRICT else email.utils.getaddresses
HERE = pathlib.Path(__file__).resolve().parent
GROUPS = ["mime/*", "i18n-made", "dsn", "real-mail/sample"]
NOT_MAIL = {".json", ".xml", ".out", ".golden", ".gitattributes", ".mbox", ".md", ".bin", ".png", ".jpg", ".gif", ".xz"}


def crlf(data):
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


# --- IMAP text to lists

def parse_imap(text):
    stack, at, current = [], 0, []
    while at < len(text):
        c = text[at]
        if c == "(":
            stack.append(current)
            current = []
            at += 1
        elif c == ")":
            done, current = current, stack.pop()
            current.append(done)
            at += 1
        elif c == '"':
            at += 1
            out = []
            while text[at] != '"':
                if text[at] == "\\":
                    at += 1
                out.append(text[at])
                at += 1
            current.append("".join(out))
            at += 1
        elif c == "{":
            end = text.index("}", at)
            size = int(text[at + 1:end])
            current.append(text[end + 3:end + 3 + size])
            at = end + 3 + size
        elif c == " ":
            at += 1
        else:
            end = at
            while end < len(text) and text[end] not in " ()":
                end += 1
            word = text[at:end]
            current.append(None if word == "NIL" else int(word))
            at = end
    assert not stack and len(current) == 1, "parentheses do not match"
    return current[0]


def check_grammar(line):
    for key in ("envelope", "bodystructure", "body"):
        text = line[key]
        if any(not (c in "\r\n\t" or " " <= c <= "~") for c in text if c >= "\x80" or c == "\0"):
            return f"{key} holds 8-bit or NUL"
        run = 0
        plain = re.sub(r'\{(\d+)\}\r\n', "\n", text)
        run = max(len(piece) for piece in plain.split("\n"))
        if run > 8192:
            return f"{key} has a line of {run} octets"
    return None


# --- our side

def flat_params(params):
    items = params or []
    return {items[i].lower(): items[i + 1] for i in range(0, len(items) - 1, 2)}


def our_body(node, path, out):
    if isinstance(node[0], list):
        children = [n for n in node if isinstance(n, list)]
        count = 0
        while count < len(node) and isinstance(node[count], list):
            count += 1
        rest = node[count:]
        out[path] = {"type": "multipart/" + rest[0].lower(), "params": flat_params(rest[1]), "disposition": rest[2], "children": count}
        for i, child in enumerate(node[:count]):
            our_body(child, f"{path}.{i + 1}", out)
        return
    kind = f"{node[0]}/{node[1]}".lower()
    entry = {"type": kind, "params": flat_params(node[2]), "id": node[3], "description": node[4], "encoding": node[5].lower(),
             "size": node[6]}
    at = 7
    if kind == "message/rfc822":
        entry["envelope"] = our_envelope(node[7])
        our_body(node[8], path + ".m", out)
        entry["lines"], at = node[9], 10
    elif node[0].lower() == "text":
        entry["lines"], at = node[7], 8
    entry["disposition"] = node[at + 1]
    out[path] = entry


def our_addresses(value):
    out = []
    for name, route, mailbox, host in value or []:
        if host is None:
            continue  # group markers
        out.append((squeeze(name or ""), f"{mailbox}@{host}" if host else mailbox))
    return out


def squeeze(text):
    return " ".join(text.split())


def our_envelope(env):
    out = {"date": env[0], "subject": env[1], "in-reply-to": env[8], "message-id": env[9]}
    for i, name in enumerate(("from", "sender", "reply-to", "to", "cc", "bcc")):
        out[name] = our_addresses(env[2 + i])
    return out


# --- Python's side: compat32 keeps values as they are; octets beyond ASCII come as surrogates

def ascii_value(value):
    """None where 8-bit makes the two differ by design (we encode)."""
    if value is None:
        return None
    text = str(value)
    if any(ord(c) > 126 for c in text):
        return Ellipsis
    text = re.sub(r"\r?\n(?=[ \t])", "", text)
    return re.sub(r"[\r\n\0]", " ", text).strip()


def py_addresses(message, name):
    values = message.get_all(name, [])
    texts = [ascii_value(v) for v in values]
    if Ellipsis in texts:
        return Ellipsis
    return [(squeeze(n), unquoted(a)) for n, a in GETADDRESSES(texts) if n or a], py_addresses_new(message, name)


def py_addresses_new(message, name):
    """The second parser that Python has, of the newer header classes: where the two disagree either may be right."""
    text = ", ".join(ascii_value(v) for v in message.get_all(name, []))
    if "=?" in text:
        return None  # this one decodes them
    try:
        found, _ = email._header_value_parser.get_address_list(text)
        return [(squeeze(m.display_name or ""), unquoted(m.addr_spec)) for m in found.all_mailboxes]
    except Exception:
        return None


def unquoted(address):
    """The local part without its quotes, as RFC 3501 section 7.4.2 wants it."""
    return re.sub(r'"((?:[^"\\]|\\.)*)"(?=.*@)', lambda m: re.sub(r"\\(.)", r"\1", m.group(1)), address)


def py_envelope(message):
    out = {}
    for name in ("date", "subject", "in-reply-to", "message-id"):
        out[name] = ascii_value(message.get(name))
    for name in ("from", "sender", "reply-to", "to", "cc", "bcc"):
        out[name] = py_addresses(message, name)
    for name in ("sender", "reply-to"):
        if out[name] is not Ellipsis and not out[name][0]:
            out[name] = out["from"]
    return out


def raw_payload(message):
    payload = message._payload
    if payload is None:
        return b""
    if isinstance(payload, list):
        return None
    return payload.encode("ascii", "surrogateescape")


def params_of(message, header):
    """As written: name*0*= and the like are not joined, because BODYSTRUCTURE shows them as they are."""
    raw = message.get(header)
    out = {}
    for item in email.message._parseparam(";" + str(raw))[1:] if raw is not None else []:
        name, equals, value = item.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not name or not equals:
            continue  # a semicolon too many, or a word alone: no parameter of RFC 2045 section 5.1
        if any(ord(c) > 126 for c in name + value):
            out[name] = Ellipsis
            continue
        value = re.sub(r"\r?\n(?=[ \t])", "", email.utils.unquote(value))
        out.setdefault(name, value)
    return out


def first_token(value):
    value = ascii_value(value)
    if value in (None, Ellipsis):
        return value
    match = re.match(r"[^\s;()]+", value)
    return match.group(0) if match else None


def unclosed(message):
    return any(isinstance(d, email.errors.CloseBoundaryNotFoundDefect) for d in message.defects)


def py_body(message, path, out, open_end=False):
    """open_end: a multipart around it has no closing delimiter. Python takes the last line end off nevertheless; RFC 2046
    section 5.1.1 gives it to a delimiter only, and there is none."""
    kind = message.get_content_type()
    multipart = message.get_content_maintype() == "multipart"
    if multipart and not message.get_boundary():
        kind, multipart = "text/plain", False  # ill-formed: RFC 2045 section 5.2
    entry = {"type": kind, "params": params_of(message, "content-type"), "disposition": first_token(message.get("content-disposition"))}
    out[path] = entry
    if multipart:
        children = message._payload if isinstance(message._payload, list) else []
        entry["children"] = max(len(children), 1)
        for i, child in enumerate(children):
            py_body(child, f"{path}.{i + 1}", out, (open_end or unclosed(message)) and i + 1 == len(children))
        if not children:  # IMAP's grammar wants a part: RFC 3501 section 9
            out[path + ".1"] = {"type": "text/plain", "size": 0, "lines": 0, "params": {}, "disposition": None}
        return
    entry["id"] = ascii_value(message.get("content-id")) or None
    entry["description"] = ascii_value(message.get("content-description")) or None
    encoding = first_token(message.get("content-transfer-encoding"))
    entry["encoding"] = encoding.lower() if isinstance(encoding, str) else encoding
    if message.is_multipart():  # message/*
        if kind == "message/rfc822" and len(message._payload) == 1:
            entry["envelope"] = py_envelope(message._payload[0])
            py_body(message._payload[0], path + ".m", out, open_end)
        return
    body = raw_payload(message)
    entry["size"] = len(body)
    entry["lines"] = body.count(b"\n")
    entry["open_end"] = open_end


# --- comparison

def shown(value):
    text = json.dumps(value, sort_keys=True, default=str) if not isinstance(value, str) else value
    text = re.sub(r"[^ -~]", "?", text)
    return text if len(text) <= 80 else text[:60] + f"...({len(text)})"


def compare_envelope(ours, theirs, prefix, rows):
    for name, want in theirs.items():
        have = ours[name]
        if want is Ellipsis:
            continue
        if name in ("date", "subject", "in-reply-to", "message-id"):
            if squeeze(want or "")[:4000] != squeeze(have or "")[:4000]:
                rows.append((prefix + name, shown(want), shown(have)))
        elif not any(same_addresses(w, have) for w in want if w is not None):
            rows.append((prefix + name, shown(want[0]), shown(have)))


def same_addresses(want, have):
    def plain(text):
        return text.replace(" ", "")[:4000]

    def same_name(theirs, ours):
        # Python adds comments to a phrase; in RFC 5322 section 3.4 a comment is no part of the display name
        return plain(theirs) == plain(ours) or plain(re.sub(r"\([^()]*\)$", "", theirs)) == plain(ours)

    return len(want) == len(have) and all(
        same_name(w[0], h[0]) and plain(w[1]) == plain(h[1]) for w, h in zip(want, have))


def compare_body(ours, theirs, rows):
    if list(sorted(ours)) != list(sorted(theirs)):
        rows.append(("nesting", shown({k: theirs[k]["type"] for k in sorted(theirs)}), shown({k: ours[k]["type"] for k in sorted(ours)})))
        return
    for path, want in theirs.items():
        have = ours[path]
        if want.pop("open_end", False) and have["size"] == want["size"] + 2:
            want["size"] += 2
            want["lines"] += 1
        for name, value in want.items():
            mine = have.get(name)
            if value is Ellipsis:
                continue
            if name == "envelope":
                compare_envelope(mine, value, f"{path}.envelope.", rows) if mine else rows.append((path + ".envelope", "one", "none"))
                continue
            if name == "params":
                value = {k: v for k, v in value.items() if v is not Ellipsis}
                if "charset" not in value:
                    mine.pop("charset", None)  # the default that we add
                if any(v is Ellipsis for v in want["params"].values()):
                    mine = {k: v for k, v in mine.items() if k in value}
            if name == "disposition":
                mine = mine[0] if mine else None
            if name == "encoding":
                value = value or "7bit"
            if name == "lines" and mine is None:
                continue
            if isinstance(value, str) and isinstance(mine, str):
                value, mine = squeeze(value), squeeze(mine)
            if value != mine:
                rows.append((f"{path}.{name}", shown(value), shown(mine)))


def files_of(corpus, real, scratch):
    if real:
        with tarfile.open(corpus / "real-mail/spamassassin-6046.tar.xz") as archive:
            archive.extractall(scratch, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        return [("real-mail", p, str(p.relative_to(scratch))) for p in sorted(pathlib.Path(scratch).rglob("*.eml"))]
    out = []
    for pattern in GROUPS:
        for folder in sorted(corpus.glob(pattern)):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix not in NOT_MAIL and not re.search(r"_decoded|\.crlf|mbox|README|LICENSE", path.name):
                    out.append((str(folder.relative_to(corpus)), path, str(path.relative_to(corpus))))
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--update", action="store_true", help="write the rows that there are, keeping the reasons of old ones")
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    corpus = os.environ.get("BUZON_CORPUS")
    if not corpus or not pathlib.Path(corpus).is_dir():
        print("mime_oracle: BUZON_CORPUS is not set: skipped")
        return 1 if os.environ.get("CI") == "true" else 77
    scratch = tempfile.TemporaryDirectory()
    files = files_of(pathlib.Path(corpus), options.real, scratch.name)
    dump = subprocess.run([options.dump], input="\n".join(str(p) for _, p, _ in files) + "\n", capture_output=True, text=True)
    if dump.returncode != 0:
        print(dump.stderr[-3000:])
        return 1
    lines = dump.stdout.splitlines()
    assert len(lines) == len(files), f"{len(files)} files, {len(lines)} answers"
    rows, counts, fields, hard = {}, collections.Counter(), collections.Counter(), []
    total = collections.Counter()
    for (group, path, name), text in zip(files, lines):
        total[group] += 1
        ours = json.loads(text)
        if "error" in ours:
            hard.append(f"{name}: {ours['error']}")
            continue
        problem = check_grammar(ours)
        if problem or not ours["round_trip"]:
            hard.append(f"{name}: {problem or 'encode and decode differ'}")
        try:
            theirs = email.message_from_bytes(crlf(path.read_bytes()), policy=email.policy.compat32)
            found = []
            compare_envelope(our_envelope(parse_imap(ours["envelope"])), py_envelope(theirs), "envelope.", found)
            mine, wanted = {}, {}
            our_body(parse_imap(ours["bodystructure"]), "1", mine)
            py_body(theirs, "1", wanted)
            compare_body(mine, wanted, found)
        except Exception as error:  # Python's parser fails on some of these by itself
            found = [("python", f"{type(error).__name__}: {error}"[:80], "")]
        for field, want, have in found:
            rows[(name, field)] = (want, have)
            fields[field.split(".", 2)[-1] if not field.startswith("envelope") else field] += 1
        counts[group] += bool(found)
    return report(options, rows, counts, total, fields, hard)


def report(options, rows, counts, total, fields, hard):
    table = HERE / ("known_differences_real.tsv" if options.real else "known_differences.tsv")
    known = {}
    if table.exists():
        for line in table.read_text().splitlines():
            if line and not line.startswith("#"):
                name, field, want, have, why = (line.split("\t") + [""] * 5)[:5]
                known[(name, field)] = (want, have, why)
    for group in sorted(total):
        print(f"{group}: {total[group]} messages, {counts[group]} with differences ({100 * counts[group] / total[group]:.2f} %)")
    print(f"fields: {dict(fields.most_common(12))}")
    for line in hard:
        print("BROKEN", line)
    if options.update:
        with table.open("w") as out:
            out.write("# file\tfield\tPython\tbuzon\twhy ours is right\n")
            for key in sorted(rows):
                out.write("\t".join((*key, *rows[key], known.get(key, ("", "", ""))[2])) + "\n")
        return 1 if hard else 0
    new = [k for k in sorted(rows) if k not in known or known[k][:2] != rows[k]]
    gone = [k for k in sorted(known) if k not in rows]
    for key in new[:options.show]:
        print("NEW ", *key, "| python:", rows[key][0], "| ours:", rows[key][1])
    for key in gone[:options.show]:
        print("GONE", *key)
    print(f"{len(rows)} differences, {len(new)} new, {len(gone)} vanished, {len(hard)} broken")
    return 1 if new or gone or hard else 0


if __name__ == "__main__":
    sys.exit(main())
