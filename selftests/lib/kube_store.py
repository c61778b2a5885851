# SPDX-License-Identifier: Apache-2.0
"""What an API server keeps: objects with versions, a history for watches, patches, selectors.

Used by kube_double.py. Behaviour follows kube-apiserver 1.36 as recorded in fixtures/kube-api; what
no client here can notice is left out."""

import base64
import copy
import datetime
import ipaddress
import json
import threading
import uuid


class Resource:
    """One resource of the API and how it is stored."""

    def __init__(self, group, version, plural, kind, namespaced=True, status=False):
        self.group, self.version, self.plural, self.kind = group, version, plural, kind
        self.namespaced = namespaced
        self.status = status  # has a status subresource

    @property
    def api_version(self):
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self):
        return f"{self.plural}.{self.group}" if self.group else self.plural


RESOURCES = [
    Resource("", "v1", "namespaces", "Namespace", namespaced=False, status=True),
    Resource("", "v1", "nodes", "Node", namespaced=False, status=True),
    Resource("", "v1", "pods", "Pod", status=True),
    Resource("", "v1", "services", "Service", status=True),
    Resource("", "v1", "endpoints", "Endpoints"),
    Resource("", "v1", "secrets", "Secret"),
    Resource("", "v1", "configmaps", "ConfigMap"),
    Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    Resource("", "v1", "events", "Event"),
    Resource("apps", "v1", "daemonsets", "DaemonSet", status=True),
    Resource("apps", "v1", "deployments", "Deployment", status=True),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Resource("events.k8s.io", "v1", "events", "Event"),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", status=True),
    Resource("networking.k8s.io", "v1", "ingressclasses", "IngressClass", namespaced=False),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False),
    Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding",
             namespaced=False),
    Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False),
]


class ApiError(Exception):
    """A refusal, as the Status object that tells it."""

    def __init__(self, code, reason, message, details=None, metadata=None, headers=None):
        super().__init__(message)
        self.code = code
        self.headers = headers or {}
        self.status = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {},
                       "status": "Failure", "message": message, "reason": reason, "code": code}
        if not reason:
            del self.status["reason"]
        if details:
            self.status["details"] = details


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def now(micro=False):
    stamp = datetime.datetime.now(datetime.timezone.utc)
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


# ---- patches -------------------------------------------------------------------------------------

def merge_patch(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_patch(target, patch):
    """Strategic merge, with lists of objects merged by name (what kubectl sends for our files)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif (isinstance(value, list) and value and all(
                isinstance(item, dict) and "name" in item for item in value)
              and f"$setElementOrder/{key}" in patch):
            result[key] = merge_named(result.get(key) or [], value,
                                      patch[f"$setElementOrder/{key}"])
        else:
            result[key] = strategic_patch(result.get(key), value)
    return result


def merge_named(old, changes, order):
    items = {item.get("name"): item for item in old}
    for change in changes:
        if change.get("$patch") == "delete":
            items.pop(change["name"], None)
        else:
            items[change["name"]] = strategic_patch(items.get(change["name"]), change)
    names = [entry["name"] for entry in order]
    return ([items[name] for name in names if name in items]
            + [item for name, item in items.items() if name not in names])


def json_patch(target, operations):
    """RFC 6902: add, remove, replace, test."""
    result = copy.deepcopy(target)
    for operation in operations:
        path = [part.replace("~1", "/").replace("~0", "~")
                for part in operation["path"].split("/")[1:]]
        parent = result
        for part in path[:-1]:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        last = path[-1]
        if isinstance(parent, list):
            index = len(parent) if last == "-" else int(last)
            if operation["op"] == "add":
                parent.insert(index, operation["value"])
            elif operation["op"] == "remove":
                del parent[index]
            elif operation["op"] == "replace":
                parent[index] = operation["value"]
        elif operation["op"] == "remove":
            del parent[last]
        elif operation["op"] in ("add", "replace"):
            parent[last] = operation["value"]
    return result


# ---- selectors -----------------------------------------------------------------------------------

def label_matcher(selector):
    """key=value, key==value, key!=value, key, !key, key in (a,b), key notin (a,b)."""
    tests = []
    depth, part, parts = 0, "", []
    for character in selector:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += character
    for term in filter(None, [text.strip() for text in parts + [part]]):
        if " in " in term or " notin " in term:
            key, _, values = term.partition(" notin " if " notin " in term else " in ")
            names = {value.strip() for value in values.strip(" ()").split(",")}
            wanted = " notin " not in term
            tests.append(lambda labels, key=key.strip(), names=names, wanted=wanted:
                         (labels.get(key) in names) == wanted)
        elif "!=" in term:
            key, _, value = term.partition("!=")
            tests.append(lambda labels, key=key, value=value: labels.get(key) != value)
        elif "=" in term:
            key, _, value = term.replace("==", "=").partition("=")
            tests.append(lambda labels, key=key, value=value: labels.get(key) == value)
        elif term.startswith("!"):
            tests.append(lambda labels, key=term[1:]: key not in labels)
        else:
            tests.append(lambda labels, key=term: key in labels)
    return lambda item: all(test(item["metadata"].get("labels") or {}) for test in tests)


def field_matcher(selector):
    tests = []
    for term in filter(None, selector.split(",")):
        wanted = "!=" not in term
        path, _, value = term.replace("!=", "=").replace("==", "=").partition("=")
        tests.append((path.split("."), value, wanted))

    def matches(item):
        for path, value, wanted in tests:
            found = item
            for part in path:
                found = found.get(part, "") if isinstance(found, dict) else ""
            if (str(found) == value) != wanted:
                return False
        return True
    return matches


# ---- the store -----------------------------------------------------------------------------------

class Store:
    """All objects. Every method is safe to call from any thread."""

    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.version = 100
        self.compacted = 0  # watches from before this are too old
        self.objects = {}   # (group, plural) -> {(namespace, name): object}
        self.history = {}   # (group, plural) -> [(version, type, object, object before)]
        self.pages = {}     # continue token -> (version, keys and objects left)
        for name in ("default", "kube-system"):
            self.create(find("", "namespaces"), "", {"metadata": {"name": name}}, "system")

    def _note(self, resource, kind, item, before):
        self.history.setdefault((resource.group, resource.plural), []).append(
            (self.version, kind, item, before))
        self.changed.notify_all()

    def _table(self, resource):
        return self.objects.setdefault((resource.group, resource.plural), {})

    def missing(self, resource, name):
        return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found',
                        {"name": name, "group": resource.group, "kind": resource.plural})

    def get(self, resource, namespace, name):
        with self.changed:
            item = self._table(resource).get((namespace, name))
            if item is None:
                raise self.missing(resource, name)
            return item

    def create(self, resource, namespace, item, manager):
        with self.changed:
            item = copy.deepcopy(item)
            metadata = item.setdefault("metadata", {})
            if not metadata.get("name") and metadata.get("generateName"):
                metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
            name = metadata.get("name", "")
            check(resource, namespace, item)
            if resource.namespaced:
                self.get(find("", "namespaces"), "", namespace)
                metadata["namespace"] = namespace
            if (namespace, name) in self._table(resource):
                raise ApiError(409, "AlreadyExists",
                               f'{resource.qualified} "{name}" already exists',
                               {"name": name, "group": resource.group, "kind": resource.plural})
            self.version += 1
            metadata.update(uid=str(uuid.uuid4()), resourceVersion=str(self.version),
                            generation=1)
            metadata.setdefault("creationTimestamp", now())
            metadata["managedFields"] = [managed(resource, manager, None)]
            item.update(kind=resource.kind, apiVersion=resource.api_version)
            if resource.status and resource.plural != "namespaces":
                item["status"] = {"loadBalancer": {}} if resource.plural in (
                    "ingresses", "services") else {}
            self._table(resource)[(namespace, name)] = item
            self._note(resource, "ADDED", item, None)
            return item

    def update(self, resource, namespace, name, change, manager, subresource=None):
        """change(old) -> new. The status is written through its subresource only."""
        with self.changed:
            old = self.get(resource, namespace, name)
            new = change(copy.deepcopy(old))
            sent = new.get("metadata", {}).get("resourceVersion")
            if sent and sent != old["metadata"]["resourceVersion"]:
                raise ApiError(
                    409, "Conflict", f'Operation cannot be fulfilled on {resource.qualified} '
                    f'"{name}": the object has been modified; please apply your changes to the '
                    'latest version and try again',
                    {"name": name, "group": resource.group, "kind": resource.plural})
            if resource.plural == "leases" and not sent:
                raise ApiError(422, "Invalid", f'{resource.qualified} "{name}" is invalid: '
                               "metadata.resourceVersion: Invalid value: 0: must be specified for "
                               "an update")
            merged = copy.deepcopy(old)
            if subresource == "status":
                merged["status"] = new.get("status", {})
            else:
                status = merged.get("status")
                merged = new
                merged.pop("status", None)
                if status is not None:
                    merged["status"] = status
            check(resource, namespace, merged)
            for field in ("uid", "creationTimestamp", "generation", "namespace", "name",
                          "resourceVersion", "managedFields"):
                if field in old["metadata"]:
                    merged["metadata"][field] = old["metadata"][field]
            merged.update(kind=resource.kind, apiVersion=resource.api_version)
            if merged == old:
                return old
            self.version += 1
            merged["metadata"]["resourceVersion"] = str(self.version)
            # The addresses of a status are one field: whoever writes them owns them alone.
            replaced = subresource == "status" and merged.get("status") != old.get("status")
            fields = [entry for entry in old["metadata"].get("managedFields", [])
                      if (entry["manager"], entry.get("subresource")) != (manager, subresource)
                      and not (replaced and entry.get("subresource") == "status")]
            merged["metadata"]["managedFields"] = fields + [managed(resource, manager,
                                                                    subresource)]
            if merged.get("spec") != old.get("spec"):
                merged["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
            self._table(resource)[(namespace, name)] = merged
            self._note(resource, "MODIFIED", merged, old)
            return merged

    def delete(self, resource, namespace, name):
        with self.changed:
            old = self.get(resource, namespace, name)
            if resource.plural == "namespaces":
                for other in RESOURCES:
                    for key in [key for key in self._table(other) if key[0] == name]:
                        self.delete(other, *key)
            del self._table(resource)[(namespace, name)]
            self.version += 1
            last = copy.deepcopy(old)
            last["metadata"]["resourceVersion"] = str(self.version)
            self._note(resource, "DELETED", last, old)
            return last

    def select(self, resource, namespace, matches):
        with self.changed:
            items = [item for key, item in self._table(resource).items()
                     if (namespace is None or key[0] == namespace) and matches(item)]
            items.sort(key=lambda item: (item["metadata"].get("namespace", ""),
                                         item["metadata"]["name"]))
            return items, self.version

    def page(self, resource, namespace, matches, limit, token):
        """Items, version, token of the next page, how many are left."""
        with self.changed:
            if token:
                if not token.startswith("t"):
                    raise ApiError(400, "BadRequest", "invalid continue token: continue key is "
                                   "not valid: invalid character")
                if token not in self.pages:
                    raise ApiError(410, "Expired", "The provided continue parameter is too old to "
                                   "display a consistent list result.")
                version, items = self.pages[token]
            else:
                items, version = self.select(resource, namespace, matches)
            if not limit or len(items) <= limit:
                return items, version, "", 0
            following = "t" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            self.pages[following] = (version, items[limit:])
            return items[:limit], version, following, len(items) - limit

    def expire(self):
        """As an etcd compaction and a restart: no old version and no page is known any more."""
        with self.changed:
            self.version += 1
            self.compacted = self.version
            self.pages.clear()
            self.history.clear()
            self.changed.notify_all()


def managed(resource, manager, subresource):
    entry = {"manager": manager, "operation": "Update", "apiVersion": resource.api_version,
             "time": now(), "fieldsType": "FieldsV1", "fieldsV1": {}}
    if subresource:
        entry["subresource"] = subresource
    return entry


def find(group, plural):
    for resource in RESOURCES:
        if (resource.group, resource.plural) == (group, plural):
            return resource
    return None


def check(resource, namespace, item):
    """The few rules of validation that clients here run into."""
    name = item.get("metadata", {}).get("name")
    if not name:
        raise ApiError(422, "Invalid", f'{resource.kind}.{resource.group} "" is invalid: '
                       "metadata.name: Required value: name or generateName is required")
    sent = item["metadata"].get("namespace")
    if resource.namespaced and sent and sent != namespace:
        raise ApiError(400, "BadRequest", "the namespace of the provided object does not match "
                       "the namespace sent on the request")
    if resource.group == "events.k8s.io":
        for field in ("eventTime", "reportingController", "reportingInstance", "action",
                      "reason", "type"):
            if not item.get(field):
                raise ApiError(422, "Invalid", f'Event.events.k8s.io "{name}" is invalid: '
                               f"{field}: Required value")
        if len(item.get("note", "")) > 1024:
            raise ApiError(422, "Invalid", "note: can have at most 1024 bytes")
    if resource.plural == "leases" and item.get("spec"):
        for field in ("acquireTime", "renewTime"):
            value = item["spec"].get(field)
            if value is not None and len(value) != len("2026-11-22T21:40:40.013980Z"):
                raise ApiError(400, "BadRequest", f'cannot parse "{value}" as {field}')
    for entry in ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
        if "ip" in entry:
            try:
                ipaddress.ip_address(entry["ip"])
            except ValueError:
                raise ApiError(422, "Invalid", f'{resource.kind}.{resource.group} "{name}" is '
                               "invalid: status.loadBalancer.ingress[0].ip: Invalid value: "
                               f'"{entry["ip"]}": must be a valid IP address') from None
