# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities and certificates for tests, made by the openssl program."""

import base64
import datetime
import pathlib
import re
import subprocess
import tempfile


def _openssl(*args, text=None):
    done = subprocess.run(["openssl", *args], input=text, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout


def new_key(kind="ec"):
    if kind == "rsa":
        return _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    return _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


class Certificate:
    """PEM of a certificate (with those of its issuers behind it) and of its key."""

    def __init__(self, chain, key):
        self.chain, self.key = chain, key

    @property
    def leaf(self):
        end = b"-----END CERTIFICATE-----\n"
        return self.chain[:self.chain.index(end) + len(end)]

    def der(self):
        body = b"".join(self.leaf.splitlines()[1:-1])
        return base64.b64decode(body)

    def write(self, folder):
        """Files of chain and key, for servers."""
        folder = pathlib.Path(folder)
        (folder / "chain.pem").write_bytes(self.chain)
        (folder / "key.pem").write_bytes(self.key)
        return str(folder / "chain.pem"), str(folder / "key.pem")

    def secret(self, name, namespace="default", **more):
        data = {"tls.crt": self.chain, "tls.key": self.key, **more}
        return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": {"name": name, "namespace": namespace},
                "data": {key: base64.b64encode(value).decode() for key, value in data.items()}}


class Authority(Certificate):
    """A CA; intermediate ones are made by another."""

    def __init__(self, name="Test CA", issuer=None):
        self.root = issuer is None
        key = new_key()
        chain = _sign(f"/CN={name}", key, issuer, "basicConstraints=critical,CA:TRUE\n"
                      "keyUsage=critical,keyCertSign,cRLSign\n", 30)
        super().__init__(chain, key)

    def issue(self, *names, kind="ec", days=30, key=None):
        """A certificate for DNS names and (with "IP:" before them) addresses. Negative days: it
        has expired."""
        key = key or new_key(kind)
        sans = ",".join(n if n.startswith("IP:") else f"DNS:{n}" for n in names)
        return Certificate(_sign(f"/CN={names[0][:60]}", key, self,
                                 f"subjectAltName={sans}\n" if sans else "", days), key)

    def staple(self, certificate, good=True):
        """An OCSP response (DER) of this CA about one of its certificates."""
        with tempfile.TemporaryDirectory(prefix="sluice-certs-") as name:
            folder = pathlib.Path(name)
            ca, key = self.write(folder)
            (folder / "leaf").write_bytes(certificate.leaf)
            serial = _openssl("x509", "-noout", "-serial", "-in", str(folder / "leaf")).decode()
            serial = serial.strip().split("=")[1]
            state = ("V\t400101000000Z\t" if good
                     else "R\t400101000000Z\t260101000000Z")
            (folder / "index").write_text(f"{state}\t{serial}\tunknown\t/CN=x\n")
            _openssl("ocsp", "-index", str(folder / "index"), "-CA", ca, "-rsigner", ca, "-rkey", key,
                     "-issuer", ca, "-cert", str(folder / "leaf"), "-ndays", "7", "-noverify",
                     "-respout", str(folder / "out"))
            return (folder / "out").read_bytes()

    def secret(self, name, namespace="default", **more):
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": name, "namespace": namespace},
                "data": {"ca.crt": base64.b64encode(self.leaf).decode()}}


def _lifetime(days):
    """Options of a certificate that lives so long; openssl from 3.4 on takes no negative days, and
    before it had no other way to make one that has expired."""
    version = re.search(rb"OpenSSL (\d+)\.(\d+)", _openssl("version"))
    if days >= 0 or (int(version[1]), int(version[2])) < (3, 4):
        return ["-days", str(days)]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    start = end - datetime.timedelta(days=1)
    return ["-not_before", f"{start:%Y%m%d%H%M%SZ}", "-not_after", f"{end:%Y%m%d%H%M%SZ}"]


def _sign(subject, key, issuer, extensions, days):
    with tempfile.TemporaryDirectory(prefix="sluice-certs-") as name:
        folder = pathlib.Path(name)
        (folder / "key").write_bytes(key)
        (folder / "ext").write_text(extensions)
        request = _openssl("req", "-new", "-key", str(folder / "key"), "-subj", subject)
        args = ["x509", "-req", "-extfile", str(folder / "ext"), *_lifetime(days)]
        if issuer is None:
            return _openssl(*args, "-signkey", str(folder / "key"), text=request)
        (folder / "ca").write_bytes(issuer.leaf)
        (folder / "ca-key").write_bytes(issuer.key)
        leaf = _openssl(*args, "-CA", str(folder / "ca"), "-CAkey", str(folder / "ca-key"),
                        "-set_serial", str(int.from_bytes(subject.encode()[-8:], "big")),
                        text=request)
        # A root at the end of a chain says nothing to who trusts it, and helps nobody else.
        return leaf if issuer.root else leaf + issuer.chain
