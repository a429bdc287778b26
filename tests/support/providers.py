"""An identity provider for tests: keys of every kind, tokens with any header and claims, and a server that counts."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import import_key

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
KEY_TYPES: Mapping[str, Literal["RSA", "EC", "OKP"]] = {
    "rsa": "RSA",
    "pss": "RSA",
    "ec": "EC",
    "ec-384": "EC",
    "ed": "OKP",
}
ALGORITHM_OF_KEY = {"rsa": "RS256", "pss": "PS256", "ec": "ES256", "ec-384": "ES384", "ed": "EdDSA"}


def encoded(value: Any) -> str:
    """A segment of a token: bytes as they are, everything else as JSON."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signature(key: PrivateKey, algorithm: str, message: bytes) -> bytes:
    """As JWS has it: the two numbers of ECDSA side by side."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    digest = hashes.SHA384() if algorithm.endswith("384") else hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        numbers = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
        return b"".join(number.to_bytes(size, "big") for number in numbers)
    if algorithm.startswith("PS"):
        return key.sign(message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return key.sign(message, padding.PKCS1v15(), digest)


@dataclass(frozen=True)
class Provider:
    """Signs whatever it is asked to, as `issuer`, for `audience`."""

    issuer: str = "https://identity.example"
    audience: str = "milepost"

    @cached_property
    def keys(self) -> Mapping[str, PrivateKey]:
        """By key id; `rsa` and `pss` differ in the algorithm their JWK names."""
        return {
            "rsa": rsa.generate_private_key(65_537, 2_048),
            "pss": rsa.generate_private_key(65_537, 2_048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ec-384": ec.generate_private_key(ec.SECP384R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }

    def public_pem(self, key_id: str) -> bytes:
        return self.keys[key_id].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def public_der(self, key_id: str) -> bytes:
        return self.keys[key_id].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def jwk(self, key_id: str) -> dict[str, Any]:
        public = import_key(self.public_pem(key_id), KEY_TYPES[key_id]).as_dict(private=False)
        return {**public, "kid": key_id, "use": "sig", "alg": ALGORITHM_OF_KEY[key_id]}

    def jwks(self, *key_ids: str) -> bytes:
        """The set of those keys, of all of them by default."""
        return json.dumps({"keys": [self.jwk(each) for each in key_ids or self.keys]}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says; a change to `None` leaves the claim out."""
        now = int(time.time())
        good = {"iss": self.issuer, "aud": self.audience, "iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, claims: Any, key_id: str = "ed", **header: Any) -> str:
        """Signed with that key, whatever the header says; `None` leaves a name of the header out."""
        usual = {"alg": ALGORITHM_OF_KEY[key_id], "kid": key_id, "typ": "at+jwt", **header}
        return self.token_of(
            {name: value for name, value in usual.items() if value is not None}, claims, key_id
        )

    def token_of(self, header: Any, claims: Any, key_id: str = "ed") -> str:
        """Exactly this header and these claims (JSON values, or bytes as they are), signed with that key."""
        message = f"{encoded(header)}.{encoded(claims)}"
        algorithm = ALGORITHM_OF_KEY[key_id]
        return f"{message}.{encoded(signature(self.keys[key_id], algorithm, message.encode()))}"


@dataclass
class KeyServer:
    """What a provider serves: `documents` by path, and every path it was `asked` for. A `None` document hangs up."""

    url: str = ""
    documents: dict[str, bytes | None] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving_keys() -> Iterator[KeyServer]:
    """A server on loopback as long as the block lasts."""
    served = KeyServer()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if self.path in served.redirects:
                self.send_response(302)
                self.send_header("Location", served.redirects[self.path])
                self.end_headers()
                return
            document = served.documents.get(self.path, b"{}")
            if document is None:
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            """Nothing to say on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
