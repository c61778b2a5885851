# SPDX-License-Identifier: Apache-2.0
"""A gRPC server and client of Debian's python3-grpcio; test_peers.py runs it by /usr/bin/python3.

serve: prints its port; calls of each of the four kinds, and one that fails.
talk TARGET NAME ROOTS: calls them all; prints what it found as JSON. ROOTS empty: without TLS.
Messages are bytes: no generated code is needed.
"""

import json
import sys
import threading
from concurrent import futures

import grpc

SERVICE = "sluice.test.Peer"
BIG = 1 << 20


def unary(request, context):
    context.send_initial_metadata((("seen", dict(context.invocation_metadata())["said"]),))
    context.set_trailing_metadata((("last", "trailer"),))
    return request[::-1]


def many(request, _context):
    for i in range(int(request)):
        yield b"%d" % i


def collect(requests, _context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, _context):
    for request in requests:
        yield b"re: " + request


def fail(_request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: 100 % sure")


def serve():
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Collect": grpc.stream_unary_rpc_method_handler(collect),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
    }
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def channel_to(target, name, roots):
    options = [("grpc.default_authority", name), ("grpc.ssl_target_name_override", name)]
    if not roots:
        return grpc.insecure_channel(target, options)
    with open(roots, "rb") as file:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()), options)


def lockstep(channel):
    """Each message is sent after the answer to the one before: nothing on the way may hold them."""
    turn = threading.Semaphore(1)
    answers = []

    def requests():
        for i in range(20):
            turn.acquire(timeout=20)
            yield b"%d" % i

    for answer in channel.stream_stream(f"/{SERVICE}/Chat")(requests(), timeout=20):
        answers.append(answer)
        turn.release()
    return answers == [b"re: %d" % i for i in range(20)]


def talk(target, name, roots):
    found = {}
    with channel_to(target, name, roots) as channel:
        def call(kind, method):
            return getattr(channel, kind)(f"/{SERVICE}/{method}")

        answer, rpc = call("unary_unary", "Unary").with_call(
            b"abc", timeout=20, metadata=(("said", "metadata"),))
        found["unary"] = answer.decode()
        found["initial"] = dict(rpc.initial_metadata())["seen"]
        found["trailing"] = dict(rpc.trailing_metadata())["last"]
        big = bytes(range(256)) * (BIG // 256)
        found["big"] = call("unary_unary", "Unary")(
            big, timeout=20, metadata=(("said", "more"),)) == big[::-1]
        found["many"] = len(list(call("unary_stream", "Many")(b"1000", timeout=20)))
        found["collected"] = int(call("stream_unary", "Collect")(
            (bytes(10000) for _ in range(100)), timeout=20))
        found["lockstep"] = lockstep(channel)
        try:
            call("unary_unary", "Fail")(b"", timeout=20)
        except grpc.RpcError as error:
            found["failed"] = [error.code().name, error.details()]
        try:
            call("unary_unary", "Nothing")(b"", timeout=20)
        except grpc.RpcError as error:
            found["unknown"] = error.code().name
    print(json.dumps(found))


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else talk(*sys.argv[2:])
