#!/usr/bin/env python3
"""The check of translations refuses what it should: a text without one, one that nobody says, a text it cannot find, a translation without its hole."""
import pathlib
import subprocess
import sys
import tempfile

checker = pathlib.Path(__file__).resolve().parent.parent / "tools" / "check_translations.py"
usual = ['"account disabled", "x"', '"account removed", "x"']
cases = {
    "good": ('co_return no("Gone", "X");\ns.say(imap::Condition::Ok, {}, a ? "One" : "Two");\nco_return ok("COPY completed");\nreturn bad("Whatever");',
             ['"Gone", "x"', '"One", "x"', '"Two", "x"'], None),
    "in a comment": ('// co_return no("Gone");', [], None),
    "no translation": ('co_return no("Gone", "X");', [], 'no Spanish for "Gone"'),
    "of one choice": ('s.bye(late ? "Late" : "Gone", "X");', ['"Late", "x"'], 'no Spanish for "Gone"'),
    "over two lines": ('co_return no("Nearly "\n  "gone");', [], 'no Spanish for "Nearly gone"'),
    "put together": ('co_return no("At most " + std::to_string(n) + " pieces");', ['"At most % pieces", "x"'], "differ in what is put in"),
    "said by nobody": ("", ['"Gone", "x"'], 'nobody says "Gone"'),
    "somewhere else": ("co_return no(what_happened());", [], 'said by "what_happened()" stands elsewhere'),
    "twice": ('co_return no("Gone");', ['"Gone", "x"', '"Gone", "y"'], "twice"),
}
failed = []
for name, (code, texts, wanted) in cases.items():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {"src/imapd/a.cc": code, "src/imap/language_es.cc": "\n".join(f"{{{text}}}," for text in usual + texts)}.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        run = subprocess.run([sys.executable, checker, root], capture_output=True, text=True)
        good = run.returncode == 0 if wanted is None else run.returncode == 1 and wanted in run.stdout
        if not good:
            failed.append(f"{name}: exit {run.returncode}, {run.stdout}{run.stderr}")
print("\n".join(failed) or f"{len(cases)} cases as wanted")
sys.exit(1 if failed else 0)
