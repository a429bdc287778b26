"""Where the keys come from that verify tokens, and what happens when they are not to be had."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libs.chassis import issuer_keys
from libs.chassis.issuer_keys import DISCOVERY_PATH, IssuerSource
from libs.chassis.key_sets import DOCUMENT_BYTES_MAX, KeysUnavailable, SigningKeys, usable_keys
from tests.support.eventually import eventually
from tests.support.providers import KeyServer, Provider, serving_keys

JWKS_PATH = "/keys"


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture
def server(provider: Provider) -> Iterator[KeyServer]:
    with serving_keys() as served:
        served.documents[JWKS_PATH] = provider.jwks("ed")
        yield served


def keys_at(server: KeyServer, clock: Any = None) -> SigningKeys:
    source = IssuerSource(server.url + JWKS_PATH, "anybody", http_allowed=True)
    return SigningKeys(source) if clock is None else SigningKeys(source, clock=clock)


def discovered(server: KeyServer, **changes: str) -> IssuerSource:
    document = {"issuer": server.url, "jwks_uri": server.url + JWKS_PATH, **changes}
    server.documents[DISCOVERY_PATH] = json.dumps(document).encode()
    return IssuerSource(None, server.url, http_allowed=True)


def test_every_kind_of_key_verifies_its_own_algorithms_only(provider: Provider) -> None:
    found = usable_keys(provider.jwks())
    assert {key_id: sorted(key.algorithms) for key_id, key in found.items()} == {
        "rsa": ["RS256"],
        "pss": ["PS256"],
        "ec": ["ES256"],
        "ec-384": ["ES384"],
        "ed": ["Ed25519", "EdDSA"],
    }


def test_keys_for_other_purposes_are_left_out(provider: Provider) -> None:
    own = provider.jwk("ed")
    others = [
        {**own, "kid": "encrypts", "use": "enc"},
        {**own, "kid": "signs", "key_ops": ["sign"]},
        {**own, "kid": ""},
        {name: value for name, value in own.items() if name != "kid"},
        {**own, "kid": "agrees", "crv": "X25519"},
        {**provider.jwk("rsa"), "kid": "small", "n": "AQAB"},
        {**provider.jwk("ec"), "kid": "secret", "alg": "HS256"},
        {"kty": "quantum", "kid": "unheard-of"},
    ]
    assert list(usable_keys(json.dumps({"keys": [*others, own]}).encode())) == ["ed"]


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}],
        [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AA", "d": "AA"}],
        [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "not base64!"}],
        [{"kid": "a"}],
        ["a"],
        "keys",
        [{"kty": "quantum"}] * 101,
    ],
)
def test_a_set_that_is_not_one_of_public_keys_is_refused(keys: Any, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": keys}))
    with pytest.raises(KeysUnavailable):
        SigningKeys.of_file(file)


def test_two_keys_with_one_id_are_refused(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="share an id"):
        usable_keys(json.dumps({"keys": [provider.jwk("ed"), {**provider.jwk("ec"), "kid": "ed"}]}).encode())


async def test_a_file_is_read_again_and_a_broken_one_changes_nothing(
    provider: Provider, tmp_path: Path
) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(provider.jwks("ed"))
    keys = SigningKeys.of_file(file)
    file.write_bytes(b'{"keys": ')
    with pytest.raises(KeysUnavailable):
        await keys.refresh()
    assert keys.find("ed")
    file.write_bytes(provider.jwks("ec"))
    await keys.refresh()
    assert keys.find("ec")
    assert keys.find("ed") is None


def test_a_missing_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable, match="cannot be read"):
        SigningKeys.of_file(tmp_path / "none.json")


async def test_the_discovery_document_says_where_the_keys_are(server: KeyServer) -> None:
    keys = SigningKeys(discovered(server))
    await keys.refresh()
    assert keys.find("ed")
    assert server.asked == [DISCOVERY_PATH, JWKS_PATH]


async def test_a_storm_of_unknown_key_ids_asks_the_issuer_once_a_minute(
    server: KeyServer, provider: Provider
) -> None:
    now = 0.0
    keys = keys_at(server, lambda: now)
    await keys.refresh()
    now += 61
    asked = await asyncio.gather(*(keys.look_again() for _ in range(100)))
    assert not any(asked)
    assert len(server.asked) == 2
    for _ in range(100):
        await keys.look_again()
    assert len(server.asked) == 2
    now += 61
    server.documents[JWKS_PATH] = provider.jwks("ed", "ec")
    assert all(await asyncio.gather(*(keys.look_again() for _ in range(100))))
    assert len(server.asked) == 3
    assert keys.find("ec")


async def test_the_last_good_set_counts_while_the_issuer_is_away(server: KeyServer) -> None:
    keys = keys_at(server)
    await keys.refresh()
    for answer in (None, b"", b"<html>", b'{"keys": []}', b" " * (DOCUMENT_BYTES_MAX + 1), b"[" * 100_000):
        server.documents[JWKS_PATH] = answer
        with pytest.raises(KeysUnavailable):
            await keys.refresh()
        assert keys.find("ed")


async def test_of_an_endless_answer_only_the_beginning_is_read(server: KeyServer) -> None:
    server.documents[JWKS_PATH] = b" " * (DOCUMENT_BYTES_MAX * 8)
    with pytest.raises(KeysUnavailable, match="the answer is too long"):
        await keys_at(server).refresh()


async def test_an_issuer_that_comes_up_later_is_found(
    server: KeyServer, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.chassis.key_sets.MISSING_KEYS_SECONDS", 0.01)
    server.documents[JWKS_PATH] = None
    keys = keys_at(server)

    def was_asked_again() -> None:
        assert len(server.asked) > 2

    def is_known() -> None:
        assert keys.are_known

    running = asyncio.create_task(keys.run())
    await eventually(was_asked_again)
    assert not keys.are_known
    server.documents[JWKS_PATH] = provider.jwks("ed")
    await eventually(is_known)
    running.cancel()


async def test_nobody_is_followed_elsewhere_and_no_proxy_is_asked(
    server: KeyServer, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_keys() as elsewhere:
        elsewhere.documents["/"] = provider.jwks("ed")
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        monkeypatch.setenv("ALL_PROXY", elsewhere.url)
        server.redirects[JWKS_PATH] = elsewhere.url + "/"
        with pytest.raises(KeysUnavailable, match="302"):
            await keys_at(server).refresh()
        assert elsewhere.asked == []


async def test_in_production_keys_come_over_https_even_if_discovery_says_otherwise(server: KeyServer) -> None:
    found = discovered(server)
    for source in (
        IssuerSource(server.url + JWKS_PATH, "anybody"),
        IssuerSource(None, server.url),
        IssuerSource("file:///etc/passwd", "anybody", http_allowed=True),
    ):
        with pytest.raises(KeysUnavailable, match="https"):
            await source.read()
    assert server.asked == []
    server.documents[DISCOVERY_PATH] = json.dumps({"issuer": found.issuer, "jwks_uri": "file:///x"}).encode()
    with pytest.raises(KeysUnavailable, match="https"):
        await found.read()


async def test_the_discovery_document_of_another_issuer_is_refused(server: KeyServer) -> None:
    with pytest.raises(KeysUnavailable, match="another issuer"):
        await discovered(server, issuer=server.url + "/other").read()


async def test_an_issuer_that_never_ends_its_answer_is_given_up(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_SECONDS_MAX", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        with pytest.raises(KeysUnavailable):
            await IssuerSource(f"http://127.0.0.1:{port}/", "anybody", http_allowed=True).read()
