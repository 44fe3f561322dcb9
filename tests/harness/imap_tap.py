"""Listens in on IMAP connections of the tests and holds every reply against imap_rules. Two forms: contexts whose sockets are tapped by
themselves (tapped), and a proxy for clients that are other people's programs (Proxy).

A deviation is raised where the reply is read, and whatever the test does with the exception, its process ends with status 1. With
BUZON_REPLIES=FILE each process adds a line "script, replies, deviations" to that file.
"""
import asyncio
import atexit
import contextlib
import os
import ssl
import sys
import threading

from imap_rules import Conversation, Deviation

replies, deviations = [0], []


def report():
    if not replies[0]:
        return
    name = os.path.relpath(sys.argv[0])
    print(f"IMAP replies held against the rules: {replies[0]}, deviations: {len(deviations)}", flush=True)
    for text in deviations[:20]:
        print(f"DEVIATION {text}", flush=True)
    if os.environ.get("BUZON_REPLIES"):
        with open(os.environ["BUZON_REPLIES"], "a") as file:
            file.write(f"{name}\t{replies[0]}\t{len(deviations)}\n")
    if deviations:
        sys.stderr.flush()
        os._exit(1)


atexit.register(report)


class Tap:
    """Both directions of one connection, from any thread."""

    def __init__(self, own=True):
        self.conversation, self.lock, self.broken = Conversation(own), threading.Lock(), False

    def client(self, send):
        """send(): sends, and returns what was sent. Nothing of the answer is looked at before that is noted."""
        with self.lock:
            data = send()
            if not self.broken:
                self.conversation.client(bytes(data))

    def server(self, data):
        with self.lock:
            if self.broken:
                return
            before = self.conversation.count
            try:
                self.conversation.server(bytes(data))
            except Deviation as error:
                self.broken = True
                deviations.append(str(error))
                raise
            finally:
                replies[0] += self.conversation.count - before


class TappedSocket(ssl.SSLSocket):
    """What a tapped context makes of a client's socket. read() and send() are below all other ways to read and write."""
    tap, own = None, True

    def read(self, len=1024, buffer=None):
        got = super().read(len, buffer)
        if self.tap is None:
            self.tap = Tap(self.own)
        self.tap.server(got if buffer is None else memoryview(buffer)[:got])
        return got

    def send(self, data, flags=0):
        if self.tap is None:
            self.tap = Tap(self.own)
        sent = 0

        def out():
            nonlocal sent
            sent = super(TappedSocket, self).send(data, flags)
            return memoryview(data)[:sent]
        self.tap.client(out)
        return sent


class StrangersSocket(TappedSocket):
    own = False


def tapped(context, own=True):
    """own=False: accounts may live on a stranger's server."""
    context.sslsocket_class = TappedSocket if own else StrangersSocket
    return context


class Proxy:
    """Takes TLS connections with the server's own certificate, passes all octets on and looks at them, in a thread of its own.

        with Proxy(mail) as port: ...
    """

    def __init__(self, mail, own=True):
        self.mail, self.own = mail, own
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*mail.certificate)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.serve, self.mail.listen, 0, ssl=self.context), self.loop).result(20)
        return server.sockets[0].getsockname()[1]

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)

    async def serve(self, near_in, near_out):
        far_in, far_out = await asyncio.open_connection(self.mail.listen, self.mail.port("imaps"), ssl=self.mail.tls(), server_hostname=self.mail.host)
        tap = Tap(self.own)
        await asyncio.gather(self.there(near_in, far_out, tap), self.back(far_in, near_out, tap), return_exceptions=True)
        near_out.close()
        far_out.close()

    @staticmethod
    async def there(near_in, far_out, tap):
        while data := await near_in.read(65536):
            tap.client(lambda: far_out.write(data) or data)
            await far_out.drain()
        far_out.close()

    @staticmethod
    async def back(far_in, near_out, tap):
        while data := await far_in.read(65536):
            with contextlib.suppress(Deviation):   # noted; the client goes on
                tap.server(data)
            near_out.write(data)
            await near_out.drain()
        near_out.close()
