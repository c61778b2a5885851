# SPDX-License-Identifier: Apache-2.0
"""Paths of an Ingress through real traffic: which request goes to which pod, and what the pod gets.

Each case has a host of its own. Its paths name Services a, b and c, which are one pod each. A
request is answered by a pod ('a'), by a pod that got another path ('a', '/as/forwarded'), or by
Sluice itself (a status).
"""

from cluster import app, ingress, path, rule, to_json
from scene import SceneTest, add_cases

EXACT, PREFIX, OURS = "Exact", "Prefix", "ImplementationSpecific"
ALL = ("/", PREFIX, "a")

# (name, paths of the Ingress, {request: answer})
CASES = [
    # Prefix
    ("prefix matches element by element", [("/foo/bar", PREFIX, "a")],
     {"/foo/bar": "a", "/foo/bar/": "a", "/foo/bar/baz": "a", "/foo/barbaz": 404, "/foo": 404,
      "/foo/": 404, "/": 404, "/x/foo/bar": 404}),
    ("prefix is case sensitive", [("/Foo", PREFIX, "a")], {"/Foo": "a", "/foo": 404, "/FOO": 404}),
    ("prefix with a trailing slash", [("/abc/", PREFIX, "a")],
     {"/abc": "a", "/abc/": "a", "/abc/d": "a", "/abcd": 404, "/ab": 404}),
    ("prefix without a trailing slash", [("/abc", PREFIX, "a")],
     {"/abc": "a", "/abc/": "a", "/abc/d": "a", "/abcd": 404}),
    ("prefix slash matches all", [ALL], {"/": "a", "/x": "a", "/x/y/z.html": "a", "/?q=1": "a"}),
    ("prefix foo beside prefix foo slash", [("/foo", PREFIX, "a"), ("/foo/", PREFIX, "b")],
     {"/foo": "a", "/foo/": "b", "/foo/x": "b", "/foobar": 404}),
    ("prefix foo slash beside prefix foo, other order",
     [("/foo/", PREFIX, "b"), ("/foo", PREFIX, "a")], {"/foo": "a", "/foo/": "b", "/foo/x": "b"}),
    ("longest prefix wins", [ALL, ("/aaa/bbb", PREFIX, "c"), ("/aaa", PREFIX, "b")],
     {"/": "a", "/aa": "a", "/aaa": "b", "/aaa/b": "b", "/aaa/bbb": "c", "/aaa/bbb/ccc": "c",
      "/aaa/bbbx": "b"}),
    # Exact
    ("exact matches the whole path", [("/foo", EXACT, "a")],
     {"/foo": "a", "/foo/": 404, "/foo/x": 404, "/Foo": 404, "/fo": 404, "/": 404}),
    ("exact with a trailing slash", [("/foo/", EXACT, "a")], {"/foo/": "a", "/foo": 404}),
    ("exact slash is the root alone", [("/", EXACT, "a")], {"/": "a", "/x": 404, "/?x=/y": "a"}),
    ("exact wins over prefix", [("/foo", PREFIX, "a"), ("/foo", EXACT, "b")],
     {"/foo": "b", "/foo/": "a", "/foo/x": "a"}),
    ("exact wins over a longer looking prefix", [("/foo/", PREFIX, "a"), ("/foo/bar", EXACT, "b")],
     {"/foo/bar": "b", "/foo/bar/": "a", "/foo": "a"}),
    # ImplementationSpecific
    ("implementation specific is prefix", [("/impl", OURS, "a")],
     {"/impl": "a", "/impl/x": "a", "/implx": 404}),
    ("implementation specific may be empty", [("", OURS, "a")], {"/": "a", "/any/thing": "a"}),
    # Paths that are refused take only themselves out.
    ("refused double slash", [("/a//b", PREFIX, "b"), ("/ok", PREFIX, "a")],
     {"/ok": "a", "/a/b": 404, "/a//b": 404}),
    ("refused dot", [("/a/./b", PREFIX, "b"), ("/ok", PREFIX, "a")], {"/ok": "a", "/a/b": 404}),
    ("refused dot dot", [("/a/../b", EXACT, "b"), ("/ok", PREFIX, "a")], {"/ok": "a", "/b": 404}),
    ("refused encoded slash", [("/a%2fb", PREFIX, "b"), ("/ok", PREFIX, "a")],
     {"/ok": "a", "/a%2fb": 404, "/a/b": 404}),
    ("refused encoded slash, upper case", [("/a%2Fb", EXACT, "b"), ("/ok", PREFIX, "a")],
     {"/ok": "a", "/a%2Fb": 404}),
    ("refused trailing dot", [("/a/.", PREFIX, "b"), ("/ok", PREFIX, "a")],
     {"/ok": "a", "/a": 404}),
    ("refused trailing dot dot", [("/a/..", PREFIX, "b"), ("/ok", PREFIX, "a")],
     {"/ok": "a", "/": 404}),
    ("refused without a leading slash", [("a", PREFIX, "b"), ("", EXACT, "b"), ("/ok", EXACT, "a")],
     {"/ok": "a", "/a": 404}),
    ("refused control character", [("/a\u0001b", PREFIX, "b"), ("/c\n", OURS, "b"),
                                   ("/ok", PREFIX, "a")], {"/ok": "a", "/a": 404, "/c": 404}),
    # Ordinary characters
    ("acme challenge", [("/.well-known/acme-challenge/t_o-k~e.n", EXACT, "b"), ALL],
     {"/.well-known/acme-challenge/t_o-k~e.n": "b", "/.well-known/acme-challenge/other": "a"}),
    ("other escapes are ordinary", [("/caf%C3%A9", EXACT, "a")],
     {"/caf%C3%A9": "a", "/caf": 404}),
    ("letters beyond ASCII stand for their escapes", [("/caf\u00e9", PREFIX, "a")],
     {"/caf%C3%A9": "a", "/caf%C3%A9/x": "a", "/caf": 404}),
    ("a space stands for its escape", [("/a b", EXACT, "a")], {"/a%20b": "a", "/a%20b/": 404}),
    ("the case of hex digits does not count", [("/%C3%A9", EXACT, "a"), ALL[:2] + ("b",)],
     {"/%C3%A9": "a", "/%c3%a9": ("a", "/%c3%a9")}),
    ("parameters are part of their element", [("/foo", PREFIX, "a")],
     {"/foo;x=1": 404, "/foo/;x": "a"}),
    ("one path as prefix and implementation specific: the first counts",
     [("/same", OURS, "a"), ("/same", PREFIX, "b")], {"/same": "a", "/same/x": "a"}),
    ("all paths refused: the host is still its own", [("/a//b", PREFIX, "a")], {"/": 404}),
    ("three dots are a name", [("/a/...", PREFIX, "a")], {"/a/...": "a", "/a/.../b": "a"}),
    # What matching looks at, and what is forwarded
    ("slashes are merged to match, and forwarded as they came", [("/foo/bar", PREFIX, "a")],
     {request: ("a", request) for request in ("/foo//bar", "//foo/bar", "/foo/bar//",
                                              "///foo////bar///x")}),
    ("dot segments are removed", [("/foo/bar", PREFIX, "a")],
     {"/foo/./bar": ("a", "/foo/bar"), "/foo/x/../bar": ("a", "/foo/bar"),
      "/foo/bar/x/..": ("a", "/foo/bar/"), "/foo/bar/.": ("a", "/foo/bar/"),
      "/foo/bar/../baz": 404, "/./foo/bar/y": ("a", "/foo/bar/y")}),
    ("encoded dot segments are removed", [("/foo/bar", PREFIX, "a")],
     {"/foo/%2e/bar": ("a", "/foo/bar"), "/foo/x/%2e%2E/bar": ("a", "/foo/bar"),
      "/foo/x/.%2e/bar": ("a", "/foo/bar"), "/foo/bar/%2e%2e/baz": 404}),
    ("above the root", [ALL], {"/..": 400, "/../x": 400, "/x/../../y": 400, "/%2e%2e/x": 400,
                               "/a/..": ("a", "/"), "/a/../b": ("a", "/b")}),
    ("unreserved escapes are decoded to match, and forwarded as they came",
     [("/foo-bar", EXACT, "a"), ("/~u", PREFIX, "b")],
     {"/%66oo%2Dbar": ("a", "/%66oo%2Dbar"), "/%7Eu/x": ("b", "/%7Eu/x"),
      "/%7eu": ("b", "/%7eu")}),
    ("an encoded slash is never decoded", [("/foo/bar", PREFIX, "b"), ALL],
     {"/foo%2Fbar": ("a", "/foo%2Fbar"), "/foo%2fbar": ("a", "/foo%2fbar")}),
    ("an encoded slash at a dot segment", [ALL],
     {"/a%2f..%2fb": 400, "/a%2F../b": 400, "/a/..%2fb": 400}),
    ("the query is untouched", [("/foo", PREFIX, "a")],
     {"/foo?a=//b/../c%2F%41": ("a", "/foo?a=//b/../c%2F%41"), "/foo/?": ("a", "/foo/?"),
      "/foo//x?y=%2e%2e": ("a", "/foo//x?y=%2e%2e")}),
    ("broken escapes", [ALL], {"/%zz": 400, "/%2": 400, "/%": 400, "/%00": 400}),
    ("reserved escapes stay", [ALL], {"/a%3Fb%23c%25d": ("a", "/a%3Fb%23c%25d")}),
]

MERGED = "merged.paths.test"


def host_of(number):
    return f"case{number}.paths.test"


class Paths(SceneTest):
    """One Ingress a case, all in one directory."""

    @classmethod
    def manifests(cls, cluster):
        services = sum((app(letter, cluster.pods[f"pod-{letter}"]) for letter in "abc"), [])
        ingresses = [ingress(f"case{number}", rule(host_of(number), *[
            path(text, service, kind) for text, kind, service in paths]))
            for number, (_, paths, _) in enumerate(CASES)]
        merged = [
            ingress("merged-1", rule(MERGED, path("/", "a"), path("/one", "b", EXACT))),
            ingress("merged-2", rule(MERGED, path("/one/two", "c")), namespace="default"),
        ]
        return {"services.json": services, "ingresses.json": to_json(ingresses),
                "merged.json": merged}

    def test_paths_of_two_ingresses_of_one_host_are_merged(self):
        for request_path, wanted in (("/", "a"), ("/one", "b"), ("/one/two/3", "c"),
                                     ("/one/x", "a")):
            self.assertEqual(self.answer(request_path, MERGED), wanted, request_path)


def check(test, number, requests):
    for request_path, wanted in requests.items():
        with test.subTest(request_path):
            response = test.cluster.get(request_path, host_of(number))
            if isinstance(wanted, int):
                test.assertEqual(response.status, wanted, response)
                continue
            pod, forwarded = wanted if isinstance(wanted, tuple) else (wanted, request_path)
            test.assertEqual(response.status, 200, response)
            test.assertEqual((response.pod, response.fields["uri"]), (f"pod-{pod}", forwarded))


add_cases(Paths, [(name, number, requests)
                  for number, (name, _, requests) in enumerate(CASES)], check)
