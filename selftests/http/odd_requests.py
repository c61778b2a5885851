# SPDX-License-Identifier: Apache-2.0
"""Requests at the edge of what HTTP/1.1 allows, each with what Sluice makes of it.

One list serves two: test_odd_requests.py holds Sluice to it, differential.py shows what nginx and
HAProxy make of the same.
"""

import typing

E = b"\r\n\r\n"
HOST = b"\r\nHost: a.test"
CLOSE = b"\r\nConnection: close"
TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
UNRESERVED = b"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Octets that some parser somewhere takes for another: all that are not letters or digits.
ODD = [c for c in range(256) if not chr(c).isalnum() or c > 127]
FEW_HIGH = [0x80, 0x85, 0xa0, 0xad, 0xc3, 0xff]
SOME = [c for c in ODD if c < 128] + FEW_HIGH


class Case(typing.NamedTuple):
    group: str
    name: str
    request: bytes
    status: int            # 200: it reaches the backend; everything else is answered by Sluice
    target: bytes = None   # as the backend reads it; None: not looked at
    host: bytes = None
    body: bytes = None


def line(target, status, form=None, group="target", name=None, method=b"GET"):
    return Case(group, name or repr(target)[2:-1],
                method + b" " + target + b" HTTP/1.1" + HOST + CLOSE + E, status,
                form if form is not None else (target if status == 200 else None))


def fields(group, text, status, name=None, body=b"", method=b"POST", seen=None, version=b"1.1"):
    return Case(group, name or repr(text)[2:-1],
                method + b" / HTTP/" + version + HOST + CLOSE + b"\r\n" + text + E + body, status,
                body=seen)


def octets():
    """Every odd octet in every place."""
    for c in SOME:
        octet, name = bytes([c]), f"0x{c:02x}"
        yield Case("octet in the method", name, b"GE" + octet + b"T / HTTP/1.1" + HOST + CLOSE + E,
                   200 if c in TOKEN else 400)
        ok = 0x20 < c < 0x7f and octet not in b"#%"
        yield Case("octet in the path", name, b"GET /a" + octet + b"b HTTP/1.1" + HOST + CLOSE + E,
                   200 if ok else 400)
        ok = ok or octet == b"%"
        yield Case("octet in the query", name, b"GET /?a" + octet + b"b HTTP/1.1" + HOST + CLOSE + E,
                   200 if ok else 400, b"/?a" + octet + b"b" if ok else None)
        yield Case("octet in the version", name, b"GET / HTTP/1" + octet + b"1" + HOST + CLOSE + E,
                   200 if octet == b"." else 400)
        yield Case("octet behind the version", name, b"GET / HTTP/1.1" + octet + HOST + CLOSE + E,
                   400)
        ok = c in UNRESERVED
        yield Case("octet in Host", name, b"GET / HTTP/1.1\r\nHost: a" + octet + b"b" + CLOSE + E,
                   200 if ok else 400, host=b"a" + octet + b"b" if ok else None)
        yield Case("octet in a name", name,
                   b"GET / HTTP/1.1" + HOST + CLOSE + b"\r\nX" + octet + b"Y: z" + E,
                   # ':' ends the name, and the rest is the value
                   200 if c in TOKEN or octet == b":" else 400)
        control = (c < 0x20 and c != 9) or c == 0x7f
        yield Case("octet in a value", name,
                   b"GET / HTTP/1.1" + HOST + CLOSE + b"\r\nX: y" + octet + b"z" + E,
                   400 if control else 200)
        yield Case("octet before a line", name,
                   b"GET / HTTP/1.1" + HOST + CLOSE + b"\r\n" + octet + b"X: y" + E,
                   200 if c in TOKEN else 400)
        ok = octet in b" \t"
        yield Case("octet before a length", name,
                   b"POST / HTTP/1.1" + HOST + CLOSE + b"\r\nContent-Length:" + octet + b"2" + E + b"ok",
                   200 if ok else 400)
        yield Case("octet behind a length", name,
                   b"POST / HTTP/1.1" + HOST + CLOSE + b"\r\nContent-Length: 2" + octet + E + b"ok",
                   200 if ok else 400)
        yield Case("octet before chunked", name,
                   b"POST / HTTP/1.1" + HOST + CLOSE + b"\r\nTransfer-Encoding:" + octet + b"chunked" + E
                   + b"2\r\nok\r\n0\r\n\r\n",
                   200 if ok else 501 if c in TOKEN else 400)
        yield Case("octet behind chunked", name,
                   b"POST / HTTP/1.1" + HOST + CLOSE + b"\r\nTransfer-Encoding: chunked" + octet + E
                   + b"2\r\nok\r\n0\r\n\r\n",
                   200 if ok else 501 if c in TOKEN else 400)
        yield Case("octet before the chunk size", name, chunked(octet + b"2\r\nok\r\n0\r\n\r\n"),
                   200 if octet == b"0" else 400)
        yield Case("octet behind the chunk size", name, chunked(b"2" + octet + b"\r\nok\r\n0\r\n\r\n"),
                   400)


def chunked(body, extra=b""):
    return (b"POST / HTTP/1.1" + HOST + CLOSE + b"\r\nTransfer-Encoding: chunked" + extra + E + body)


def request_lines():
    group = "request line"
    for text, status in (
            (b"GET / HTTP/1.1", 200), (b"GET  / HTTP/1.1", 400), (b"GET /  HTTP/1.1", 400),
            (b" GET / HTTP/1.1", 400), (b"GET / HTTP/1.1 ", 400), (b"GET\t/ HTTP/1.1", 400),
            (b"GET /\tHTTP/1.1", 400), (b"GET /", 400), (b"GET", 400), (b"GET ", 400), (b"/", 400),
            (b"GET HTTP/1.1", 400), (b"GET / /x HTTP/1.1", 400), (b"GET /x y HTTP/1.1", 400),
            (b"get / HTTP/1.1", 200), (b"GeT / HTTP/1.1", 200), (b"BREW / HTTP/1.1", 200),
            (b"PROPFIND / HTTP/1.1", 200), (b"M-SEARCH / HTTP/1.1", 200), (b"X" * 200 + b" / HTTP/1.1", 200),
            (b"GET:/ HTTP/1.1", 400), (b"GET/ HTTP/1.1", 400), (b"(GET) / HTTP/1.1", 400),
            (b"\"GET\" / HTTP/1.1", 400), (b"TRACE / HTTP/1.1", 405), (b"trace / HTTP/1.1", 200),
            (b"CONNECT a.test:443 HTTP/1.1", 405), (b"CONNECT / HTTP/1.1", 405),
            (b"CONNECT http://a.test/ HTTP/1.1", 405), (b"connect / HTTP/1.1", 200),
            (b"GET / HTTP/1.0", 200), (b"GET / HTTP/1.2", 200), (b"GET / HTTP/1.9", 200),
            (b"GET / HTTP/0.9", 505), (b"GET / HTTP/2.0", 505), (b"GET / HTTP/3.0", 505),
            (b"GET / HTTP/9.9", 505), (b"GET / HTTP/1", 400), (b"GET / HTTP/1.", 400),
            (b"GET / HTTP/.1", 400), (b"GET / HTTP/11", 400), (b"GET / HTTP/1.10", 400),
            (b"GET / HTTP/01.1", 400), (b"GET / HTTP/1.01", 400), (b"GET / HTTP/-1.1", 400),
            (b"GET / HTTP/1.1.1", 400), (b"GET / http/1.1", 400), (b"GET / Http/1.1", 400),
            (b"GET / HTTP 1.1", 400), (b"GET / HTTPS/1.1", 400), (b"GET / HTP/1.1", 400),
            (b"GET / FTP/1.1", 400), (b"GET / HTTP/a.b", 400), (b"GET / HTTP/1,1", 400),
            (b"GET / HTTP//1.1", 400), (b"GET / HTTP/1.1HTTP/1.1", 400)):
        yield Case(group, repr(text[:40])[2:-1], text + HOST + CLOSE + E, status)
    plain = b"GET / HTTP/1.1" + HOST + CLOSE + E
    for name, text, status in (
            ("one empty line before", b"\r\n" + plain, 200), ("two empty lines", b"\r\n\r\n" + plain, 400),
            ("LF before", b"\n" + plain, 400), ("CR before", b"\r" + plain, 400),
            ("LF for all line ends", plain.replace(b"\r\n", b"\n"), 400),
            ("LF behind the request line", plain.replace(b"\r\n", b"\n", 1), 400),
            ("LF behind a field", b"GET / HTTP/1.1" + HOST + b"\nX: y" + CLOSE + E, 400),
            ("LF for the empty line", b"GET / HTTP/1.1" + HOST + CLOSE + b"\r\n\n", 400),
            ("CR for a line end", b"GET / HTTP/1.1" + HOST + b"\rX: y" + CLOSE + E, 400),
            ("CR CR LF", b"GET / HTTP/1.1" + HOST + b"\r\r\nX: y" + CLOSE + E, 400),
            ("LF CR", b"GET / HTTP/1.1" + HOST + b"\n\rX: y" + CLOSE + E, 400),
            ("NUL behind the request line", b"GET / HTTP/1.1\0" + HOST + CLOSE + E, 400),
            ("HTTP/0.9", b"GET /\r\n\r\n", 400),
            ("TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"x" * 32 + E, 400),
            ("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
            ("PROXY header", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + plain, 400)):
        yield Case(group, name, text, status)


def targets():
    for text, status, form in (
            (b"/", 200, b"/"), (b"/?", 200, b"/?"), (b"/?a=b&c", 200, None), (b"/a;b=c/d", 200, None),
            (b"/a:b@c", 200, None), (b"/a,b!c$d&e'f(g)h*i+j", 200, None), (b"/??", 200, None),
            (b"/a?b?c/../d//e", 200, None), (b"?a", 400, None), (b"a", 400, None), (b"a/b", 400, None),
            (b"./a", 400, None), (b"../a", 400, None), (b"\\a", 400, None), (b"//", 200, None),
            (b"//evil.test/x", 200, None), (b"///a////b/", 200, None),
            (b"/a//", 200, None), (b"/a/b/", 200, None), (b"/a|b[c]{d}^e`f", 200, None),
            (b"/\"<>\\", 200, None), (b"/a#b", 400, None), (b"/#", 400, None), (b"/?a#b", 400, None),
            (b"a.test:80", 400, None), (b"a.test", 400, None), (b"*", 400, None), (b"/*", 200, None),
            (b"**", 400, None), (b"http://b.test/x", 200, b"/x"), (b"HTTP://b.test/x", 200, b"/x"),
            (b"https://b.test/x", 200, b"/x"), (b"http://b.test", 200, b"/"),
            (b"http://b.test?x", 200, b"/?x"), (b"http://b.test:8080/x?y", 200, b"/x?y"),
            (b"http://[::1]/x", 200, b"/x"), (b"http://b.test//x/./y", 200, b"//x/y"),
            (b"http://b.test/../x", 400, None), (b"http:///x", 400, None), (b"http://", 400, None),
            (b"http:/x", 400, None), (b"http:x", 400, None), (b"://b.test/x", 400, None),
            (b"ftp://b.test/x", 400, None), (b"ws://b.test/x", 400, None), (b"file:///x", 400, None),
            (b"http://u@b.test/x", 400, None), (b"http://u:p@b.test/x", 400, None),
            (b"http://b.test:/x", 200, b"/x"), (b"http://b.test:", 200, b"/"), (b"http://b.test:0/x", 400, None),
            (b"http://b.test:65536/x", 400, None), (b"http://b.test:x/x", 400, None),
            (b"http://b.test#x", 400, None), (b"http://b,test/x", 400, None),
            (b"http://%62.test/x", 400, None), (b"javascript:alert(1)", 400, None)):
        yield line(text, status, form)
    for text, status in ((b"*", 200), (b"http://a.test", 200)):
        yield Case("answered here", f"OPTIONS {text.decode()}",
                   b"OPTIONS " + text + b" HTTP/1.1" + HOST + CLOSE + E, status)
    for text, form in (  # what is forwarded of a path; None: 400
            (b"/%61", b"/%61"), (b"/%41%5A%7a", b"/%41%5A%7a"), (b"/%2D%2e%5F%7e", b"/%2D%2e%5F%7e"), (b"/%30", b"/%30"),
            (b"/a%2Fb", b"/a%2Fb"), (b"/a%2fb", b"/a%2fb"), (b"/%20", b"/%20"), (b"/%3f", b"/%3f"),
            (b"/%23", b"/%23"), (b"/%25", b"/%25"), (b"/%252e", b"/%252e"), (b"/%2561", b"/%2561"),
            (b"/%c3%a9", b"/%c3%a9"), (b"/%ff", b"/%ff"), (b"/%0a", b"/%0a"), (b"/%0D%0A", b"/%0D%0A"),
            (b"/%01", b"/%01"), (b"/%7f", b"/%7f"), (b"/%5c", b"/%5c"), (b"/%5C..%5C", b"/%5C..%5C"),
            (b"/.", b"/"), (b"/./", b"/"), (b"/a/.", b"/a/"), (b"/a/./b", b"/a/b"), (b"/a/..", b"/"),
            (b"/a/../b", b"/b"), (b"/a/b/..", b"/a/"), (b"/a/b/../..", b"/"), (b"/a/b/../../", b"/"),
            (b"/a/b/../../c", b"/c"), (b"/...", b"/..."), (b"/a/.../b", b"/a/.../b"), (b"/.a", b"/.a"),
            (b"/a.", b"/a."), (b"/..a", b"/..a"), (b"/a..", b"/a.."), (b"/.a/..b", b"/.a/..b"),
            (b"/a/%2e/b", b"/a/b"), (b"/a/%2E%2e/b", b"/b"), (b"/a/.%2e/b", b"/b"),
            (b"/a/%2e./b", b"/b"), (b"/a/%2e%2e%2e", b"/a/%2e%2e%2e"), (b"/a//../b", b"/b"),
            (b"/a//b//../c", b"/a//c"), (b"//a/..//b", b"///b"), (b"/a/..;/b", b"/a/..;/b"),
            (b"/a/;/../b", b"/a/b"), (b"/a/.;x/b", b"/a/.;x/b"), (b"/.well-known/x", b"/.well-known/x"),
            (b"/a\\..\\b", b"/a\\..\\b"), (b"/..", None), (b"/../", None), (b"/../a", None),
            (b"/a/../..", None), (b"/a/../../b", None), (b"/./..", None), (b"//..", None),
            (b"/%2e%2e", None), (b"/%2e%2e/a", None), (b"/.%2E/a", None), (b"/a/%2e%2e/%2e%2e", None),
            (b"/%2f..", None), (b"/..%2f", None), (b"/a%2f..", None), (b"/a/..%2fb", None),
            (b"/a%2f..%2fb", None), (b"/%2f..%2f", None), (b"/a%2F%2e%2e", None), (b"/a%2f.", None),
            (b"/.%2fa", None), (b"/a%2f./b", None), (b"/a/%2e%2e%2fb", None), (b"/a%2f...%2fb", b"/a%2f...%2fb"),
            (b"/a%2f.b", b"/a%2f.b"), (b"/a/../b%2fc", b"/b%2fc"), (b"/%2f/../a", b"/a"),
            (b"/%", None), (b"/%2", None), (b"/%zz", None), (b"/%2x", None), (b"/%x2", None),
            (b"/%%", None), (b"/%2%65", None), (b"/%00", None), (b"/a%00b", None), (b"/%u0041", None),
            (b"/% 1", None), (b"/?%", b"/?%"), (b"/?%z1", b"/?%z1"), (b"/?q=100%", b"/?q=100%"), (b"/?z=%zz&%2", b"/?z=%zz&%2"), (b"/?a=%00", None), (b"/?%41", b"/?%41"),
            (b"/a//b/./c", b"/a//b/c"),
            (b"/a//.", b"/a//"), (b"/a/b//..", b"/a/"), (b"/img/https://x/%7Ey", b"/img/https://x/%7Ey"),
            (b"/a%2fb//%3D%c3", b"/a%2fb//%3D%c3"), (b"/a?/../%2e%2e//", b"/a?/../%2e%2e//"), (b"/?%2F..%2f", b"/?%2F..%2f")):
        yield line(text, 200 if form else 400, form, group="path")
    for size, status in ((8000, 200), (15999, 200), (16000, 200), (16001, 414), (20000, 414),
                         (70000, 414)):
        yield line(b"/" + b"x" * (size - 1), status, group="limit", name=f"target of {size}")


def hosts():
    def host(text, status, version=b"1.1", start=b"GET /"):
        return Case("Host", f"{text!r}"[2:-1] + ("" if version == b"1.1" else " in HTTP/1.0"),
                    start + b" HTTP/" + version + b"\r\n" + text + CLOSE + E, status)

    for text, status in (
            (b"Host: a.test", 200), (b"host: a.test", 200), (b"HOST:a.test", 200),
            (b"Host:  \ta.test \t", 200), (b"Host: A.TEST", 200), (b"Host: a.test.", 200),
            (b"Host: a.test..", 400), (b"Host: .a.test", 400), (b"Host: a..test", 400), (b"Host: .", 400),
            (b"Host: a.test:80", 200), (b"Host: a.test:1", 200), (b"Host: a.test:65535", 200),
            (b"Host: a.test:0", 400), (b"Host: a.test:65536", 400), (b"Host: a.test:99999", 400),
            (b"Host: a.test:999999", 400), (b"Host: a.test:", 200), (b"Host: a.test:x", 400),
            (b"Host: a.test:8x", 400), (b"Host: a.test:-1", 400), (b"Host: a.test:+1", 400),
            (b"Host: a.test: 80", 400), (b"Host: a.test :80", 400), (b"Host: a.test:80:80", 400),
            (b"Host: :80", 400), (b"Host:", 400), (b"Host: ", 400), (b"Host", 400), (b"Host : a.test", 400),
            (b" Host: a.test", 400), (b"Host: a.test\r\n b", 400), (b"Host: u@a.test", 400),
            (b"Host: u:p@a.test", 400), (b"Host: @a.test", 400), (b"Host: a.test/", 400),
            (b"Host: a.test/x", 400), (b"Host: http://a.test", 400), (b"Host: a.test?x", 400),
            (b"Host: a.test#x", 400), (b"Host: a b", 400), (b"Host: a,b", 400), (b"Host: a;b", 400),
            (b"Host: *", 400), (b"Host: *.test", 400), (b"Host: a_b.test", 200), (b"Host: xn--a.test", 200),
            (b"Host: 127.0.0.1", 200), (b"Host: 127.0.0.1:80", 200), (b"Host: [::1]", 200),
            (b"Host: [::1]:80", 200), (b"Host: [2001:db8::1]", 200), (b"Host: [::ffff:1.2.3.4]", 200),
            (b"Host: ::1", 400), (b"Host: [::1", 400), (b"Host: ::1]", 400), (b"Host: []", 400),
            (b"Host: [::1]80", 400), (b"Host: [::1]:", 200), (b"Host: a.test::", 400), (b"Host: [::1]:x", 400), (b"Host: [:::1]", 400),
            (b"Host: [a.test]", 400), (b"Host: [::1%25eth0]", 400), (b"Host: [v1.x]", 400),
            (b"Host: %61.test", 400), (b"Host: a%2etest", 400), (b"Host: a.test%00", 400),
            (b"Host: " + b"a" * 63 + b".test", 200), (b"Host: " + b"a." * 200 + b"test", 400),
            (b"Host: a.test\r\nHost: a.test", 400), (b"Host: a.test\r\nHost: b.test", 400),
            (b"Host: a.test\r\nhost: b.test", 400), (b"Host: a.test\r\nHost:", 400),
            (b"Host: a.test, b.test", 400), (b"X: y", 400), (b"H_ost: a.test", 400),
            (b"Host: a.test\r\nX-Host: b.test", 200)):
        yield host(text, status)
    for text, seen in ((b"a.test:", b"a.test"), (b"[::1]:", b"[::1]"), (b"127.0.0.1:", b"127.0.0.1"),
                       (b"a.test:80", b"a.test:80")):
        yield host(b"Host: " + text, 200)._replace(host=seen, name=f"{text.decode()} as it is read")
    for text, status in ((b"X: y", 200), (b"Host: a.test", 200), (b"Host:", 400), (b"Host: a b", 400),
                         (b"Host: a.test\r\nHost: a.test", 400)):
        yield host(text, status, b"1.0")
    absolute = b"GET http://b.test/x"
    for text, status in ((b"Host: a.test", 200), (b"Host: b.test", 200), (b"X: y", 400), (b"Host:", 400),
                         (b"Host: a b", 400), (b"Host: a.test\r\nHost: b.test", 400)):
        case = host(text, status, start=absolute)
        yield case._replace(group="absolute-form", target=b"/x" if status == 200 else None,
                            host=b"b.test" if status == 200 else None)


def field_lines():
    for text, status in (
            (b"X: y", 200), (b"X:y", 200), (b"X:", 200), (b"X: ", 200), (b"X:\ty\t", 200), (b"X: y\tz", 200),
            (b"X: \"y\"", 200), (b"X: :", 200), (b"x-y: z", 200), (b"X.Y: z", 200), (b"1: 2", 200),
            (b"!#$%&'*+-.^`|~: y", 200), (b"X: \xc3\xa9", 200), (b"X: \xff\x80", 200), (b": y", 400),
            (b":", 400), (b"X", 400), (b"X y", 400), (b"X y: z", 400), (b"X : y", 400), (b"X\t: y", 400),
            (b" X: y", 400), (b"\tX: y", 400), (b"X: y\r\n z", 400), (b"X: y\r\n\tz", 400),
            (b"X:\r\n y", 400), (b"X: y\r\n ", 400), (b"X\r\n : y", 400), (b"X: y\rz", 400), (b"X: y\nz", 400),
            (b"X: y\r", 400), (b"X: y\0", 400), (b"X\0: y", 400), (b"\0X: y", 400), (b"X: \x7f", 400),
            (b"X: \x0b", 400), (b"X: \x1b[2J", 400), (b"X(y): z", 400), (b"X@y: z", 400), (b"X/y: z", 400),
            (b"X=y: z", 400), (b"X,y: z", 400), (b"\"X\": y", 400), (b"X\xc3\xa9: y", 400), (b"\xefX: y", 400),
            (b"GET / HTTP/1.1", 400), (b"{\"x\": 1}", 400)):
        yield fields("field", text, status, method=b"GET")
    for count, status in ((98, 200), (99, 431), (200, 431), (2000, 431)):
        yield fields("limit", b"\r\n".join([b"X: y"] * count), status, method=b"GET",
                     name=f"{count + 2} fields")
    for size, status in ((16000, 200), (17000, 431), (100000, 431)):
        yield fields("limit", b"X: " + b"x" * size, status, method=b"GET", name=f"value of {size}")
        yield fields("limit", b"X" * (size - 100) + b": x", status, method=b"GET",
                     name=f"name of {size - 100}")
    for text, status in (
            (b"Connection: x-a\r\nX-A: 1", 200), (b"Connection: ,,x-a,", 200), (b"Connection:", 200),
            (b"Connection: a b", 400), (b"Connection: \"close\"", 400), (b"Connection: a;b", 400),
            (b"Connection: content-length", 200), (b"Connection: host", 200), (b"Connection: @", 400),
            (b"Keep-Alive: timeout=5", 200), (b"Proxy-Connection: keep-alive", 200), (b"TE: gzip", 200),
            (b"TE: trailers", 200), (b"TE: trailers;q=0.5", 200), (b"Upgrade: h2c", 200),
            (b"Upgrade: websocket", 200), (b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x", 200),
            (b"Connection: Upgrade\r\nUpgrade: TLS/1.0", 200), (b"Expect: 100-continue", 200),
            (b"Expect: 200-ok", 417), (b"Expect: 100-continue, x", 417), (b"Expect: x", 417),
            (b"Expect: 100-continue=x", 417), (b"Trailer: X", 200), (b"Max-Forwards: 0", 200)):
        yield fields("hop-by-hop", text, status, method=b"GET")


def framing():
    group = "framing"
    two = b"2\r\nok\r\n0\r\n\r\n"
    for text, status, body, seen in (
            (b"Content-Length: 2", 200, b"ok", b"ok"), (b"Content-Length: 0", 200, b"", b""),
            (b"Content-Length: 002", 200, b"ok", b"ok"), (b"content-length:2", 200, b"ok", b"ok"),
            (b"Content-Length:", 400, b"", None), (b"Content-Length: ", 400, b"", None),
            (b"Content-Length: +2", 400, b"ok", None), (b"Content-Length: -2", 400, b"ok", None),
            (b"Content-Length: -0", 400, b"", None), (b"Content-Length: 0x2", 400, b"ok", None),
            (b"Content-Length: 2.0", 400, b"ok", None), (b"Content-Length: 2e0", 400, b"ok", None),
            (b"Content-Length: 2 2", 400, b"ok", None), (b"Content-Length: 2,", 400, b"ok", None),
            (b"Content-Length: ,2", 400, b"ok", None), (b"Content-Length: 2, 2", 400, b"ok", None),
            (b"Content-Length: 2,2", 400, b"ok", None), (b"Content-Length: 2;x", 400, b"ok", None),
            (b"Content-Length: \"2\"", 400, b"ok", None), (b"Content-Length: 2\r\n 2", 400, b"ok", None),
            (b"Content-Length: two", 400, b"ok", None), (b"Content-Length: 2_0", 400, b"ok", None),
            (b"Content-Length: \xb2", 400, b"ok", None), (b"Content-Length: 1_000", 400, b"ok", None),
            (b"Content-Length: 9223372036854775808", 400, b"", None),
            (b"Content-Length: 18446744073709551616", 400, b"", None),
            (b"Content-Length: 18446744073709551618", 400, b"ok", None),
            (b"Content-Length: 99999999999999999999999", 400, b"", None),
            (b"Content-Length: 2\r\nContent-Length: 2", 400, b"ok", None),
            (b"Content-Length: 2\r\nContent-Length: 3", 400, b"ok", None),
            (b"Content-Length: 0\r\nContent-Length: 2", 400, b"ok", None),
            (b"Content-Length: 2\r\nContent-Length:", 400, b"ok", None),
            (b"Content-Length : 2", 400, b"ok", None), (b" Content-Length: 2", 400, b"ok", None),
            (b"X: y\nContent-Length: 2", 400, b"ok", None), (b"X: y\rContent-Length: 2", 400, b"ok", None),
            (b"Content_Length: 2", 200, b"", b""), (b"Content-Lengt: 2", 200, b"", b""),
            (b"Transfer-Encoding: chunked", 200, two, b"ok"), (b"transfer-encoding:CHUNKED", 200, two, b"ok"),
            (b"Transfer-Encoding: Chunked \t", 200, two, b"ok"), (b"Transfer-Encoding:", 400, two, None),
            (b"Transfer-Encoding: identity", 400, b"", None), (b"Transfer-Encoding: gzip", 400, b"", None),
            (b"Transfer-Encoding: gzip, chunked", 400, two, None),
            (b"Transfer-Encoding: chunked, gzip", 400, two, None),
            (b"Transfer-Encoding: chunked, chunked", 400, two, None),
            (b"Transfer-Encoding: chunked, identity", 400, two, None),
            (b"Transfer-Encoding: identity, chunked", 400, two, None),
            (b"Transfer-Encoding: chunked,", 400, two, None), (b"Transfer-Encoding: ,chunked", 400, two, None),
            (b"Transfer-Encoding: chunked;x", 400, two, None), (b"Transfer-Encoding: \"chunked\"", 400, two, None),
            (b"Transfer-Encoding: xchunked", 501, two, None), (b"Transfer-Encoding: chunkedx", 501, two, None),
            (b"Transfer-Encoding: chunk", 501, two, None), (b"Transfer-Encoding: cow", 501, two, None),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400, two, None),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400, two, None),
            (b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", 400, two, None),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", 501, two, None),
            (b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", 501, two, None),
            (b"Transfer-Encoding : chunked", 400, two, None), (b" Transfer-Encoding: chunked", 400, two, None),
            (b"Transfer-Encoding:\r\n chunked", 400, two, None), (b"Transfer-Encoding\n: chunked", 400, two, None),
            (b"Transfer-Encoding: \x0bchunked", 400, two, None), (b"Transfer-Encoding: chunked\0", 400, two, None),
            (b"Transfer-Encoding: ch\xc3\xbcnked", 400, two, None), (b"X: y\nTransfer-Encoding: chunked", 400, two, None),
            (b"Transfer_Encoding: chunked", 200, b"", b""), (b"TE: chunked", 200, b"", b""),
            (b"Content-Encoding: chunked", 200, b"", b"")):
        yield fields(group, text, status, body=body, seen=seen)
    for length in (b"2", b"0", b"12", b"5", b"x", b"2, 2"):
        for coding in (b"chunked", b"identity", b"cow", b"xchunked", b"gzip, chunked", b""):
            for first in (True, False):
                pair = [b"Content-Length: " + length, b"Transfer-Encoding: " + coding]
                yield fields("length and coding", b"\r\n".join(pair if first else pair[::-1]), 400, body=two)
    for text, body, status in ((b"Content-Length: 2", b"ok", 200), (b"X: y", b"", 200),
                               (b"Transfer-Encoding: chunked", two, 400), (b"Transfer-Encoding: cow", two, 400),
                               (b"Content-Length: 2\r\nTransfer-Encoding: chunked", two, 400),
                               (b"Expect: 100-continue\r\nContent-Length: 2", b"ok", 200)):
        case = fields(group, text, status, body=body, version=b"1.0")
        yield case._replace(name=case.name + " in HTTP/1.0")
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"BREW"):
        yield fields("body", b"Content-Length: 2", 200, method=method, body=b"ok", seen=b"ok",
                     name=f"{method.decode()} with length")
        yield fields("body", b"Transfer-Encoding: chunked", 200, method=method, body=two, seen=b"ok",
                     name=f"{method.decode()} with chunks")


def chunks():
    for body, status, seen in (
            (b"0\r\n\r\n", 200, b""), (b"2\r\nok\r\n0\r\n\r\n", 200, b"ok"), (b"02\r\nok\r\n00\r\n\r\n", 200, b"ok"),
            (b"0000000000000000000002\r\nok\r\n0\r\n\r\n", 200, b"ok"), (b"a\r\n0123456789\r\n0\r\n\r\n", 200, b"0123456789"),
            (b"A\r\n0123456789\r\n0\r\n\r\n", 200, b"0123456789"), (b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
            (b"2;x\r\nok\r\n0\r\n\r\n", 200, b"ok"), (b"2;x=y;z=\"a b\"\r\nok\r\n0;l\r\n\r\n", 200, b"ok"),
            (b"2 ;x\r\nok\r\n0\r\n\r\n", 200, b"ok"), (b"2\t;x\r\nok\r\n0\r\n\r\n", 200, b"ok"),
            (b"2;" + b"x" * 4000 + b"\r\nok\r\n0\r\n\r\n", 200, b"ok"),
            (b"2;" + b"x" * 4100 + b"\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;" + b"x" * 20000 + b"\r\nok\r\n0\r\n\r\n", 400, None), (b"0" * 5000 + b"\r\n\r\n", 400, None),
            (b"2;\r\nok\r\n0\r\n\r\n", 400, None), (b"2;x;\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;=y\r\nok\r\n0\r\n\r\n", 400, None), (b"2;x=\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;x=y=z\r\nok\r\n0\r\n\r\n", 400, None), (b"2;x y\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;x \r\nok\r\n0\r\n\r\n", 400, None), (b"2;x=y \r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;x=\"y\r\nok\r\n0\r\n\r\n", 400, None), (b"2;x=\"y\"z\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;x=\"y\\\"\r\nok\r\n0\r\n\r\n", 400, None), (b"2;\"x\"\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2 ;\tx = y ; z=\"\\\"; \xe4\"\t;q\r\nok\r\n0\r\n\r\n", 200, b"ok"),
            (b"2;x\0\r\nok\r\n0\r\n\r\n", 400, None), (b"2;x\n\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2;x\ry\r\nok\r\n0\r\n\r\n", 400, None), (b"2;\r\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2 \r\nok\r\n0\r\n\r\n", 400, None), (b" 2\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2\nok\r\n0\r\n\r\n", 400, None), (b"2\rok\r\n0\r\n\r\n", 400, None), (b"\r\n2\r\nok\r\n0\r\n\r\n", 400, None),
            (b"0x2\r\nok\r\n0\r\n\r\n", 400, None), (b"+2\r\nok\r\n0\r\n\r\n", 400, None), (b"-2\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2h\r\nok\r\n0\r\n\r\n", 400, None), (b"g\r\nok\r\n0\r\n\r\n", 400, None), (b";x\r\nok\r\n0\r\n\r\n", 400, None),
            (b"2,x\r\nok\r\n0\r\n\r\n", 400, None), (b"2 x\r\nok\r\n0\r\n\r\n", 400, None), (b"\"2\"\r\nok\r\n0\r\n\r\n", 400, None),
            (b"1_0\r\nok\r\n0\r\n\r\n", 400, None), (b"ffffffffffffffff\r\nok", 400, None),
            (b"10000000000000000\r\nok", 400, None), (b"10000000000000002\r\nok\r\n0\r\n\r\n", 400, None),
            (b"fffffffffffffffffffffff\r\nok", 400, None), (b"8000000000000000\r\nok", 400, None),
            (b"2\r\nokx\r\n0\r\n\r\n", 400, None), (b"2\r\nok0\r\n\r\n", 400, None), (b"2\r\nok\n0\r\n\r\n", 400, None),
            (b"2\r\nok\r0\r\n\r\n", 400, None), (b"2\r\nok\r\r\n0\r\n\r\n", 400, None), (b"3\r\nok\r\n0\r\n\r\n", 400, None),
            (b"1\r\nok\r\n0\r\n\r\n", 400, None), (b"2\r\nok\r\n0\n\r\n", 400, None), (b"2\r\nok\r\n0\r\n\n", 400, None),
            (b"2\r\nok\r\n0\r\nX: y\r\n\r\n", 200, b"ok"), (b"2\r\nok\r\n0\r\nX: y\r\nZ: 1\r\n\r\n", 200, b"ok"),
            (b"2\r\nok\r\n0\r\nX : y\r\n\r\n", 400, None), (b"2\r\nok\r\n0\r\n: y\r\n\r\n", 400, None),
            (b"2\r\nok\r\n0\r\nX\r\n\r\n", 400, None), (b"2\r\nok\r\n0\r\nX: y\r\n z\r\n\r\n", 400, None),
            (b"2\r\nok\r\n0\r\n X: y\r\n\r\n", 400, None), (b"2\r\nok\r\n0\r\nX: y\n\r\n", 400, None),
            (b"2\r\nok\r\n0\r\nX: \0\r\n\r\n", 400, None), (b"2\r\nok\r\n0\r\nX: a\rb\r\n\r\n", 400, None),
            (b"2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n", 200, b"ok"),
            (b"2\r\nok\r\n0\r\nTransfer-Encoding: x\r\n\r\n", 200, b"ok"),
            (b"2\r\nok\r\n0\r\nHost: b\r\n\r\n", 200, b"ok"),
            (b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 33 + b"\r\n", 431, None),
            (b"2\r\nok\r\n0\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431, None)):
        yield Case("chunked", repr(body[:40])[2:-1] + (f" ({len(body)})" if len(body) > 40 else ""),
                   chunked(body), status, body=seen)


def cases():
    return [case for part in (octets, request_lines, targets, hosts, field_lines, framing, chunks)
            for case in part()]


if __name__ == "__main__":
    print(len(cases()))
