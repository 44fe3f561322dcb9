#!/usr/bin/env python3
"""JavaMail, what mail programs written in Java read with: list, append, fetch, flags, search, sort, copy, move, expunge, idle, QRESYNC, COMPRESS and two
ways to submit. What IMAP says of a message (ENVELOPE, BODYSTRUCTURE, parts) is what JavaMail's own parser makes of its octets, but for KNOWN.
It goes through a proxy that holds every reply against imap_rules. Java and the library are unpacked, not installed."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "harness"), str(HERE.parent / "journeys")]
import imap_tap  # noqa: E402
from buzon import Buzon, corpus, wait_until  # noqa: E402
from receive import choose  # noqa: E402
from strangers import Namespace, unpack  # noqa: E402

COUNT = 400   # the real ones of the corpus
KNOWN = {   # where its parser sees something else, and why
    ("00080.ba42e846212f912a63aa36c7a9ded217.eml", "From"): 'quotes that are not closed where they should: "" Angles " Puglisi"',
    ("00016.67fb281761ca1051a22ec3f21917e7c0.eml", "To"): "empty: NIL, and a list of none",
    ("00057.01c83e8ad13d3f438c105ebc31808aa4.eml", "To"): "the same",
    ("00035.7ce3307b56dd90453027a6630179282e.eml", "From"): "octets of no known charset: we guess Latin-1 and say so in an encoded word",
    ("00049.83a0ff17486ed3866aeed9f45f5b3389.eml", "From"): "empty; of what IMAP says it takes the Sender then",
}
JAVA = "/usr/lib/jvm/java-17-openjdk-*/bin/java -cp /usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar"


def java(folder):
    """Runs Java with the library; the one that is installed, where there is one."""
    trees = [tree for tree in unpack("openjdk-17-jre-headless", "libmail-java", "libactivation-java", alone=True) if (tree / "usr").is_dir()]
    namespace = Namespace(folder, trees)
    for tree in trees:
        for settings in tree.glob("etc/java-17-openjdk"):   # without them it does not start
            shutil.copytree(settings, namespace.etc / settings.name)
    return namespace


def run(mail, folder, messages):
    files = folder / "messages"
    files.mkdir()
    for number, (path, data) in enumerate(messages):
        (files / f"{number:03}-{path.name}").write_bytes(data)
    program = HERE / "java/JavaMail.java"
    with imap_tap.Proxy(mail) as port:
        words = [mail.host, port, mail.port("submission"), mail.port("submissions"), mail.ca, mail.address("ana"), files]
        script = f"exec {JAVA} -Dfile.encoding=UTF-8 {program} " + " ".join(f"'{word}'" for word in words)
        done = subprocess.run(java(folder).command(script), input=mail.password("ana") + "\n", capture_output=True, text=True, timeout=480)
    assert done.returncode == 0 and done.stdout.endswith("PASS\n"), (done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout.splitlines()


def after(mail):
    """What it did is what another session sees."""
    with mail.imap("ana", "Java") as client:
        assert client.search(None, "ALL")[1][0].split()[-1] == b"%d" % (COUNT - 2)
        assert client.search(None, "KEYWORD", "$Java")[1][0].split() == [b"1", b"3", b"4"]
    assert mail.count("ana", "Java2") == 5 and mail.count("ana") == 1
    wait_until("the copies in Sent", lambda: mail.count("ana", "Sent") == 2)
    assert mail.run("verify").returncode == 0


def main():
    good, _ = choose(corpus())
    with tempfile.TemporaryDirectory(prefix="java-") as folder, Buzon(accounts=["ana"], host="localhost") as mail:
        pathlib.Path(folder).chmod(0o755)
        lines = run(mail, pathlib.Path(folder), good[:COUNT])
        print("\n".join(lines))
        differs = {(line.split("\t")[0].partition("-")[2], line.split("\t")[1]) for line in lines if line.startswith("differs: ")}
        assert differs == set(KNOWN), differs ^ set(KNOWN)
        after(mail)


if __name__ == "__main__":
    main()
