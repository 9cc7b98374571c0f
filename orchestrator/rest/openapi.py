"""The OpenAPI 3.1 document, made from the models that validate and show."""

import json
from typing import Any

from openapi_pydantic.v3.v3_1 import Components, Contact, Info, License, OpenAPI, Server, Tag

from orchestrator import __version__
from orchestrator.rest import openapi_access, openapi_told
from orchestrator.rest.openapi_parts import HEADERS, PARAMETERS, schemas
from orchestrator.rest.openapi_paths import TAGS, paths

_DESCRIPTION = """\
Connects two people by phone through RingCentral's RingOut: the caller's phone rings first, the
callee's once the caller has answered. A call is written down, placed at most once, and followed to
its end; what is shown is the call as it is known here, in RingCentral's own words and in ours.

Every answer that is not a success is a problem (RFC 9457, `application/problem+json`) with a stable
`code`. The three ring-out operations stand here twice: under `/v1`, and as RingCentral spells them,
so that a program written for RingCentral can be pointed here.
"""


def document() -> dict[str, Any]:
    """The document, as JSON data."""
    described = OpenAPI(
        openapi="3.1.1",
        info=Info(
            title="RingOut orchestrator",
            version=__version__,
            summary="At most one ring per accepted call.",
            description=_DESCRIPTION,
            contact=Contact(name="RingOut orchestrator maintainers"),
            license=License(name="MIT", identifier="MIT"),
        ),
        servers=[Server(url="/", description="The server that this document came from.")],
        tags=[Tag(name=name, description=text) for name, text in TAGS.items()],
        paths=paths(),
        webhooks=openapi_told.webhooks(),
        components=Components(
            schemas={**schemas(), **openapi_told.schemas()},
            securitySchemes=dict(openapi_access.SCHEMES),
            headers=dict(HEADERS),
            parameters={**PARAMETERS, **openapi_told.HEADERS},
        ),
    )
    plain = described.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return openapi_access.secured(plain)


def encoded(described: dict[str, Any]) -> bytes:
    """The document as it is served."""
    return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()
