"""Serve FMP's prices on loopback, and attack the client for some symbols."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Self
from urllib.parse import parse_qs, urlsplit

KEY = "k3yThatNoLogMayShow0123456789"
BARS = [{"date": "2021-03-25", "close": 100.0, "volume": 10}, {"date": "2021-03-26", "close": 101.0}]
_GOOD = json.dumps(BARS).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PIECE = b" " * 65_536

Parts = Iterator[bytes]


def _sized(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _chunked(*headers: bytes) -> bytes:
    return b"\r\n".join([_HEAD[:-2], b"Transfer-Encoding: chunked", *headers]) + b"\r\n\r\n"


def _for_ever(start: bytes, piece: bytes, pause_s: float = 0.0) -> Parts:
    yield start
    while True:
        yield piece
        time.sleep(pause_s)


@cache
def _bomb(megabytes: int, wbits: int = 31) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join([*(packer.compress(b" " * 1_000_000) for _ in range(megabytes)), packer.flush()])


def _named(names: int) -> bytes:
    fields = {f"field{i}": i for i in range(names)}
    return json.dumps([{"date": "2021-03-25", "close": 1.0} | fields]).encode()


def _behaviours() -> dict[str, Callable[[], Parts | bytes]]:
    gz = b"Content-Encoding: gzip"
    bar = b'[{"date": "2021-03-25", "close": %s}]'
    key = KEY.encode()
    return {
        "ENDLESSBODY": lambda: _for_ever(_HEAD + b"\r\n[", _PIECE),
        "ENDLESSCHUNKS": lambda: _for_ever(_chunked() + b"1\r\n[\r\n", b"10000\r\n" + _PIECE + b"\r\n"),
        "DRIPBODY": lambda: _for_ever(_HEAD + b"\r\n[", b" ", 0.1),
        "DRIPHEAD": lambda: _for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.1),
        "DRIPCHUNKS": lambda: _for_ever(_chunked(), b"1\r\n \r\n", 0.1),
        "SILENT": lambda: _for_ever(b"", b"", 0.1),
        "GZIPBOMB": lambda: _sized(_bomb(150), gz),
        "ZLIBBOMB": lambda: _sized(_bomb(150, 15), b"Content-Encoding: deflate"),
        "BOMBINBOMB": lambda: _sized(gzip.compress(_bomb(150)), b"Content-Encoding: gzip, gzip"),
        "BROTLI": lambda: _sized(b"\x8b\x02\x80", b"Content-Encoding: br"),
        "ZSTD": lambda: _sized(b"\x28\xb5\x2f\xfd", b"Content-Encoding: zstd"),
        "CUTGZIP": lambda: _sized(gzip.compress(_GOOD * 99)[:-20], gz),
        "NOGZIP": lambda: _sized(_GOOD, gz),
        "DEEP400": lambda: _sized(bar % (b'{"a":' * 400 + b"1" + b"}" * 400)),
        "DEEP900": lambda: _sized(bar % (b'{"a":' * 900 + b"1" + b"}" * 900)),
        "DEEP100000": lambda: _sized(b"[" * 100_000),
        "DEEPBEHINDTEXT": lambda: _sized(b'["]",' * 5_000 + b"1" + b"]" * 5_000),
        "COLUMNS": lambda: _sized(_named(20_000)),
        "NEWCOLUMNS": lambda: _sized(json.dumps([{f"f{i}": 1} for i in range(20_000)]).encode()),
        "SPARSE": lambda: _sized(json.dumps([{f"f{i % 900}": 1} for i in range(100_000)]).encode()),
        "TINYROWS": lambda: _sized(b"[" + b"{}," * 1_000_000 + b"{}]"),
        "HUGEINTEGER": lambda: _sized(bar % (b"9" * 100_000)),
        "HUGEFLOAT": lambda: _sized(bar % b"1e999999"),
        "HUGETEXT": lambda: _sized(bar % (b'"' + b"x" * 3_000_000 + b'"')),
        "QUOTES": lambda: _sized(bar % (b'"' + b'\\"' * 300_000)),
        "NAN": lambda: _sized(bar % b"NaN"),
        "INFINITY": lambda: _sized(bar % b"-Infinity"),
        "UTF16": lambda: _sized(_GOOD.decode().encode("utf-16")),
        "LATIN1": lambda: _sized(bar % b'"\xe9\xff"'),
        "BOM": lambda: _sized(b"\xef\xbb\xbf" + _GOOD),
        "CUTJSON": lambda: _sized(_GOOD[:-9]),
        "LENGTHSHORT": lambda: _HEAD + b"Content-Length: 9\r\n\r\n" + _GOOD,
        "LENGTHLONG": lambda: _HEAD + b"Content-Length: 999999\r\n\r\n" + _GOOD,
        "LENGTHHUGE": lambda: _HEAD + b"Content-Length: 99999999999999\r\n\r\n[",
        "LENGTHS": lambda: _sized(_GOOD, b"Content-Length: 5"),
        "CHUNKGARBAGE": lambda: _chunked() + b"zz\r\nnonsense\r\n",
        "CHUNKHUGE": lambda: _chunked() + b"FFFFFFFFFFFF\r\n[",
        "ENDLESSTRAILER": lambda: _for_ever(_chunked() + b"2\r\n[]\r\n0\r\n", b"X: y\r\n" * 900),
        "ENDLESSHEADERS": lambda: _for_ever(_HEAD, b"X: y\r\n" * 900),
        "COOKIES": lambda: _for_ever(_HEAD, b"Set-Cookie: a=" + b"b" * 4_000 + b"\r\n"),
        "CONTINUES": lambda: _for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 90),
        "UPGRADE": lambda: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "TOITSELF": lambda: _sized(b"", b"Location: /stable/loop", status=b"302 Found"),
        "TOAFILE": lambda: _sized(b"", b"Location: file:///etc/passwd", status=b"301 Moved"),
        "TOANOTHER": lambda: _sized(b"", b"Location: http://127.0.0.1:9/" + key, status=b"307 Elsewhere"),
        "EMPTY204": lambda: b"HTTP/1.1 204 No Content\r\n\r\n",
        "SAME304": lambda: b"HTTP/1.1 304 Not Modified\r\n\r\n",
        "TEAPOT": lambda: _sized(b"short and stout", status=b"418 Teapot"),
        "LATERYEAR": lambda: _sized(b"", b"Retry-After: 31536000", status=b"503 Busy"),
        "LATERNEGATIVE": lambda: _sized(b"", b"Retry-After: -5", status=b"503 Busy"),
        "LATERTEXT": lambda: _sized(b"", b"Retry-After: " + b"soon" * 99, status=b"503 Busy"),
        "ERROR500": lambda: _sized(b"<html>" + b"x" * 900_000, status=b"500 Error"),
        "STATUS": lambda: b"HTTP/1.1 99999 What\r\n\r\n",
        "EMPTY": lambda: _sized(b""),
        "NOTHING": lambda: b"",
        "HTML": lambda: _sized(b"<html>200</html>"),
        "OBJECT": lambda: _sized(b'{"a": [1, 2]}'),
        "NUMBERS": lambda: _sized(b'[1, "two", null, [3]]'),
        "OTHERSYMBOL": lambda: _sized(b'[{"symbol": "GOODA", "date": "2021-03-25", "close": 6.66}]'),
        "TWICE": lambda: _sized(b'[{"date": "2021-03-25", "close": 1, "close": 2, "close": "x"}]'),
        "SURROGATE": lambda: _sized(b'[{"date": "2021-03-25", "close": 1, "n": "\\ud800"}]'),
        "NULBYTES": lambda: _sized(b'[{"date": "2021\x00", "close": "\\u0000"}]\x00'),
        "LASTDAY": lambda: _sized(b'[{"date": "9999-12-31", "close": 1, "volume": 1}]'),
        "YEARZERO": lambda: _sized(b'[{"date": "0000-00-00", "close": 1}]'),
        "PATTERN": lambda: _sized(b'[{"^.*$": 1, "date": "2021-03-25"}]'),
        "HTTP09": lambda: _GOOD,
        "KEYHEADER": lambda: _sized(_GOOD, b"X-Your-Key: " + key),
        "KEYBODY": lambda: _sized(b'{"Error Message": "bad key %s"}' % key.replace(b"k", b"\\u006b")),
        "KEYLOCATION": lambda: _sized(b"", b"Location: /?apikey=%6B" + key[1:], status=b"302 Found"),
        "SECOND": lambda: _sized(_GOOD) + _sized(b'[{"date": "2021-03-26", "close": 666.0}]'),
    }


BEHAVIOURS = _behaviours()


class HostileServer:
    """Serve :data:`BARS` for every symbol but those of :data:`BEHAVIOURS`, on one port of loopback.

    ``RESET`` and ``CLOSED`` end the connection in the middle of the body.
    """

    def __enter__(self) -> Self:
        """Start to listen."""
        _bomb(150)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._closed = False
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to listen; open connections end with their clients."""
        self._closed = True
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError, IndexError):
            for path in _requests(connection):
                symbol = parse_qs(urlsplit(path).query).get("symbol", [""])[0]
                if symbol in ("RESET", "CLOSED"):
                    _break(connection, symbol)
                    return
                if symbol not in BEHAVIOURS:
                    connection.sendall(_sized(_GOOD if "price" in path else b"[]"))
                    continue
                answer = BEHAVIOURS[symbol]()
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if self._closed:
                        return
                    connection.sendall(part)
                if symbol != "SECOND":  # it alone keeps its connection
                    return


def _requests(connection: socket.socket) -> Iterator[str]:
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            data = connection.recv(65_536)
            if not data:
                return
            received += data
        head, received = received.split(b"\r\n\r\n", 1)
        yield head.split(b" ")[1].decode()


def _break(connection: socket.socket, symbol: str) -> None:
    connection.sendall(_HEAD + b"Content-Length: 500\r\n\r\n" + _GOOD)
    if symbol == "RESET":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
