"""Every known way to forge a token, as values of the `Authorization` header, by what is wrong with each."""

import base64
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe, jws
from joserfc.jwk import OctKey

from libs.chassis.identity import SERVICE_AUDIENCE, TOKEN_BYTES_MAX
from tests.security.forged_claims import ANN, ORGANIZATION, forged_claims, good
from tests.support.providers import ALGORITHM_OF_KEY, Provider, encoded, signature

Table = Mapping[str, str]


def forgeries(provider: Provider, stranger: Provider) -> Table:
    """All of them; `stranger` has keys of its own under the same ids."""
    tokens: dict[str, str] = {}
    for family in (
        _algorithms,
        _own_keys,
        _key_ids,
        forged_claims,
        _other_tokens,
        _forms,
        _contents,
        _signatures,
        _key_texts,
    ):
        for name, token in family(provider, stranger):
            assert name not in tokens, name
            tokens[name] = token
    return {name: f"Bearer {token}" for name, token in tokens.items()} | _headers(provider)


def _algorithms(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    claims = encoded(good(provider))
    for spelling in ("none", "None", "NONE", "nOnE", "", None, False, 0, ["EdDSA"], {"alg": "EdDSA"}):
        header = {"alg": spelling, "kid": "ed"}
        yield f"alg {spelling!r} without signature", f"{encoded(header)}.{claims}."
        yield f"alg {spelling!r} with a signature", provider.token_of(header, good(provider))
    yield "no alg", provider.token_of({"kid": "ed"}, good(provider))
    secrets = {
        "PEM": provider.public_pem("rsa"),
        "PEM without its last line break": provider.public_pem("rsa").strip(),
        "DER": provider.public_der("rsa"),
        "JWK": json.dumps(provider.jwk("rsa")).encode(),
        "modulus": provider.jwk("rsa")["n"].encode(),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        for algorithm, digest in {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}.items():
            message = f"{encoded({'alg': algorithm, 'kid': 'rsa'})}.{claims}"
            made = hmac.digest(secret, message.encode(), digest)
            yield f"{algorithm} with the public key as secret, {name}", f"{message}.{encoded(made)}"
    for algorithm in ("RS1", "ES256K", "Ed448", "RSA-OAEP", "dir", "eddsa", "EdDSA "):
        yield f"unlisted {algorithm!r}", provider.token_of({"alg": algorithm, "kid": "ed"}, good(provider))
    yield "RS256 by a key for PS256", provider.token(good(provider), "pss", alg="RS256")
    yield "PS256 by a key for RS256", provider.token(good(provider), "rsa", alg="PS256")
    yield "ES384 by a key of another curve", provider.token(good(provider), "ec", alg="ES384")
    yield "RS256 by an elliptic key", provider.token(good(provider), "ec", alg="RS256")
    yield "EdDSA by an RSA key", provider.token(good(provider), "rsa", alg="EdDSA")


def _own_keys(provider: Provider, stranger: Provider) -> Iterator[tuple[str, str]]:
    own = stranger.jwk("ed")
    yield "brings its key", stranger.token(good(provider), jwk=own)
    yield "brings its key under no id", stranger.token(good(provider), jwk=own, kid=None)
    for name in ("jku", "x5u"):
        yield f"{name}", stranger.token(good(provider), **{name: "http://127.0.0.1:9/keys"})
        yield f"{name}, signed well", provider.token(good(provider), **{name: "https://identity.example/"})
    yield "x5c", stranger.token(good(provider), x5c=[base64.b64encode(b"certificate").decode()])
    yield "unknown crit", provider.token(good(provider), crit=["exp"], exp=2**40)
    yield "empty crit", provider.token(good(provider), crit=[])
    yield "crit that is no list", provider.token(good(provider), crit="b64")
    yield "b64 false", provider.token(good(provider), b64=False, crit=["b64"])
    yield "b64 false, not critical", provider.token(good(provider), b64=False)
    yield "zip", provider.token(good(provider), zip="DEF")
    yield "nested by cty", provider.token(good(provider), cty="JWT")


def _key_ids(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    for key_id in (
        "../../../../dev/null",
        "/etc/passwd",
        "' or 1=1 --",
        "http://127.0.0.1:9/keys",
        "ed\x00",
        "ed ",
        "ED",
        "еd",
        "",
        "unknown",
        "e" * 4_000,
        None,
        0,
        True,
        ["ed"],
        {"kid": "ed"},
    ):
        header = {"alg": "EdDSA", "kid": key_id}
        yield (
            f"key id {str(key_id)[:30]!r} {type(key_id).__name__}",
            provider.token_of(header, good(provider)),
        )
    yield "no key id", provider.token_of({"alg": "EdDSA"}, good(provider))


def _other_tokens(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    for kind in ("id+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "refresh", "JWS", "", ["JWT"], 1):
        yield f"typ {kind!r}", provider.token(good(provider), typ=kind)
    plain: dict[str, Any] = {"typ": "JWT"}
    yield "ID token with at_hash", provider.token(good(provider, at_hash="x", scope="openid"), **plain)
    yield "ID token with c_hash", provider.token(good(provider, c_hash="x"), **plain)
    yield "ID token with a nonce", provider.token(good(provider, nonce="x"), **plain)
    yield "ID token for its own client", provider.token(good(provider, azp=provider.audience), **plain)
    yield "ID token by Cognito's claim", provider.token(good(provider, token_use="id"), **plain)
    yield "ID token by Keycloak's claim", provider.token(good(provider, typ="ID"), **plain)
    yield "refresh token", provider.token(good(provider, typ="Refresh"), **plain)
    yield "logout token", provider.token(good(provider, events={}), **plain)
    yield "service token", provider.token(provider.claims(sub="timeline", aud=SERVICE_AUDIENCE))


def _forms(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    token = provider.token(good(provider))
    header, payload, signed = token.split(".")
    own = {"alg": "EdDSA", "kid": "ed"}
    yield "nothing", ""
    yield "dots", ".."
    yield "no token", "hello"
    yield "two parts", f"{header}.{payload}"
    yield "four parts", f"{token}.{signed}"
    yield "a dot at the end", f"{token}."
    yield "too long", provider.token(good(provider, padding="A" * TOKEN_BYTES_MAX))
    yield "as JSON", json.dumps({"protected": header, "payload": payload, "signature": signed})
    both = {"payload": payload, "signatures": [{"protected": header, "signature": signed}]}
    yield "as general JSON", encoded(both)
    for name, changed in {
        "padded": "=",
        "with a space": " ",
        "with a tab": "\t",
        "with an unbreakable space": "\xa0",
    }.items():
        yield f"header {name}", f"{header}{changed}.{payload}.{signed}"
        yield f"payload {name}", f"{header}.{payload}{changed}.{signed}"
        yield f"signature {name}", f"{token}{changed}."[:-1] + ("" if changed != " " else ".")
    yield "the standard alphabet", token.replace("-", "+").replace("_", "/") + "+"
    yield "full-width letters", token.replace("A", "\uff21").encode().decode("latin-1")
    yield (
        "header twice in one name",
        provider.token_of(b'{"alg":"none","alg":"EdDSA","kid":"ed"}', good(provider)),
    )
    twice = json.dumps(good(provider))[:-1].encode() + f', "sub": "{ORGANIZATION}"}}'.encode()
    yield "a claim twice", provider.token_of(own, twice)
    escaped = json.dumps(good(provider))[:-1].encode() + b', "\\u0073ub": "x"}'
    yield "a claim twice, once escaped", provider.token_of(own, escaped)
    secret = OctKey.import_key(b"0" * 32)
    nested = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}, token, secret)
    yield "encrypted", nested
    yield "signed twice", provider.token_of(own, token.encode())
    inner = jws.serialize_compact({"alg": "HS256", "kid": "ed"}, token, secret, algorithms=["HS256"])
    yield "inside another", inner


def _contents(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    own = {"alg": "EdDSA", "kid": "ed"}
    contents: dict[str, Any] = {
        "a list": [],
        "a string": "x",
        "null": None,
        "nothing": b"",
        "deep": b"[" * 5_000,
        "deeper objects": b'{"a":' * 1_000,
        "no JSON": b"{'alg': 'EdDSA'}",
        "no UTF-8": b'{"alg":"EdDSA","kid":"ed","x":"\xff"}',
        "UTF-16": json.dumps(own).encode("utf-16"),
        "two values": b"{}{}",
    }
    for name, content in contents.items():
        yield f"header is {name}", provider.token_of(content, good(provider))
        yield f"payload is {name}", provider.token_of(own, content)


def _signatures(provider: Provider, stranger: Provider) -> Iterator[tuple[str, str]]:
    for key_id in ALGORITHM_OF_KEY:
        yield f"another key, {key_id}", stranger.token(good(provider), key_id)
        token = provider.token(good(provider), key_id)
        message, _, signed = token.rpartition(".")
        raw = base64.urlsafe_b64decode(signed + "==")
        for name, made in {
            "empty": b"",
            "zeros": bytes(len(raw)),
            "truncated": raw[:-1],
            "longer": raw + b"\0",
            "one bit": bytes([raw[0] ^ 1]) + raw[1:],
            "backwards": raw[::-1],
        }.items():
            yield f"signature {name}, {key_id}", f"{message}.{encoded(made)}"
        other = encoded({**good(provider), "org_role": "owner"})
        yield f"another payload, {key_id}", f"{message.partition('.')[0]}.{other}.{signed}"
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if len(raw) % 3:
            changed = last[last.index(signed[-1]) ^ 1]
            yield f"trailing bits, {key_id}", f"{message}.{signed[:-1]}{changed}"
    message = ".".join(provider.token(good(provider), "ec").split(".")[:2])
    raw = signature(provider.keys["ec"], "ES256", message.encode())
    numbers = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    yield "elliptic signature in DER", f"{message}.{encoded(encode_dss_signature(*numbers))}"
    wider = b"".join(number.to_bytes(33, "big") for number in numbers)
    yield "elliptic signature in 33 bytes each", f"{message}.{encoded(wider)}"
    for name, pair in {
        "r is n": (order, numbers[1]),
        "s is n": (numbers[0], order),
        "r is 0": (0, numbers[1]),
    }.items():
        made = b"".join(number.to_bytes(32, "big") for number in pair)
        yield f"elliptic signature where {name}", f"{message}.{encoded(made)}"


def _key_texts(_: Provider, __: Provider) -> Iterator[tuple[str, str]]:
    ids = UUID(ORGANIZATION).hex + UUID(ANN).hex
    secret = "0123456789abcdef" * 4
    yield "API key without a secret", f"mpk_{ids}_"
    yield "API key that is too short", f"mpk_{ids}_{secret[:-1]}"
    yield "API key that is too long", f"mpk_{ids}_{secret}0"
    yield "API key in capitals", f"mpk_{ids.upper()}_{secret.upper()}"
    yield "API key with a line", f"mpk_{ids}_{secret}\n"
    yield "API key with a point", f"mpk_{ids}_{secret}.x.y"
    yield "API key of another prefix", f"MPK_{ids}_{secret}"
    yield "API key in another alphabet", f"mpk_{ids}_{'g' * 64}"
    yield "API key with digits that are none", f"mpk_{ids}_{chr(0xB2) * 64}"


def _headers(provider: Provider) -> dict[str, str]:
    token = provider.token(good(provider))
    return {
        "no scheme": token,
        "two spaces": f"Bearer  {token}",
        "a tab": f"Bearer\t{token}",
        "Basic": "Basic " + base64.b64encode(f"ann:{token}".encode()).decode(),
        "another scheme": f"Token {token}",
        "two tokens in one": f"Bearer {token}, Bearer {token}",
        "token68 after a name": f"Bearer token={token}",
        "the scheme alone": "Bearer",
        "an empty header": "",
    }
