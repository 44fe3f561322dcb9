#!/usr/bin/env python3
"""Sessions that do everything at once to the same mailboxes, and believe every word they are told.

    imap_stress.py [--clients 50] [--accounts 1] [--seconds 20] [--seed N] [--lie KIND]

Random SELECT, FETCH, STORE, SEARCH, SORT, APPEND, COPY, MOVE, EXPUNGE, IDLE, UNSELECT, QRESYNC, LOGOUT and dropped connections, half of the
sessions with QRESYNC. What each has been told of its mailbox must never contradict itself; every few seconds all stand still, and each view must
be the mailbox as a fresh session reads it. --lie changes what sessions hear (a lost EXPUNGE, flags, ...): the test must find it.
"""
import argparse
import asyncio
import pathlib
import re
import sys
import time

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "harness"), str(here)]
import imap_tap  # noqa: E402
from buzon import Buzon  # noqa: E402
from imap_rules import Deviation  # noqa: E402
from world import World  # noqa: E402


def swallow(pattern):
    """Drops one line in three that matches: as if the server had forgotten to say it."""
    def lie(world, session, data):
        out = []
        for line in data.splitlines(keepends=True):
            if re.match(pattern, line) and world.random.random() < 0.3:
                world.lies += 1
                continue
            out.append(line)
        return [b"".join(out)] if out else []
    return lie


def replace(pattern, new):
    def lie(world, session, data):
        if re.search(pattern, data) and world.random.random() < 0.1:
            world.lies += 1
            return [re.sub(pattern, new, data, count=1)]
        return [data]
    return lie


LIES = {
    "expunge": swallow(rb"\* (?:\d+ EXPUNGE|VANISHED \d)"), "exists": swallow(rb"\* \d+ EXISTS"),
    "flags": swallow(rb"\* \d+ FETCH \((?:UID \d+ )?FLAGS \([^)]*\)(?: MODSEQ \(\d+\))?\)\r\n"),
    "seen": replace(rb"FLAGS \(\\Seen ", rb"FLAGS ("), "uid": replace(rb"FETCH \(UID (\d+)(\d) ", rb"FETCH (UID \g<1>9\2 "),
    "modseq": replace(rb"MODSEQ \(\d+(\d)\)", rb"MODSEQ (\1)"), "tag": replace(rb"(?m)^s(\d+)\.(\d+) OK ", rb"s\1.9\2 OK "),
}


async def play(world, seconds):
    for account in world.accounts:
        for mailbox in world.mailboxes[1:]:
            with world.mail.imap(account) as client:
                client.create(mailbox)
    world.truths = {}
    for account in world.accounts:
        for mailbox in world.mailboxes:
            await world.truth(account, mailbox)
    tasks = [asyncio.ensure_future(world.live(session)) for session in world.sessions]
    lives = asyncio.gather(*tasks)
    end = time.monotonic() + seconds
    while True:
        done, _ = await asyncio.wait([lives], timeout=max(0.5, min(4, end - time.monotonic())))
        if done:
            await lives   # its error
        checkpoint = asyncio.ensure_future(world.checkpoint())
        await asyncio.wait([lives, checkpoint], return_when=asyncio.FIRST_COMPLETED)
        if lives.done():
            checkpoint.cancel()
            await lives
        await checkpoint
        if time.monotonic() > end:
            break
    world.stopped.set()
    await lives


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--accounts", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--lie", choices=LIES)
    options = parser.parse_args()
    names = ["ana"] if options.accounts == 1 else [f"u{n}" for n in range(options.accounts)]
    with Buzon(accounts=names, settings="[mailstore]\nmax_sessions_per_account = 1000\n") as mail:
        world = World(mail, names, options.clients, options.seed, LIES.get(options.lie))
        found = None
        try:
            asyncio.run(play(world, options.seconds))
        except Deviation as error:
            found = str(error)
        imap_tap.replies[0] += world.replies
        print(f"{options.clients} clients, {options.accounts} accounts, {options.seconds:g} s, seed {options.seed}: {world.actions} actions, {world.replies} replies, "
              f"{world.checkpoints} checkpoints, {world.lies} lies")
        if options.lie:
            assert found, f"nobody found the lie {options.lie}"
            print(f"found: {found.splitlines()[0]}")
        elif found:
            print(found)
            sys.exit(1)
        else:
            assert mail.run("verify").returncode == 0


if __name__ == "__main__":
    main()
