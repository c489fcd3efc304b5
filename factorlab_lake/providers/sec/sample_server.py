"""Serve documents over loopback HTTP as SEC does: the paths of both hosts at one address."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from factorlab_lake.providers.loopback_server import LoopbackServer, ServerResponse, response_head
from factorlab_lake.providers.sec.endpoints import TICKERS_PATH, facts_path, submissions_path

__all__ = ["SecSampleServer", "documents_of", "html_page", "symbols_of", "tickers_of"]

_HTML = "text/html"
_PAGE = "<!DOCTYPE html><html><head><title>SEC.gov</title></head><body><h1>{}</h1><p>{}</p></body></html>"
_NO_SUCH_KEY = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"""
_MAIN = re.compile(r"submissions/CIK\d{10}\.json")
_NEVER_CACHED = {"Cache-Control": "max-age=0, no-cache, no-store"}


def html_page(status: int, title: str, text: str) -> ServerResponse:
    """Return a page as SEC sends instead of data."""
    return ServerResponse(status, _PAGE.format(title, text).encode(), _HTML)


_UNDECLARED = html_page(
    403, "Your Request Originates from an Undeclared Automated Tool", "Please declare your traffic."
)


@dataclass
class SecSampleServer(LoopbackServer):
    """Serve documents by path while this context is entered; set its URL as both addresses of SEC.

    Like SEC it refuses callers without a mail address in their name, has XML for documents that do not exist,
    and sends nothing that a cache could compare.

    >>> import httpx
    >>> with SecSampleServer({"submissions/CIK0000320193.json": b"{}"}) as server:
    ...     url = f"{server.url}/submissions/CIK0000320193.json"
    ...     httpx.get(url, headers={"User-Agent": "Jane Doe jane@example.com"}).json()
    {}
    """

    documents: Mapping[str, bytes]
    port: int = 0

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request of a connection."""
        response = self.response(handler.path.lstrip("/"), handler.headers.get("User-Agent") or "")
        handler.wfile.write(response_head(handler, response) + response.body)

    def response(self, path: str, user_agent: str) -> ServerResponse:
        """Return the response for a path and the name of a caller."""
        if "@" not in user_agent:
            return _UNDECLARED
        body = self.documents.get(path)
        if body is None:
            return ServerResponse(404, _NO_SUCH_KEY, "application/xml")
        if path.endswith(".zip"):
            return ServerResponse(200, body, "application/zip")
        headers = _NEVER_CACHED | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return ServerResponse(200, _zipped(body), "application/json", headers)


@lru_cache(maxsize=64)
def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def documents_of(folder: Path) -> dict[str, bytes]:
    """Return the documents of a folder by SEC's paths: facts, submissions and the list of symbols.

    The files are ``companyfacts_CIK##########.json.gz`` and ``submissions_CIK##########.json.gz``.
    """
    paths = {"companyfacts": facts_path, "submissions": submissions_path}
    documents: dict[str, bytes] = {}
    for file in sorted(folder.glob("*.json.gz")):
        match = re.fullmatch(r"(companyfacts|submissions)_CIK(\d{10})\.json\.gz", file.name)
        if match:
            documents[paths[match[1]](match[2])] = gzip.decompress(file.read_bytes())
    return documents | {TICKERS_PATH: tickers_of(documents)}


def symbols_of(documents: Mapping[str, bytes]) -> list[str]:
    """Return the symbols of SEC's list in some documents, sorted."""
    return sorted(row["ticker"] for row in json.loads(documents[TICKERS_PATH]).values())


def tickers_of(documents: Mapping[str, bytes]) -> bytes:
    """Return SEC's list of symbols for the companies with submissions."""
    companies = [json.loads(body) for path, body in documents.items() if _MAIN.fullmatch(path)]
    rows = [
        {"cik_str": int(company["cik"]), "ticker": ticker, "title": company["name"]}
        for company in companies
        for ticker in company.get("tickers", [])
    ]
    return json.dumps({str(place): row for place, row in enumerate(rows)}).encode()
