"""IMAP replies as values, and how the scripts' expectations match them.

A reply line becomes a list of tokens: Atom, Str (quoted or literal, bytes kept) and nested lists. An expectation is parsed by the same
function, so that "$name", "$$" and "$!directives" are left to match().
"""
import re


class Atom(str):
    pass


class Str(str):
    """A quoted string or a literal."""
    exact = False   # from {{{ }}}: compared octet by octet


def parse(data, literals=None):
    """data: str (latin-1) with literals as \\x00N\\x00 markers into `literals`."""
    tokens, at = parse_list(data, 0, literals or [], None)
    return tokens


def parse_list(data, at, literals, closing):
    out = []
    while at < len(data):
        c = data[at]
        if c == " ":
            at += 1
        elif c == ")" and closing:
            return out, at + 1
        elif c == "(":
            inner, at = parse_list(data, at + 1, literals, ")")
            out.append(inner)
        elif c == '"':
            text, at = parse_quoted(data, at)
            out.append(Str(text))
        elif c == "\x00" or data.startswith("~\x00", at):
            at += c == "~"
            end = data.index("\x00", at + 1)
            text = Str(literals[int(data[at + 1:end])])
            text.exact = True
            out.append(text)
            at = end + 1
        else:
            start, depth = at, 0
            while at < len(data):
                c = data[at]
                if c == "[":
                    depth += 1
                elif c == "]":
                    depth -= 1
                elif depth <= 0 and (c == " " or c == ")" or (c == "(" and at > start)):
                    break
                at += 1
            out.append(Atom(data[start:at]))
            if at == start:
                at += 1
    return out, at


def parse_quoted(data, at):
    out, at = [], at + 1
    while at < len(data) and data[at] != '"':
        if data[at] == "\\":
            at += 1
        out.append(data[at])
        at += 1
    return "".join(out), at + 1


class Variables(dict):
    """Names bound by the first match. expand() replaces what is known; unknown names stay and bind in match_text()."""
    pattern = re.compile(r"\$\$|\$\{(\w+)\}|\$([A-Za-z_]\w*)|\$(\d+)")

    def expand(self, text):
        def one(m):
            if m.group(0) == "$$":
                return "\x01"
            name = m.group(1) or m.group(2) or m.group(3)
            return self[name] if name in self else m.group(0)
        return self.pattern.sub(one, text).replace("\x01", "$")

    def match_text(self, wanted, got):
        """Case-insensitive; unknown variables take whatever stands there. Returns the new bindings or None."""
        parts, names, out = re.split(r"(\$\$|\$\{[A-Za-z_]\w*\}|\$[A-Za-z_]\w*)", wanted), [], ""
        for part in parts:
            if part == "$$":
                out += re.escape("$")
            elif re.fullmatch(r"\$\{?[A-Za-z_]\w*\}?", part):
                name = part.strip("${}")
                if name in self:
                    out += re.escape(self[name])
                elif name in names:
                    out += f"(?P={name})"
                else:
                    names.append(name)
                    out += f"(?P<{name}>.*?)"
            else:
                out += re.escape(part)
        m = re.fullmatch(out, got, re.I | re.S)
        return None if m is None else m.groupdict()


def match(wanted, got, variables, context=""):
    """Does the token list `got` fulfil `wanted`? Returns new bindings or None."""
    trial = Variables(variables)
    return trial if match_list(wanted, got, trial, context) else None


def match_one(w, g, variables, context):
    if isinstance(w, list) != isinstance(g, list):
        return False
    if isinstance(w, list):
        return match_list(w, g, variables, context)
    if isinstance(w, Str) and w.exact:
        return variables.expand(w).replace("\r\n", "\n") == g.replace("\r\n", "\n")
    if isinstance(w, Atom) and w.upper() == "NIL" and isinstance(g, Str):
        return False
    new = variables.match_text(w, g)
    if new is None:
        return False
    variables.update(new)
    return True


def match_list(wanted, got, variables, context):
    bans = [d[6:].lower() for d in wanted if isinstance(d, Atom) and d.startswith("$!ban=")]
    if any(isinstance(g, str) and g.lower() in bans for g in got):
        return False
    directives = {d for d in wanted if isinstance(d, Atom) and d.startswith("$!")}
    rest = [w for w in wanted if not (isinstance(w, Atom) and w.startswith("$!"))]
    if context == "pairs":
        return match_pairs(rest, got, variables)
    if context == "flags" or directives & {"$!unordered", "$!extra"} or bans or context == "attributes":
        remaining = list(got)
        for w in rest:
            for g in remaining:
                if match_one(w, g, variables, ""):
                    remaining.remove(g)
                    break
            else:
                return False
        if context == "flags" and not directives:
            return all(isinstance(g, str) and g.lower() == "\\recent" for g in remaining)
        return True
    if len(rest) > len(got) or (len(rest) < len(got) and "$!extra" not in directives):
        return False
    return all(match_one(w, g, variables, "") for w, g in zip(rest, got))


def match_pairs(wanted, got, variables):
    """FETCH and STATUS items: any order, more may come."""
    items = {}
    for key, value in zip(got[::2], got[1::2]):
        items.setdefault(key.lower(), value)
    for key, value in zip(wanted[::2], wanted[1::2]):
        name = variables.expand(key).lower()
        if name not in items:
            return False
        if not match_one_in(value, items[name], variables, "flags" if name == "flags" else ""):
            return False
    return True


def match_one_in(w, g, variables, context):
    if isinstance(w, list) and isinstance(g, list):
        return match_list(w, g, variables, context)
    return match_one(w, g, variables, context)


def match_untagged(wanted, got, variables):
    """One untagged reply against one expectation, by its kind."""
    trial = Variables(variables)

    def kind_of(tokens):
        if tokens and re.fullmatch(r"\d+|\$\w+", tokens[0]) and len(tokens) > 1 and isinstance(tokens[1], str):
            return tokens[1].lower()
        return tokens[0].lower() if tokens and isinstance(tokens[0], str) else ""

    kind = kind_of(wanted)
    if kind != kind_of(got):
        return None
    if kind in ("ok", "no", "bad", "bye", "preauth"):
        code = wanted[1:2]
        if code and code[0].startswith("["):
            if len(got) < 2 or not match_one(code[0], got[1], trial, ""):
                return None
        return trial
    if kind == "fetch":
        good = match_one(wanted[0], got[0], trial, "") and isinstance(got[2], list) and match_list(wanted[2], got[2], trial, "pairs")
    elif kind == "status":
        good = match_one(wanted[1], got[1], trial, "") and match_list(wanted[2], got[2], trial, "pairs")
    elif kind in ("list", "lsub"):
        good = match_list(wanted[1], got[1], trial, "attributes") and len(got) >= 4 and all(
            match_one(w, g, trial, "") for w, g in zip(wanted[2:], got[2:]))
    elif kind in ("flags",):
        good = match_list(wanted[1], got[1], trial, "attributes")
    elif kind == "search":
        numbers = [trial.expand(w) for w in wanted[1:] if isinstance(w, str)]
        good = len(wanted) == len(got) and match_list(wanted, got, trial, "") or (
            len(numbers) == len(wanted) - 1 and sorted(numbers) == sorted(g for g in got[1:] if isinstance(g, str)))
    elif kind == "esearch":
        good = match_esearch(wanted[1:], got[1:], trial)
    else:
        good = match_list(wanted, got, trial, "")
    return trial if good else None


def match_esearch(wanted, got, variables):
    def split(tokens):
        tag = [t for t in tokens if isinstance(t, list)][:1]
        flat = [t for t in tokens if not (tag and t is tag[0])]
        uid = bool(flat) and flat[0].lower() == "uid"
        return tag, uid, flat[1:] if uid else flat
    wanted_tag, wanted_uid, wanted_items = split(wanted)
    got_tag, got_uid, got_items = split(got)
    if wanted_uid != got_uid or len(wanted_items) != len(got_items):
        return False
    if wanted_tag and not (got_tag and match_list(wanted_tag[0], got_tag[0], variables, "")):
        return False
    return match_pairs(wanted_items, got_items, variables)
