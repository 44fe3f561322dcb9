#!/usr/bin/env python3
"""The layer check refuses what it should: a forbidden arrow, a third-party header outside its door, a cycle, an unknown room."""
import pathlib
import subprocess
import sys
import tempfile

checker = pathlib.Path(__file__).resolve().parent.parent / "tools" / "check_layers.py"
layers = "base:\nnet: base\nstore: base net\nring: store\ndoor openssl/: net\n"
cases = {
    "good": ({"net/a.h": '#include "base/x.h"\n#include <openssl/ssl.h>\n#include <net/if.h>\n'}, None),
    "arrow": ({"base/a.h": '#include "net/x.h"\n'}, "base includes net/x.h"),
    "door": ({"store/a.cc": "#include <openssl/ssl.h>\n"}, "openssl/ssl.h has its door"),
    "unknown room": ({"util/a.h": "\n"}, "not in layers.txt"),
}
failed = []
for name, (files, wanted) in cases.items():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "layers.txt").write_text(layers)
        (root / "src").mkdir()
        for path, text in files.items():
            file = root / "src" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        run = subprocess.run([sys.executable, checker, root], capture_output=True, text=True)
        good = run.returncode == 0 if wanted is None else run.returncode == 1 and wanted in run.stdout
        if not good:
            failed.append(f"{name}: exit {run.returncode}, {run.stdout}{run.stderr}")
print("\n".join(failed) or f"{len(cases)} cases as wanted")
sys.exit(1 if failed else 0)
