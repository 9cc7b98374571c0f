"""The OpenAPI document as one page for people: no script, nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Document = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_CODE = re.compile(r"`([^`]+)`")


def rendered(document: Document) -> bytes:
    """The page, as HTML."""
    info = document["info"]
    title = escape(info["title"])
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}: reference</title>",
        '<link rel="stylesheet" href="/static/docs.css">\n</head>\n<body>',
        f"<header><h1>{title} <small>{escape(info['version'])}</small></h1>",
        _text(info["description"]),
        '<p><a href="/openapi.json">openapi.json</a> &middot; <a href="/">console</a></p></header>',
        *_contents(document),
        "<main>",
        *(part for tag in document["tags"] for part in _section(document, tag)),
        *_schemas(document),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts).encode()


def _text(text: str) -> str:
    """Paragraphs and lists, with code in backticks."""
    blocks = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith("- ") for line in lines):
            items = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines)
            blocks.append(f"<ul>{items}</ul>")
        else:
            blocks.append(f"<p>{_inline(' '.join(lines))}</p>")
    return "".join(blocks)


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _operations(document: Document, tag: str) -> Iterator[tuple[str, str, Document, Document]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is not None and tag in operation["tags"]:
                yield path, method.upper(), item, operation


def _contents(document: Document) -> Iterator[str]:
    yield '<nav aria-label="Contents"><ul>'
    for tag in document["tags"]:
        for path, method, _, operation in _operations(document, tag["name"]):
            target = escape(operation["operationId"])
            yield f'<li><a href="#{target}"><b>{method}</b> {escape(path)}</a></li>'
    yield "</ul></nav>"


def _section(document: Document, tag: Document) -> Iterator[str]:
    yield f"<section><h2>{escape(tag['name'])}</h2>{_text(tag['description'])}"
    for path, method, item, operation in _operations(document, tag["name"]):
        yield f'<article id="{escape(operation["operationId"])}">'
        yield f"<h3>{escape(operation['summary'])}</h3>"
        yield f'<p class="path"><b>{method}</b> <code>{escape(path)}</code></p>'
        yield _text(operation["description"])
        yield from _parameters(document, item, operation)
        yield from _body(operation)
        yield from _responses(operation)
        yield "</article>"
    yield "</section>"


def _resolved(document: Document, part: Document) -> Document:
    target = part.get("$ref")
    if target is None:
        return part
    found: Any = document
    for name in target.removeprefix("#/").split("/"):
        found = found[name]
    return found  # type: ignore[no-any-return]


def _table(caption: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if rows:
        yield f'<div class="wide"><table><caption>{caption}</caption>'
        for name, kind, about in rows:
            yield f'<tr><th scope="row">{name}</th><td>{kind}</td><td>{about}</td></tr>'
        yield "</table></div>"


def _parameters(document: Document, item: Document, operation: Document) -> Iterator[str]:
    given = [*item.get("parameters", ()), *operation.get("parameters", ())]
    rows = [
        (f"<code>{escape(one['name'])}</code>", one["in"], _text(one["description"]))
        for one in (_resolved(document, part) for part in given)
    ]
    yield from _table("Parameters", rows)


def _body(operation: Document) -> Iterator[str]:
    if "requestBody" not in operation:
        return
    (media,) = operation["requestBody"]["content"].values()
    yield f"<h4>Body: {_schema_link(media['schema'])}</h4>"
    for example in media["examples"].values():
        shown = json.dumps(example["value"], indent=2)
        yield f"<p>{escape(example['summary'])}</p><pre><code>{escape(shown)}</code></pre>"


def _responses(operation: Document) -> Iterator[str]:
    rows = []
    for status, response in operation["responses"].items():
        about = _text(response["description"])
        headers = ", ".join(f"<code>{escape(name)}</code>" for name in response.get("headers", ()))
        kinds = [
            f"{escape(kind)} {_schema_link(media.get('schema', {}))}"
            for kind, media in response.get("content", {}).items()
        ]
        rows.append((escape(status), "<br>".join(kinds), about + headers))
    yield from _table("Answers", rows)


def _schema_link(schema: Document) -> str:
    target = schema.get("$ref")
    if target is None:
        return escape(str(schema.get("type", "")))
    name = escape(target.rpartition("/")[2])
    return f'<a href="#schema-{name}">{name}</a>'


def _kind(schema: Document) -> str:
    if "$ref" in schema:
        return _schema_link(schema)
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(word))}</code>" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return escape(str(schema.get("type", "")))


def _schemas(document: Document) -> Iterator[str]:
    yield "<section><h2>Schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        yield _text(schema.get("description", ""))
        required = schema.get("required", ())
        rows = [
            (
                f"<code>{escape(field)}</code>{' *' if field in required else ''}",
                _kind(about),
                _text(about.get("description", "")),
            )
            for field, about in schema.get("properties", {}).items()
        ]
        yield from _table("Fields (* always there)", rows)
        yield "</article>"
    yield "</section>"
