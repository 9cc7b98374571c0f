"""Requests that no client of good will sends: each with the statuses that may answer it."""

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def _get(target: bytes, more: bytes = b"", version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + host + more + b"\r\n"


def _post(path: bytes, more: bytes, body: bytes, version: bytes = b"1.1") -> bytes:
    head = b"POST " + path + b" HTTP/" + version + b"\r\n" + HOST + JSON + more
    return head + b"\r\n" + body


def smuggling(path: bytes) -> dict[str, bytes]:
    """What two parsers may read in two ways: each must be refused, and the connection closed."""
    return {**_odd_bodies(path), **_odd_heads(path)}


def _odd_bodies(path: bytes) -> dict[str, bytes]:
    none = b"0\r\n\r\n"
    length = b"Content-Length: 4\r\n"
    return {
        "length, then chunked": _post(path, length + CHUNKED, none),
        "chunked, then length": _post(path, CHUNKED + length, none),
        "two lengths": _post(path, length + b"Content-Length: 5\r\n", b"abcde"),
        "the same length twice": _post(path, length * 2, b"abcd"),
        "a list of lengths": _post(path, b"Content-Length: 4, 4\r\n", b"abcd"),
        "a signed length": _post(path, b"Content-Length: +4\r\n", b"abcd"),
        "a length beyond 64 bits": _post(path, b"Content-Length: 9" + b"9" * 30 + b"\r\n", b"a"),
        "two codings": _post(path, CHUNKED + b"Transfer-Encoding: identity\r\n", none),
        "an unknown coding": _post(path, b"Transfer-Encoding: xchunked\r\n", none),
        "no coding, and a length": _post(path, b"Transfer-Encoding:\r\n" + length, b"abcd"),
        "no coding": _post(path, b"Transfer-Encoding:\r\n", b""),
        "a coding, then chunked": _post(path, b"Transfer-Encoding: gzip, chunked\r\n", none),
        "chunked in 1.0": _post(path, CHUNKED, none, b"1.0"),
        "a bad chunk": _post(path, CHUNKED, b"zz\r\n"),
        "a chunk beyond 64 bits": _post(path, CHUNKED, b"10000000000000002\r\n{}\r\n" + none),
        "a space behind a chunk's size": _post(path, CHUNKED, b"2 \r\n{}\r\n" + none),
        "a CR in a chunk's extension": _post(path, CHUNKED, b"2;a\rb\r\n{}\r\n" + none),
        "an LF in a chunk's extension": _post(path, CHUNKED, b"2;a\nb\r\n{}\r\n" + none),
    }


def _odd_heads(path: bytes) -> dict[str, bytes]:
    return {
        "a folded header": _get(path, b"X: a\r\n b\r\n"),
        "a space before the colon": _get(path, b"X : a\r\n"),
        "lines without CR": _get(path, b"X: a\r\n").replace(b"\r\n", b"\n"),
        "one line without CR": _get(path, b"X: a\nTransfer-Encoding: chunked\r\n"),
        "a NUL in a value": _get(path, b"X: a\0b\r\n"),
        "a CR in a value": _get(path, b"X: a\rb\r\n"),
        "no host": _get(path, host=b""),
        "no host in 1.0": _get(path, version=b"1.0", host=b""),
        "two hosts": _get(path, HOST),
        "another host's target": _get(b"http://evil.example" + path),
        "another host's target, of a probe": _get(b"http://evil.example/livez"),
        "the version 0.9": _get(path, version=b"0.9"),
        "the version 1.2": _get(path, version=b"1.2"),
        "the version 2.0": _get(path, version=b"2.0"),
        "the version 2.0, of a probe": _get(b"/livez", version=b"2.0"),
        "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n" + b"x" * 100,
        "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
        "the beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
        "a path that is not ASCII": _get(b"/\xff\xfe"),
    }


def large(path: bytes) -> dict[str, tuple[int, bytes]]:
    """Heads and bodies beyond the limits, and the status that each is answered with."""
    a_field = b": " + b"a" * 8_000 + b"\r\n"
    many = b"".join(b"X-%d: a\r\n" % number for number in range(5_000))
    long = b"".join(b"X-%d" % number + a_field for number in range(90))
    fields = b"".join(b"X-%d" % number + a_field for number in range(5))
    chunks = (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 160
    return {
        "5,000 headers": (431, _get(path, many)),
        "101 short headers": (431, _get(path, b"X: a\r\n" * 100)),
        "90 long headers": (431, _get(path, long)),
        "40 kB of headers": (431, _get(path, fields)),
        "a header of 10 kB": (431, _get(path, b"X: " + b"a" * 10_000 + b"\r\n")),
        "a path of 10 kB": (414, _get(b"/" + b"a" * 10_000)),
        "a query of 5 kB": (414, _get(path + b"?" + b"a" * 5_000)),
        "a header without end": (431, _get(path, b"X: " + b"a" * 3_000_000)),
        "10 MB by length": (413, _post(path, b"Content-Length: 10000000\r\n", b"x" * 10_000_000)),
        "10 MB in chunks": (413, _post(path, CHUNKED, chunks + b"0\r\n\r\n")),
    }


def unending(path: bytes) -> dict[str, bytes]:
    """What a parser could wait on for long: each is refused or cut off, with little memory."""
    none = b"0\r\n\r\n"
    trailers = b"".join(b"T-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(3_000))
    return {
        "a chunk extension": _post(path, CHUNKED, b"1;" + b"x" * 5_000_000 + b"\r\na\r\n0\r\n\r\n"),
        "chunk extensions": _post(
            path, CHUNKED, (b"1;" + b"x" * 1_000 + b"\r\n \r\n") * 3_000 + none
        ),
        "trailers": _post(path, CHUNKED, b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n"),
        "a request line": b"GET /" + b"a" * 3_000_000,
        "blank lines": b"\r\n" * 500_000,
    }
