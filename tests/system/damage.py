#!/usr/bin/env python3
"""`buzon verify` on a database that was damaged while nothing ran: each kind of damage is named, with exit status 1, and never ends the tool by a
signal. And the mail store does not begin anew where CURRENT is missing: that would delete all mail."""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, binary, wait_until  # noqa: E402


def fill(mail):
    dice = random.Random(1)   # noise, so that bodies are large although compressed
    with mail.imap("ana") as client:
        for number in range(30):
            noise = "".join("%064x\r\n" % dice.getrandbits(256) for _ in range(3000 if number % 5 == 0 else 30))
            kind, data = client.append("INBOX", None, None, f"Subject: number {number}\r\n\r\n{noise}".encode())
            assert kind == "OK", data
        mail.run("maintain")   # what came so far lies in tables and blob files now, the rest in the log
        for number in range(30):
            kind, data = client.append("INBOX", None, None, f"Subject: later {number}\r\n\r\n{number}\r\n".encode())
            assert kind == "OK", data


def flip(part):
    def damage(path):
        data = bytearray(path.read_bytes())
        at = min(len(data) - 1, int(len(data) * part))
        data[at] ^= 0x5A
        path.write_bytes(data)
    damage.__name__ = f"a byte flipped at {part:.0%}"
    return damage


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


def missing(path):
    path.unlink()


def nonsense(path):
    path.write_text("nonsense\n")


def damages(database):
    """(file, what is done to it, what verify must say besides its exit status)"""
    current = (database / "CURRENT").read_text().strip()
    logs = [p for p in sorted(database.glob("*.log")) if p.stat().st_size > 1000]
    assert logs, "nothing lies in the log"
    tables, blobs = sorted(database.glob("*.sst")), sorted(database.glob("*.blob"))
    assert tables and blobs, "nothing lies in tables and blob files"
    for path in tables:
        for part in (0, 0.5, 0.999):
            yield path, flip(part), path.name
        yield path, missing, path.stem
    for path in blobs:
        for part in (0, 0.5, 0.999):
            yield path, flip(part), path.name
        yield path, missing, path.stem
    yield tables[0], empty, tables[0].stem
    yield logs[-1], flip(0.5), "write-ahead log.*checksum"
    yield logs[-1], cut, "write-ahead log.*truncated"
    yield database / "CURRENT", missing, "CURRENT is missing"
    yield database / "CURRENT", nonsense, "CURRENT"
    yield database / current, missing, "MANIFEST"
    yield database / current, flip(0.5), "Corrupt"
    yield database / current, empty, "Corrupt"


def owned_like(source, target):
    for path in [target, *target.rglob("*")]:
        twin = source / path.relative_to(target)
        stat = twin.stat()
        os.chown(path, stat.st_uid, stat.st_gid)


def restore(saved, folder):
    shutil.rmtree(folder)
    shutil.copytree(saved, folder)
    owned_like(saved, folder)


def headless_start(mail, database):
    """Without CURRENT the mail store refuses to start and touches nothing; with it back, all mail is there."""
    kept = (database / "CURRENT").read_bytes()
    stat = (database / "CURRENT").stat()
    (database / "CURRENT").unlink()
    before = sorted(p.name for p in database.iterdir())
    output = open(mail.folder / "serve.out", "ab")
    process = subprocess.Popen([binary(), "serve", "--config", str(mail.config)], stdout=output, stderr=output)
    try:
        wait_until("the mail store says what is missing",
                   lambda: any("CURRENT is missing" in e.get("error", "") for e in mail.events("mailstore", "cannot_run")), 30)
    finally:
        process.terminate()
        process.wait(30)
    assert sorted(p.name for p in database.iterdir()) == before, "it touched the database"
    (database / "CURRENT").write_bytes(kept)
    os.chown(database / "CURRENT", stat.st_uid, stat.st_gid)
    mail.serve()
    assert mail.count("ana") == 60


def main():
    with Buzon(accounts=("ana",)) as mail:
        fill(mail)
        mail.stop()
        folder = mail.state / "mail"
        saved = mail.folder / "saved"
        shutil.copytree(folder, saved)
        owned_like(folder, saved)
        good = mail.run("verify", check=False)
        assert good.returncode == 0 and "0 findings (checked offline" in good.stdout, good
        count, wrong = 0, []
        restore(saved, folder)   # verify opened the database, which writes
        for path, damage, says in list(damages(folder / "db")):
            restore(saved, folder)
            damage(path)
            found = mail.run("verify", check=False)
            text, what = found.stdout + found.stderr, f"{path.name}: {damage.__name__}"
            named = next((line for line in text.splitlines() if re.search(says, line)), None)
            if found.returncode != 1 or named is None or "signal" in text or "terminate" in text:
                wrong.append(f"{what}: exit status {found.returncode}, wanted 1 and {says!r}: {text}")
            print(f"{what}: {(named or '?')[:160]}")
            count += 1
        assert not wrong, "\n".join(wrong)
        restore(saved, folder)
        headless_start(mail, folder / "db")
    print(f"damage: {count} kinds named")


if __name__ == "__main__":
    main()
