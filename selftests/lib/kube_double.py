#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A test double of the Kubernetes API server: HTTPS, tokens, client certificates, RBAC; list (paged
and streaming), watch with bookmarks, writes, leases, events; enough discovery for kubectl; a log of
requests; faults on demand.

In a test:      with Double() as double: double.kubeconfig(); double.put(...); double.fault(...)
As a process:   kube_double.py --folder DIR [--listen 127.0.0.1:6443] [--control 127.0.0.1:6480]
                DIR gets kubeconfig, ca.crt, token; POST {"do": NAME, ...} to the control address
                calls the method of that name (put, remove, fault, expire, drop, log, ...)."""

import argparse
import contextlib
import gzip
import http.server
import json
import pathlib
import re
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import kube_store
from kube_store import ApiError, dump

KNOWN_FIELDS = {"apiVersion", "kind", "metadata", "spec", "status", "data", "stringData", "type",
                "rules", "roleRef", "subjects", "aggregationRule", "addressType", "endpoints",
                "ports", "subsets", "value", "globalDefault", "description", "preemptionPolicy",
                "immutable", "secrets", "imagePullSecrets", "automountServiceAccountToken"}
ADMIN_TOKEN = "admin-0123456789abcdef"
GZIP_FROM_BYTES = 128 << 10
TARGET = re.compile(r"^/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)"
                    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)"
                    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?$")


class Cut(Exception):
    """A fault ends the connection here."""


class Fault:
    """What goes wrong with the next `times` requests that match verb, resource, user (None: any).

    code, headers, body: answer that instead;  delay_s: wait first
    cut_after: end the connection after so many bytes of the response body
    no_end: end the stream without the last chunk;  silence: accept, then send nothing any more
    pieces: send the body in pieces of so many bytes;  event: send this first as the stream"""

    def __init__(self, verb=None, resource=None, user=None, times=1, code=0, headers=None, body="",
                 delay_s=0, cut_after=None, no_end=False, silence=False, pieces=0, event=None):
        self.verb, self.resource, self.user, self.times = verb, resource, user, times
        self.code, self.headers, self.body = code, headers or {}, body
        self.delay_s, self.cut_after, self.no_end = delay_s, cut_after, no_end
        self.silence, self.pieces, self.event = silence, pieces, event


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server_version = "kube-double"
    disable_nagle_algorithm = True
    wbufsize = 0

    def setup(self):
        self.double = self.server.double
        self.user = None
        if self.double.context:
            self.request.settimeout(10)
            self.request = self.double.context.wrap_socket(self.request, server_side=True)
            self.request.settimeout(None)
        with self.double.lock:
            self.double.connections.add(self.request)
            self.double.accepted += 1
        super().setup()

    def finish(self):
        with self.double.lock:
            self.double.connections.discard(self.request)
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *args):
        pass

    # ---- answers ---------------------------------------------------------------------------------

    def send_body(self, data):
        fault = self.fault
        if fault and fault.silence:
            self.double.stopping.wait()
            raise Cut
        if fault and fault.cut_after is not None:
            data, rest = data[:fault.cut_after], data[fault.cut_after:]
            fault.cut_after -= len(data)
            if rest or not fault.cut_after:
                self.wfile.write(data)
                raise Cut
        step = fault.pieces if fault and fault.pieces else len(data) or 1
        for start in range(0, len(data), step):
            self.wfile.write(data[start:start + step])

    def answer(self, code, data, content_type="application/json", headers=None):
        self.logged["code"] = code
        if (len(data) > GZIP_FROM_BYTES and code == 200
                and "gzip" in self.headers.get("Accept-Encoding", "")):
            data = gzip.compress(data, 1)
            headers = {**(headers or {}), "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.send_body(data)

    def start_stream(self):
        self.logged["code"] = 200
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_event(self, kind, item):
        data = dump({"type": kind, "object": item}) + b"\n"
        self.send_body(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self):
        if self.fault and self.fault.no_end:
            raise Cut
        self.send_body(b"0\r\n\r\n")

    # ---- requests --------------------------------------------------------------------------------

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (Cut, OSError, ssl.SSLError):
            self.close_connection = True
            with contextlib.suppress(OSError):  # no close_notify, as a killed server
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                           struct.pack("ii", 1, 0))

    def do_any(self):
        split = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length) if length else b""
        self.fault = None
        self.logged = {"method": self.command, "path": split.path, "query": query, "code": 0,
                       "verb": "", "time": time.monotonic(),
                       "token": bool(self.headers.get("Authorization"))}
        try:
            self.user = self.authenticate()
            self.logged["user"] = self.user
            self.route(split.path, query, content)
        except ApiError as error:
            self.double.note(self.logged)
            body = dump(error.status) + b"\n"
            self.answer(error.code, body, headers=error.headers)
        finally:
            self.double.note(self.logged)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    def authenticate(self):
        header = self.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            user = self.double.tokens.get(header[len("Bearer "):])
            if user is None:
                raise ApiError(401, "Unauthorized", "Unauthorized")
            return user
        if self.double.context:
            subject = dict(pair[0] for pair in (self.request.getpeercert() or {}).get("subject",
                                                                                      ()))
            if subject:
                return subject["commonName"]
        return "system:anonymous"

    def route(self, path, query, content):
        match = TARGET.match(path)
        if not match or (match["plural"] == "namespaces" and match["namespace"]):
            self.plain(path)
            return
        group, namespace = match["group"] or "", match["namespace"]
        plural, name = match["plural"], match["name"]
        resource = kube_store.find(group, plural)
        if match["namespace"] and not resource and plural in ("status", "finalize"):
            raise ApiError(404, "NotFound", "not served here")
        if not resource and path.startswith("/apis/authorization.k8s.io/v1/selfsubject"):
            self.answer(201, dump({"kind": "SelfSubjectAccessReview", "status": {"allowed": True},
                                   "apiVersion": "authorization.k8s.io/v1"}))
            return
        if not resource or match["version"] != resource.version:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        watch = query.get("watch") in ("1", "true")
        verb = {"GET": "watch" if watch else "get" if name else "list", "POST": "create",
                "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[self.command]
        self.logged.update(verb=verb, group=group, resource=plural, subresource=match["sub"] or "",
                           namespace=namespace or "", name=name or "")
        # A list of one name is allowed by a rule for that name.
        one = re.search(r"(?:^|,)metadata\.name==?([^,]+)", query.get("fieldSelector", ""))
        self.double.authorize(self.user, verb, resource, match["sub"], namespace,
                              name or (one[1] if one else None))
        self.fault = self.double.next_fault(verb, plural, self.user)
        if self.fault:
            self.logged["fault"] = True
            if self.fault.delay_s:
                self.double.stopping.wait(self.fault.delay_s)
            if self.fault.code:
                body = self.fault.body
                self.answer(self.fault.code, body.encode() if isinstance(body, str) else dump(body),
                            "application/json" if isinstance(body, dict) else "text/plain",
                            self.fault.headers)
                return
        namespace = namespace or (None if resource.namespaced else "")
        self.double.note(self.logged)
        if verb == "watch":
            self.watch(resource, namespace, name, query)
        elif verb == "list":
            self.list(resource, namespace, query)
        elif verb == "get":
            self.answer(200, dump(self.double.store.get(resource, namespace, name)) + b"\n")
        else:
            self.write(verb, resource, namespace, name, match["sub"], query, content)

    def matcher(self, query, name=None):
        fields = kube_store.field_matcher(query.get("fieldSelector", ""))
        labels = kube_store.label_matcher(query.get("labelSelector", ""))
        return lambda item: (fields(item) and labels(item)
                             and (not name or item["metadata"]["name"] == name))

    def list(self, resource, namespace, query):
        store = self.double.store
        version = int(query.get("resourceVersion") or 0)
        if version > store.version:
            raise ApiError(504, "Timeout", f"Timeout: Too large resource version: {version}, "
                           f"current: {store.version}", {"retryAfterSeconds": 1})
        if query.get("resourceVersionMatch") == "Exact" and version <= store.compacted:
            raise ApiError(410, "Expired", "The resourceVersion for the provided list is too old.")
        items, version, token, left = store.page(
            resource, namespace, self.matcher(query), int(query.get("limit") or 0),
            query.get("continue"))
        metadata = {"resourceVersion": str(version)}
        if token:
            metadata["continue"] = token
            if not query.get("fieldSelector") and not query.get("labelSelector"):
                metadata["remainingItemCount"] = left
        bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
                for item in items]
        self.answer(200, dump({"kind": resource.kind + "List", "apiVersion": resource.api_version,
                               "metadata": metadata, "items": bare}) + b"\n")

    # ---- watches ---------------------------------------------------------------------------------

    def bookmark(self, resource, version, end=False):
        metadata = {"resourceVersion": str(version)}
        if end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        self.send_event("BOOKMARK", {"kind": resource.kind, "apiVersion": resource.api_version,
                                     "metadata": metadata, "spec": {}})

    def watch(self, resource, namespace, name, query):
        double, store = self.double, self.double.store
        matches = self.matcher(query, name)
        streaming = query.get("sendInitialEvents") == "true"
        bookmarks = query.get("allowWatchBookmarks") == "true"
        if streaming and query.get("resourceVersionMatch") != "NotOlderThan":
            raise ApiError(422, "Invalid", "resourceVersionMatch: Required value")
        if streaming and double.streaming == "refused":
            raise ApiError(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is "
                           "forbidden for watch unless the WatchList feature gate is enabled")
        sent = query.get("resourceVersion") or ""
        if sent and not sent.isdigit():
            raise ApiError(500, "", f"resourceVersion: Invalid value: \"{sent}\"")
        self.start_stream()
        if self.fault and self.fault.event:
            self.send_event(*self.fault.event)
            self.end_stream()
            return
        if streaming and double.streaming == "internal-error":
            self.send_event("ERROR", ApiError(500, "InternalError", "Internal error occurred: "
                                              "etcd lacks RequestWatchProgress").status)
            self.end_stream()
            return
        version = int(sent or 0)
        if version == 0:
            with store.changed:
                items, version = store.select(resource, namespace, matches)
            for item in items:
                self.send_event("ADDED", item)
            if bookmarks and double.streaming != "ignored":
                self.bookmark(resource, version, end=True)
        elif version < store.compacted:
            self.send_event("ERROR", ApiError(410, "Expired", f"too old resource version: {version}"
                                              f" ({store.version})").status)
            self.end_stream()
            return
        limit_s = float(query.get("timeoutSeconds") or 1800)
        self.follow(resource, namespace, matches, version, bookmarks,
                    time.monotonic() + min(limit_s, double.watch_limit_s))
        self.end_stream()

    def follow(self, resource, namespace, matches, version, bookmarks, end):
        double, store = self.double, self.double.store
        key = (resource.group, resource.plural)
        next_bookmark = time.monotonic() + double.bookmark_s
        generation = double.generation
        position = 0
        while not double.stopping.is_set() and double.generation == generation:
            with store.changed:
                history = store.history.get(key, [])
                if position > len(history):
                    position = 0  # the history was compacted
                fresh = history[position:]
                position = len(history)
                current = store.version
                if not fresh:
                    wait_s = min(end, next_bookmark) - time.monotonic()
                    if wait_s > 0:
                        store.changed.wait(min(wait_s, 0.5))
            for event_version, kind, item, before in fresh:
                if event_version <= version:
                    continue
                version = event_version
                told = change_seen(kind, item, before, namespace, matches)
                if told:
                    self.send_event(told, item)
            moment = time.monotonic()
            if bookmarks and (moment >= next_bookmark or moment >= end):
                if not fresh:
                    version = max(version, current)
                self.bookmark(resource, version)
                next_bookmark = moment + double.bookmark_s
            if moment >= end:
                return
        raise Cut

    # ---- writes ----------------------------------------------------------------------------------

    def write(self, verb, resource, namespace, name, sub, query, content):
        store = self.double.store
        manager = query.get("fieldManager") or self.headers.get("User-Agent", "").split("/")[0]
        kind = self.headers.get("Content-Type", "").split(";")[0]
        if verb == "delete":
            store.delete(resource, namespace, name)
            self.answer(200, dump({"kind": "Status", "apiVersion": "v1", "metadata": {},
                                   "status": "Success"}))
            return
        try:
            body = json.loads(content)
        except ValueError:
            raise ApiError(400, "BadRequest", "the object provided is unrecognized: "
                           "error decoding: invalid character") from None
        if query.get("dryRun"):
            self.dry_run(verb, resource, namespace, name, kind, body)
            return
        if verb == "create":
            self.answer(201, dump(store.create(resource, namespace, body, manager)) + b"\n")
            return
        change = {
            "update": lambda old: body,
            "application/merge-patch+json": lambda old: kube_store.merge_patch(old, body),
            "application/strategic-merge-patch+json":
                lambda old: kube_store.strategic_patch(old, body),
            "application/json-patch+json": lambda old: kube_store.json_patch(old, body),
            "application/apply-patch+yaml": lambda old: kube_store.merge_patch(old, body),
        }.get("update" if verb == "update" else kind)
        if not change:
            raise ApiError(415, "UnsupportedMediaType", "the body of the request was in an unknown "
                           f"format - accepted media types include: {kind}")
        if kind == "application/apply-patch+yaml":
            try:
                store.get(resource, namespace, name)
            except ApiError:
                self.answer(201, dump(store.create(resource, namespace, body, manager)) + b"\n")
                return
        self.answer(200, dump(store.update(resource, namespace, name, change, manager, sub))
                    + b"\n")

    def dry_run(self, verb, resource, namespace, name, kind, body):
        """Everything is judged, nothing is stored."""
        store = self.double.store
        if resource.namespaced:
            store.get(kube_store.find("", "namespaces"), "", namespace)
        try:
            old = store.get(resource, namespace, name or body["metadata"]["name"])
        except ApiError:
            if verb != "create" and kind != "application/apply-patch+yaml":
                raise
            old = None
        patched = {"application/strategic-merge-patch+json": kube_store.strategic_patch,
                   "application/json-patch+json": kube_store.json_patch}.get(
                       kind, kube_store.merge_patch)
        item = body if old is None or verb in ("create", "update") else patched(old, body)
        kube_store.check(resource, namespace, item)
        if sorted(item) != sorted(set(item) & KNOWN_FIELDS):
            raise ApiError(400, "BadRequest", f"{resource.kind}: unknown field "
                           f"{sorted(set(item) - KNOWN_FIELDS)}")
        self.answer(200 if old else 201, dump(item))

    # ---- discovery and health --------------------------------------------------------------------

    def plain(self, path):
        groups = sorted({resource.group for resource in kube_store.RESOURCES} - {""})
        parts = path.strip("/").split("/")
        if path in ("/healthz", "/livez", "/readyz"):
            self.answer(200, b"ok", "text/plain")
        elif path == "/version":
            self.answer(200, dump({"major": "1", "minor": "36", "gitVersion": "v1.36.2",
                                   "platform": "linux/amd64"}))
        elif path == "/api":
            self.answer(200, dump({"kind": "APIVersions", "versions": ["v1"]}))
        elif path == "/apis":
            self.answer(200, dump({"kind": "APIGroupList", "apiVersion": "v1",
                                   "groups": [group_of(name) for name in groups]}))
        elif parts[0] == "apis" and len(parts) == 2 and parts[1] in groups:
            self.answer(200, dump({"kind": "APIGroup", "apiVersion": "v1", **group_of(parts[1])}))
        elif path == "/api/v1" or (parts[0] == "apis" and len(parts) == 3 and parts[1] in groups
                                   and parts[2] == "v1"):
            self.answer(200, dump(resources_of("" if path == "/api/v1" else parts[1])))
        elif path == "/openapi/v3":
            paths = {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=0"}}
            for name in groups:
                paths[f"apis/{name}/v1"] = {
                    "serverRelativeURL": f"/openapi/v3/apis/{name}/v1?hash=0"}
            self.answer(200, dump({"paths": paths}))
        elif path.startswith("/openapi/v3/"):
            self.answer(200, dump(openapi_of(parts[3] if parts[2] == "apis" else "")))
        else:
            self.answer(404, b"404 page not found\n", "text/plain; charset=utf-8")


def change_seen(kind, item, before, namespace, matches):
    """How a change looks to one who sees only what the selectors match."""
    if namespace is not None and item["metadata"].get("namespace", "") != namespace:
        return None
    was = before is not None and matches(before)
    now = kind != "DELETED" and matches(item)
    if now:
        return "MODIFIED" if was else "ADDED"
    return "DELETED" if was else None


def group_of(name):
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def resources_of(group):
    listed = []
    for resource in kube_store.RESOURCES:
        if resource.group != group:
            continue
        entry = {"name": resource.plural, "singularName": resource.kind.lower(),
                 "namespaced": resource.namespaced, "kind": resource.kind,
                 "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}
        listed.append(entry)
        if resource.status:
            listed.append({**entry, "name": resource.plural + "/status", "singularName": "",
                           "verbs": ["get", "patch", "update"]})
    return {"kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": f"{group}/v1" if group else "v1", "resources": listed}


def openapi_of(group):
    """The least that `kubectl apply` looks for: that PATCH takes fieldValidation."""
    paths = {}
    prefix = f"/apis/{group}/v1" if group else "/api/v1"
    for resource in kube_store.RESOURCES:
        if resource.group != group:
            continue
        scope = "/namespaces/{namespace}" if resource.namespaced else ""
        gvk = {"group": group, "version": "v1", "kind": resource.kind}
        paths[f"{prefix}{scope}/{resource.plural}/{{name}}"] = {"patch": {
            "parameters": [{"name": "fieldValidation", "in": "query",
                            "schema": {"type": "string"}}],
            "responses": {}, "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": gvk}}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"},
            "paths": paths, "components": {"schemas": {}}}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A thread a connection; handshakes happen there, so that a silent client stops nobody."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are what is tested here


class Double:
    """The API server and what tests do to it."""

    def __init__(self, folder=None, listen=("127.0.0.1", 0), tls=True):
        self.own_folder = tempfile.TemporaryDirectory(prefix="kube-double-") if not folder else None
        self.folder = pathlib.Path(folder or self.own_folder.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = kube_store.Store()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.tokens = {ADMIN_TOKEN: "admin"}
        self.rules = {"admin": None, "admin-cert": None}  # user -> RBAC rules; None: everything
        self.faults, self.requests, self.connections = [], [], set()
        self.noted = set()
        self.streaming = "on"  # "refused" (422), "internal-error" (an ERROR event), "ignored"
        self.bookmark_s = 60.0
        self.watch_limit_s = 1800.0
        self.generation = 0
        self.accepted = 0  # connections since the start
        self.listen = listen
        self.server = None
        self.context = self.make_context() if tls else None
        self.start()

    def make_context(self):
        make_certificates(self.folder, self.listen[0])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.crt", self.folder / "server.key")
        context.load_verify_locations(self.folder / "ca.crt")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        return context

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Listen (again, on the same port)."""
        if ":" in self.listen[0]:
            Server.address_family = socket.AF_INET6
        self.stopping.clear()
        self.server = Server(self.listen, Handler)
        self.server.double = self
        self.listen = self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Away as after SIGKILL: no listener, every connection cut."""
        self.stopping.set()
        self.drop()
        self.server.shutdown()
        self.server.server_close()

    def close(self):
        if self.server:
            self.stop()
        if self.own_folder:
            self.own_folder.cleanup()

    # ---- clients ---------------------------------------------------------------------------------

    @property
    def url(self):
        host = f"[{self.listen[0]}]" if ":" in self.listen[0] else self.listen[0]
        return f"{'https' if self.context else 'http'}://{host}:{self.listen[1]}"

    def user(self, name, token, rules=None):
        """A user with a token. rules: a list as in a ClusterRole, or None for everything."""
        self.tokens[token] = name
        self.rules[name] = rules

    def allow(self, name, rules):
        self.rules[name] = rules

    def revoke(self, token):
        self.tokens.pop(token, None)

    def kubeconfig(self, name="kubeconfig", token=ADMIN_TOKEN, namespace="default", **user):
        """Writes a kubeconfig and returns its path. user: further fields of the user."""
        cluster = {"server": self.url}
        if self.context:
            cluster["certificate-authority"] = "ca.crt"
        who = dict(user) if user else {"token": token}
        path = self.folder / name
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "double",
            "clusters": [{"name": "double", "cluster": cluster}],
            "users": [{"name": "tester", "user": who}],
            "contexts": [{"name": "double", "context": {
                "cluster": "double", "user": "tester", "namespace": namespace}}]}, indent=1))
        return path

    # ---- objects ---------------------------------------------------------------------------------

    def resource(self, item):
        group, _, _ = item["apiVersion"].rpartition("/")
        for resource in kube_store.RESOURCES:
            if (resource.group, resource.kind) == (group, item["kind"]):
                return resource
        raise ValueError(f"no resource for {item['apiVersion']} {item['kind']}")

    def put(self, item, manager="ops"):
        """Create or replace one object, or all of a List."""
        if item.get("kind") == "List":
            return [self.put(one, manager) for one in item["items"]]
        resource = self.resource(item)
        metadata = item["metadata"]
        namespace = metadata.get("namespace", "default") if resource.namespaced else ""
        with self.store.changed:
            if namespace:
                self.namespace(namespace)
            if (namespace, metadata["name"]) in self.store._table(resource):
                made = self.store.update(resource, namespace, metadata["name"], lambda old: {
                    **item, "metadata": {"resourceVersion": old["metadata"]["resourceVersion"],
                                         **metadata, "namespace": namespace}}, manager)
                if "status" not in item:
                    return made
                return self.store.update(resource, namespace, metadata["name"],
                                         lambda old: {"status": item["status"]}, manager, "status")
            made = self.store.create(resource, namespace, item, manager)
        if resource.status and item.get("status"):
            return self.store.update(resource, namespace, metadata["name"], lambda old: item,
                                     manager, "status")
        return made

    def namespace(self, name):
        with self.store.changed:
            with contextlib.suppress(ApiError):
                self.store.create(kube_store.find("", "namespaces"), "",
                                  {"metadata": {"name": name}}, "ops")

    def remove(self, plural, namespace, name, group=None):
        self.store.delete(self.named(plural, group), namespace, name)

    def named(self, plural, group=None):
        return next(resource for resource in kube_store.RESOURCES if resource.plural == plural
                    and (group is None or resource.group == group))

    def read(self, plural, namespace, name, group=None):
        return self.store.get(self.named(plural, group), namespace, name)

    def all(self, plural, group=None):
        return self.store.select(self.named(plural, group), None, lambda item: True)[0]

    # ---- faults ----------------------------------------------------------------------------------

    def fault(self, **what):
        with self.lock:
            self.faults.append(Fault(**what))

    def clear_faults(self):
        with self.lock:
            self.faults.clear()

    def next_fault(self, verb, plural, user):
        with self.lock:
            for fault in self.faults:
                if (fault.verb in (None, verb) and fault.resource in (None, plural)
                        and fault.user in (None, user)):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return Fault(**{key: getattr(fault, key) for key in vars(fault)})
        return None

    def drop(self):
        """Cut every connection, in the middle of whatever it says."""
        self.generation += 1
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        with self.store.changed:
            self.store.changed.notify_all()

    def expire(self):
        self.store.expire()

    def settings(self, **values):
        """streaming, bookmark_s, watch_limit_s."""
        for key, value in values.items():
            if key not in ("streaming", "bookmark_s", "watch_limit_s"):
                raise ValueError(key)
            setattr(self, key, value)

    # ---- permissions and the log -----------------------------------------------------------------

    def authorize(self, user, verb, resource, sub, namespace, name):
        rules = self.rules.get(user, [])
        wanted = f"{resource.plural}/{sub}" if sub else resource.plural
        for rule in rules if rules is not None else ():
            if (contains(rule.get("apiGroups"), resource.group)
                    and contains(rule.get("resources"), wanted)
                    and contains(rule.get("verbs"), verb)
                    and (not rule.get("resourceNames") or name in rule["resourceNames"])
                    and (not rule.get("namespace") or namespace == rule["namespace"])):
                return
        if rules is None:
            return
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        raise ApiError(403, "Forbidden", f'{resource.qualified} is forbidden: User "{user}" cannot '
                       f'{verb} resource "{wanted}" in API group "{resource.group}" {scope}',
                       {"group": resource.group, "kind": resource.plural})

    def note(self, entry):
        """Once a request, as soon as it is known: a watch is in the log while it runs."""
        with self.lock:
            if id(entry) not in self.noted:  # it stays in .requests, so its id is its own
                self.noted.add(id(entry))
                self.requests.append(entry)

    def log(self, **matching):
        """Requests so far that have these values."""
        with self.lock:
            return [dict(entry) for entry in self.requests
                    if all(entry.get(key) == value for key, value in matching.items())]

    def clear_log(self):
        with self.lock:
            self.requests.clear()
            self.noted.clear()


def contains(values, wanted):
    return bool(values) and (wanted in values or "*" in values)


def make_certificates(folder, address):
    """A CA, a server certificate for the address and localhost, a client certificate."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder,
                       timeout=30)

    (folder / "server.ext").write_text(
        f"subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:{address}\n")
    (folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=double-ca")
    for name, subject in (("server", "/CN=kube-apiserver"), ("client", "/CN=admin-cert")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.crt", "-days", "30", "-extfile", f"{name}.ext")


# ---- as a process of its own ---------------------------------------------------------------------

CONTROLS = ("put", "remove", "read", "all", "fault", "clear_faults", "drop", "expire", "settings",
            "user", "allow", "revoke", "log", "clear_log", "start", "stop", "namespace")


class Control(http.server.BaseHTTPRequestHandler):
    """POST {"do": name, "args": [...], "keys": {...}} -> {"result": ...} or {"error": ...}."""

    def log_message(self, *args):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            if asked["do"] not in CONTROLS:
                raise ValueError(f"no such control: {asked['do']}")
            result = getattr(self.server.double, asked["do"])(*asked.get("args", []),
                                                              **asked.get("keys", {}))
            code, body = 200, {"result": result}
        except (ApiError, ValueError, TypeError, KeyError) as error:
            code, body = 400, {"error": str(error)}
        data = dump(body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--listen", default="127.0.0.1:6443", type=address)
    parser.add_argument("--control", default="127.0.0.1:6480", type=address)
    parser.add_argument("--plain", action="store_true", help="HTTP without TLS")
    options = parser.parse_args()
    double = Double(options.folder, options.listen, tls=not options.plain)
    double.kubeconfig()
    control = http.server.ThreadingHTTPServer(options.control, Control)
    control.double = double
    print(f"serving {double.url}", flush=True)
    try:
        control.serve_forever(0.1)
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
