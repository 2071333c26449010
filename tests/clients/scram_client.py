"""SCRAM-SHA-256 in MQTT 5 AUTH packets, on Python's standard library alone: a second implementation beside ours.

scram_client.py entry USER PASSWORD              a line for a scram_file
scram_client.py login HOST PORT USER PASSWORD    logs in, proves itself again, publishes to itself meanwhile
"""

import base64
import hashlib
import hmac
import os
import socket
import struct
import sys

METHOD = b"SCRAM-SHA-256"


def sign(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def salted(password, salt, iterations):
    return hashlib.pbkdf2_hmac("sha256", password, salt, iterations)


def entry(user, password):
    salt, iterations = os.urandom(16), 4096
    key = salted(password.encode(), salt, iterations)
    stored = hashlib.sha256(sign(key, b"Client Key")).digest()
    salt, stored, server = (base64.b64encode(x).decode() for x in (salt, stored, sign(key, b"Server Key")))
    print(f"{user}:SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")


def text(data):
    return struct.pack(">H", len(data)) + data


def packet(first, body):
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | 0x80 if size else low])
        if not size:
            return bytes([first]) + length + body


def properties(data):
    body = b"\x15" + text(METHOD) + b"\x16" + text(data)
    assert len(body) < 128 or len(body) < 16384
    size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 0x80, len(body) // 128])
    return size + body


class Client:
    def __init__(self, host, port):
        self.sock = socket.create_connection((host, port), timeout=10)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            assert more, "the broker closed"
            data += more
        return data

    def read(self):
        first, size, shift = self.exactly(1)[0], 0, 0
        while True:
            byte = self.exactly(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, self.exactly(size)

    def data_of(self, body):
        """The authentication data: its property follows the method's."""
        at = body.index(b"\x15" + text(METHOD)) + 3 + len(METHOD)
        assert body[at] == 0x16, body
        (size,) = struct.unpack(">H", body[at + 1 : at + 3])
        return body[at + 3 : at + 3 + size]

    def prove(self, user, password, send_first, meanwhile):
        nonce = base64.b64encode(os.urandom(18))
        bare = b"n=" + user.encode().replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=" + nonce
        send_first(b"n,," + bare)
        first, body = self.read()
        assert (first, body[0]) == (0xF0, 0x18), (first, body)
        challenge = self.data_of(body)
        fields = dict(field.split(b"=", 1) for field in challenge.split(b","))
        assert fields[b"r"].startswith(nonce) and len(fields[b"r"]) > len(nonce)
        key = salted(password.encode(), base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        client = sign(key, b"Client Key")
        last = b"c=biws,r=" + fields[b"r"]
        signed = b",".join((bare, challenge, last))
        proof = bytes(a ^ b for a, b in zip(client, sign(hashlib.sha256(client).digest(), signed)))
        meanwhile()
        self.sock.sendall(packet(0xF0, b"\x18" + properties(last + b",p=" + base64.b64encode(proof))))
        first, body = self.read()
        code = body[1] if first == 0x20 else body[0]
        if code:
            sys.exit(f"refused: 0x{code:02x}")
        expected = b"v=" + base64.b64encode(sign(sign(key, b"Server Key"), signed))
        assert self.data_of(body) == expected, "the broker does not know the password"
        return first

    def connect(self, first):
        head = text(b"MQTT") + b"\x05\x02\x00\x3c"
        self.sock.sendall(packet(0x10, head + properties(first) + text(b"scram-client")))

    def again(self, first):
        self.sock.sendall(packet(0xF0, b"\x19" + properties(first)))

    def echo(self):
        """A message to itself, while the exchange is under way."""
        self.sock.sendall(packet(0x30, text(b"t") + b"\x00m"))
        first, body = self.read()
        assert (first, body) == (0x30, text(b"t") + b"\x00m"), (first, body)

    def subscribe(self):
        self.sock.sendall(packet(0x82, b"\x00\x01\x00" + text(b"t") + b"\x00"))
        assert self.read()[0] == 0x90


def login(host, port, user, password):
    client = Client(host, int(port))
    assert client.prove(user, password, client.connect, lambda: None) == 0x20
    client.subscribe()
    for _ in range(2):
        assert client.prove(user, password, client.again, client.echo) == 0xF0
    client.echo()
    print("all passed")


{"entry": entry, "login": login}[sys.argv[1]](*sys.argv[2:])
