"""Answers on the wire, whole or broken."""

from __future__ import annotations

import os
import socket
import struct
from http.server import BaseHTTPRequestHandler

from factorlab_lake.providers.fmp.fake_server.replies import FakeReply

__all__ = ["send"]

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: closing resets the connection


def send(handler: BaseHTTPRequestHandler, reply: FakeReply, fault: str | None) -> None:
    """Send an answer; the faults of the connection happen here."""
    head, body = _head(handler, reply), reply.body
    if fault == "dropped":
        handler.close_connection = True
        return
    if fault in ("truncated", "dropped_inside"):
        body = body[: len(body) // 2]
    # In one piece: two small writes would wait for each other's acknowledgement.
    handler.wfile.write(head + body)
    if fault == "truncated":
        handler.close_connection = True
    elif fault == "dropped_inside":
        _reset(handler)


def _head(handler: BaseHTTPRequestHandler, reply: FakeReply) -> bytes:
    phrase = handler.responses.get(reply.status, ("", ""))[0]
    lines = [
        f"HTTP/1.1 {reply.status} {phrase}",
        f"Date: {handler.date_time_string()}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    os.close(handler.connection.detach())
