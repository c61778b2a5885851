# SPDX-License-Identifier: Apache-2.0
"""The access log: one line an exchange, in each form, whatever a client puts into it; and the log of
what was refused."""

import json
import re
import time
import unittest

from harness import Backend, Worker, exchange, fixed, get, ingress, service
from rules import ANSWER

E = b"\r\n\r\n"
LINE = re.compile(r'(\S+) - - \[([^\]]+)\] "([^"]*)" (\d+) (\d+) "([^"]*)" "([^"]*)"((?: \w+=(?:"[^"]*"|\d+))*)\Z')


class AccessLog(unittest.TestCase):
    def serve(self, form):
        backend = Backend(fixed(ANSWER))
        self.addCleanup(backend.close)
        self.worker = Worker(service("s", [backend]) + [ingress("i", {"/": "s"}, host="a.test")],
                             f"--access-log={form}")
        self.addCleanup(self.worker.close)

    def lines(self, count):
        """The lines so far; written within a second or so, when is up to the worker."""
        for _ in range(200):
            self.worker.stats()  # reads what came before it
            if len(self.worker.lines) >= count:
                break
            time.sleep(0.05)
        self.assertEqual(len(self.worker.lines), count, self.worker.lines)
        return self.worker.lines

    def ask(self, *requests):
        statuses = []
        for request in requests:
            with self.worker.connect() as conn:
                statuses.append(exchange(conn, request)[0])
        return statuses

    def test_text_is_the_combined_form_and_pairs(self):
        self.serve("text")
        self.ask(get("/x?y=1", extra="Referer: http://r/\r\nUser-Agent: u/1\r\nX-Request-ID: id-7\r\n"))
        client, when, request, status, size, referer, agent, pairs = LINE.match(self.lines(1)[0]).groups()
        self.assertEqual((client, request, status, size, referer, agent),
                         ("127.0.0.1", "GET /x?y=1 HTTP/1.1", "200", "2", "http://r/", "u/1"))
        self.assertRegex(when, r"\A\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\Z")
        self.assertRegex(pairs, r'\A host="a\.test" upstream="default/s:80" time_us=\d+ upstream_us=\d+ '
                                r'id="id-7"\Z')

    def test_json_is_one_object_a_line(self):
        self.serve("json")
        self.ask(get("/x", extra="User-Agent: \"q\" \\ \xe9\r\n".encode("latin-1").decode("latin-1")))
        line = json.loads(self.lines(1)[0])
        self.assertRegex(line.pop("time"), r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
        self.assertRegex(line.pop("id"), r"\A[0-9a-f]{32}\Z")
        self.assertGreaterEqual(line.pop("time_us"), line.pop("upstream_us"))
        self.assertEqual(line.pop("user_agent")[:6], '"q" \\ ')
        self.assertEqual(line, {"client": "127.0.0.1", "method": "GET", "target": "/x", "version": "HTTP/1.1",
                                "status": 200, "bytes": 2, "referer": "", "host": "a.test",
                                "upstream": "default/s:80"})

    def test_what_was_not_forwarded_says_why(self):
        self.serve("json")
        statuses = self.ask(get(host="b.test"), b"GET / HTTP/1.1" + E, b"GET /%zz HTTP/1.1\r\nHost: a.test" + E,
                            b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1, 1" + E,
                            get("*", method="OPTIONS"))
        self.assertEqual(statuses, [404, 400, 400, 400, 200])
        lines = [json.loads(line) for line in self.lines(5)]
        self.assertEqual([line["status"] for line in lines], statuses)
        self.assertEqual([line.get("why") for line in lines],
                         ["no route", "host-missing", "target-escape", "length", None])

    def test_a_long_line_is_cut_and_still_json(self):
        self.serve("json")
        for octet in (b"\xff", b"\"", b"\\", b"x"):
            for count in (200, 1023, 1024, 3000):
                with self.subTest(octet=octet, count=count):
                    self.worker.lines.clear()
                    text = octet * count
                    target = b"/" + (b"x" if octet == b"\xff" else octet) * count
                    self.ask(b"GET " + target + b" HTTP/1.1\r\nHost: a.test\r\nReferer: " + text
                             + b"\r\nUser-Agent: " + text + b"\r\nX-Request-ID: " + b"\"" * 200 + E)
                    line = json.loads(self.lines(1)[0])
                    self.assertEqual((line["status"], line["host"]), (200, "a.test"))
                    self.assertEqual(line["upstream"], "default/s:80")
                    for name in ("referer", "user_agent"):
                        self.assertGreaterEqual(len(line[name]), 200)
                        self.assertEqual(set(line[name]), {octet.decode("latin-1")})

    def test_nothing_of_a_client_ends_a_field_or_a_line(self):
        for form in ("text", "json"):
            with self.subTest(form):
                self.serve(form)
                self.ask(get("/\"x\"\\n", extra="User-Agent: a\" 200 \"b\\\xff\r\n"))
                line = self.lines(1)[0]
                if form == "json":
                    self.assertEqual(json.loads(line)["target"], "/\"x\"\\n")
                else:
                    self.assertNotRegex(line, r'(?<!\\)" 200 "b')
                self.assertNotRegex(line, r"[^ -~]")

    def test_a_long_target_is_cut_and_the_line_stays_whole(self):
        self.serve("json")
        self.ask(get("/" + "x" * 9000, extra="Referer: " + "y" * 5000 + "\r\n"))
        line = json.loads(self.lines(1)[0])
        self.assertEqual((line["target"], line["status"]), ("/" + "x" * 1023, 200))

    def test_off_writes_nothing(self):
        self.serve("off")
        self.ask(get(), get(host="b.test"))
        self.worker.stats()
        self.assertEqual(self.worker.lines, [])

    def test_refused_requests_are_logged_with_the_text_at_fault_and_not_without_end(self):
        self.serve("off")
        bad = b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Bad\x01: \"y\"" + E
        began = time.monotonic()
        self.assertEqual(self.ask(*[bad] * 100), [400] * 100)
        most = 10 * (time.monotonic() - began + 2)  # ten lines in each second that it touched
        text = self.worker.text()
        self.assertIn('127.0.0.1: request refused with 400: control-character: "X-Bad"', text)
        self.assertLessEqual(text.count("request refused"), most)
        self.assertEqual(self.worker.stats()["request_faults"], {"control-character": 100})


class RegexRoutes(unittest.TestCase):
    def test_paths_are_expressions_where_the_annotation_says_so(self):
        names = ["digits", "longer", "prefix", "exact"]
        backends = {name: Backend(fixed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                        % (len(name), name.encode()))) for name in names}
        objects = []
        for name, backend in backends.items():
            self.addCleanup(backend.close)
            objects += service(name, [backend])
        rules = [("/item/[0-9]+", "ImplementationSpecific", "digits"),
                 ("/item/[0-9]+/(edit|view)$", "ImplementationSpecific", "longer"),
                 ("/item", "Prefix", "prefix"), ("/item/7", "Exact", "exact")]
        regex = ingress("r", {}, host="a.test", annotations={"sluice.dev/use-regex": "true"})
        regex["spec"]["rules"][0]["http"]["paths"] = [
            {"path": path, "pathType": kind, "backend": {"service": {"name": name, "port": {"number": 80}}}}
            for path, kind, name in rules]
        worker = Worker(objects + [regex])
        self.addCleanup(worker.close)
        for path, name in (("/item/12", "digits"), ("/item/12/x", "digits"), ("/item/12/edit", "longer"),
                           ("/item/12/view", "longer"), ("/item/12/viewx", "digits"), ("/item/x", "prefix"),
                           ("/item", "prefix"), ("/item/7", "exact"), ("/item/%37", "exact"),
                           ("/item//12/./edit?q=[", "longer"), ("/items/12", None), ("/x/item/12", None),
                           ("/ITEM/12", None)):
            with self.subTest(path), worker.connect() as conn:
                status, _, body, _ = exchange(conn, get(path))
                self.assertEqual((status, body.decode() if name else None), (200 if name else 404, name))


if __name__ == "__main__":
    unittest.main()
