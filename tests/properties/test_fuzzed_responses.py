"""Test that any body of any status is answered with records or with an error of this package.

``FACTORLAB_FUZZ_EXAMPLES`` sets the number of bodies per dataset; the default is short.
"""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factorlab_lake.errors import FetchFailed
from factorlab_lake.providers.fmp.endpoints import endpoints
from factorlab_lake.providers.protocol import Request
from factorlab_lake.providers.records import fields
from tests.fakes.scripted_fmp import Script, ask, provider

_EXAMPLES = int(os.environ.get("FACTORLAB_FUZZ_EXAMPLES", "15"))
_DATASETS = [(g, d) for g in ("stable", "v3") for d in endpoints(g)]
_ODD: list[Any] = [
    None,
    True,
    1e308,
    -0.0,
    10**400,
    "9999-12-31",
    "0000-00-00",
    "NaN",
    "\ud800",
    "",
    [],
    {},
    [[1]],
]
_VALUES = st.sampled_from(_ODD) | st.text(max_size=8) | st.floats() | st.integers()


def _bodies(dataset: str, generation: str) -> st.SearchStrategy[bytes]:
    """Return records with the dataset's fields and odd values, cut ones, and any bytes."""
    names = st.sampled_from([*fields(dataset, generation), "symbol", "date", "^.*$", "*", ""])
    records = st.lists(st.dictionaries(names, _VALUES, max_size=5) | _VALUES, max_size=4)
    shapes = records | st.fixed_dictionaries({"symbol": _VALUES, "historical": records | _VALUES}) | _VALUES
    texts = shapes.map(lambda body: json.dumps(body).encode())
    cut = st.tuples(texts, st.integers(0, 80), st.binary(max_size=3)).map(lambda t: t[0][: t[1]] + t[2])
    return texts | cut | st.binary(max_size=60)


@pytest.mark.parametrize(("generation", "dataset"), _DATASETS, ids=[f"{g}-{d}" for g, d in _DATASETS])
@settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_body_gives_records_or_a_typed_error(generation: str, dataset: str, data: st.DataObject) -> None:
    """No body raises: the result has records, or an error of the documented tree and no records."""
    body = data.draw(_bodies(dataset, generation))
    status = data.draw(st.sampled_from([200, 200, 200, 204, 302, 402, 429, 500, 599]))
    encoding = data.draw(st.sampled_from([{}, {}, {"content-encoding": "deflate"}]))
    reply = httpx.Response(status, stream=httpx.ByteStream(body), headers=encoding)
    reply._content = body  # the script passes the body on as it is, without decompression
    request = Request(dataset, "AAPL", "annual" if endpoints(generation)[dataset].periods else None)
    with provider(Script(reply), tries=1, api_generation=generation) as fmp:
        result = ask(fmp, request)
    assert (result.records is None) == isinstance(result.fault, FetchFailed)
    assert (result.error is None) == (result.fault is None)
