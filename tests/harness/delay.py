"""A wire with a round-trip time: a relay between a client and a server of this machine that holds every octet back for half of it, each way. It
counts the client's round trips: how often the client sent something after something had come from the server."""
import heapq
import itertools
import select
import socket
import threading
import time


class Wire(threading.Thread):
    """One connection to `port` on loopback. self.client is the socket to talk through; the TCP handshake costs a round trip as well."""

    def __init__(self, port, rtt):
        super().__init__(daemon=True)
        self.half, self.port = rtt / 2, port
        self.client, self.near = socket.socketpair()
        self.round_trips = 0
        self.start()

    def run(self):
        time.sleep(2 * self.half)   # SYN, SYN-ACK
        far = socket.create_connection(("127.0.0.1", self.port))
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        other = {self.near: far, far: self.near}
        pending, order, answered = [], itertools.count(), True
        open_ends = {self.near, far}
        while open_ends or pending:
            wait = max(0.0, pending[0][0] - time.monotonic()) if pending else None
            for end in select.select(list(open_ends), [], [], wait)[0]:
                data = end.recv(1 << 18)
                if not data:
                    open_ends.discard(end)
                elif end is self.near and answered:
                    self.round_trips += 1
                heapq.heappush(pending, (time.monotonic() + self.half, next(order), other[end], data))
                answered = answered and end is not self.near
            while pending and pending[0][0] <= time.monotonic():
                _, _, end, data = heapq.heappop(pending)
                answered = answered or end is self.near
                try:
                    end.sendall(data) if data else end.shutdown(socket.SHUT_WR)
                except OSError:
                    return
