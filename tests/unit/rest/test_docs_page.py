"""The reference page: text of the document never becomes markup."""

from copy import deepcopy

from orchestrator.rest.docs import rendered
from orchestrator.rest.openapi import document

EVIL = '<script>alert("x")</script>'


def test_text_is_escaped() -> None:
    described = deepcopy(document())
    described["info"]["title"] = described["info"]["description"] = EVIL
    described["tags"][0]["description"] = f"`{EVIL}`\n\n- {EVIL}"
    described["paths"][f"/{EVIL}"] = described["paths"].pop("/livez")
    described["components"]["schemas"]["Problem"]["properties"]["code"]["description"] = EVIL
    described["components"]["parameters"]["Prefer"]["name"] = EVIL

    page = rendered(described).decode()

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6
