"""Build the addresses of SEC's documents: below ``data.sec.gov`` and, for links, ``www.sec.gov``."""

from __future__ import annotations

import re

from factorlab_lake.providers.protocol import Offer

__all__ = [
    "ARCHIVE_PATHS",
    "OFFERS",
    "TICKERS_PATH",
    "cik_text",
    "document_link",
    "facts_path",
    "index_link",
    "submissions_path",
]

_STATEMENT = Offer(periods=("quarterly", "annual"), complete=True)
OFFERS = {
    "income": _STATEMENT,
    "balance_sheet": _STATEMENT,
    "cash_flow": _STATEMENT,
    "shares": Offer(),
    "profile": Offer(),
}
# The archives of all companies, made each night, by the folder of the documents that they have.
ARCHIVE_PATHS = {
    "submissions": "Archives/edgar/daily-index/bulkdata/submissions.zip",
    "api/xbrl/companyfacts": "Archives/edgar/daily-index/xbrl/companyfacts.zip",
}
TICKERS_PATH = "files/company_tickers.json"
_ARCHIVE = "https://www.sec.gov/Archives/edgar/data"
_CIK_CHARS = 10
_PAGE = re.compile(r"CIK\d{10}-submissions-\d{3}\.json")


def cik_text(cik: int | str) -> str:
    """Return a Central Index Key in ten digits; raise ``ValueError`` for another text.

    >>> cik_text(320193), cik_text("CIK0000320193")
    ('0000320193', '0000320193')
    """
    digits = str(cik).upper().removeprefix("CIK")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _CIK_CHARS or not int(digits):
        raise ValueError(f"{str(cik)[:40]!r} is no Central Index Key")
    return digits.zfill(_CIK_CHARS)


def submissions_path(cik: str, page: str | None = None) -> str:
    """Return the path of a company's submissions, or of one page of its older filings.

    >>> submissions_path("0000320193")
    'submissions/CIK0000320193.json'
    """
    name = f"CIK{cik_text(cik)}.json" if page is None else page
    if page is not None and not _PAGE.fullmatch(page):
        raise ValueError(f"{page[:60]!r} is no page of submissions")
    return f"submissions/{name}"


def facts_path(cik: str) -> str:
    """Return the path of all facts of a company.

    >>> facts_path("0000320193")
    'api/xbrl/companyfacts/CIK0000320193.json'
    """
    return f"api/xbrl/companyfacts/CIK{cik_text(cik)}.json"


def index_link(cik: str, accession: str) -> str:
    """Return the address of a filing's index page.

    >>> index_link("0000320193", "0000320193-20-000096")[-56:]
    '320193/000032019320000096/0000320193-20-000096-index.htm'
    """
    return f"{_folder(cik, accession)}/{accession}-index.htm"


def document_link(cik: str, accession: str, document: str) -> str | None:
    """Return the address of a filing's main document, None where submissions do not name it."""
    return f"{_folder(cik, accession)}/{document}" if document else None


def _folder(cik: str, accession: str) -> str:
    return f"{_ARCHIVE}/{int(cik)}/{accession.replace('-', '')}"
