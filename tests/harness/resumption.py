"""TLS sessions that are begun at one door and taken up again, there or at another (openssl s_client)."""
import subprocess

VERSIONS = ("-tls1_2", "-tls1_3")


def s_client(port, *options, say="Q\n", address="127.0.0.1"):
    done = subprocess.run(["openssl", "s_client", "-connect", f"{address}:{port}", *options], input=say, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def save_session(port, host, saved, version):
    """An IMAP session. A ticket comes with the first bytes of the server's in TLS 1.3: end by a command, not by closing."""
    assert "New, TLSv1" in s_client(port, "-sess_out", saved, version, "-servername", host, "-ign_eof", say="a LOGOUT\n")


def resumed(port, host, saved, version, rounds=1):
    """Of each round: whether the session was taken up again."""
    return ["Reused" in s_client(port, "-sess_in", saved, version, "-servername", host, say="a LOGOUT\n") for _ in range(rounds)]
