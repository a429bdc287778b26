"""The tokens of NATS: what is no question of a server gets no answer, and keys are read with their checksum."""

import base64
import json
from typing import Any

import pytest

from services.projects.admission.issuing import Admission, Issuer, NoRequest, Request, read_request
from services.projects.admission.keys import AccountKey

USER = "U" + "A" * 55
ADMISSION = Admission("INTEGRATIONS", "key", ("publish.this",), ("hear.this",), 1_800_000_000)


def question(**changed: Any) -> bytes:
    asked = {
        "user_nkey": USER,
        "server_id": {"id": "SERVER"},
        "client_info": {"host": "10.0.0.1"},
        "connect_opts": {"auth_token": "secret"},
    }
    claims = {"aud": "nats-authorization-request", "nats": asked | changed.pop("nats", {})} | changed
    return b".".join((b"e30", base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"="), b"x"))


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def test_a_key_may_be_a_token_or_a_password() -> None:
    as_password = {"connect_opts": {"user": "somebody", "pass": "secret"}}
    expected = Request("secret", "10.0.0.1", USER, "SERVER")
    assert read_request(question()) == read_request(question(nats=as_password)) == expected


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"..",
        b"a.b",
        b"a.%%%.c",
        b"a." + base64.urlsafe_b64encode(b"[" * 5_000) + b".c",
        b"a." + b"x" * 20_000 + b".c",
        b'{"specversion":"1.0","data":{}}',
        question(aud="somebody-else"),
        question(nats={"user_nkey": "UAAA\r\nPUB x"}),
        question(nats={"user_nkey": 7}),
        question(nats={"connect_opts": {"pass": "x" * 5_000}}),
        question(nats={"server_id": None}),
    ],
)
def test_what_no_server_asked_is_not_answered(token: bytes) -> None:
    with pytest.raises(NoRequest):
        read_request(token)


def test_a_secret_is_shown_nowhere() -> None:
    assert "secret" not in repr(read_request(question()))
    key = AccountKey.new()
    assert key.seed not in repr(key)
    assert key.seed not in repr(Issuer(key.seed))


def test_an_answer_names_who_asked_and_allows_what_is_listed() -> None:
    request = read_request(question())
    issuer = Issuer(AccountKey.new().seed)
    answer = claims_of(issuer.admit(request, ADMISSION).decode())
    user = claims_of(answer["nats"]["jwt"])
    assert (answer["iss"], answer["sub"], answer["aud"]) == (issuer.public_key, USER, "SERVER")
    assert (user["iss"], user["sub"], user["aud"]) == (issuer.public_key, USER, "INTEGRATIONS")
    assert user["exp"] == ADMISSION.expires_at
    assert (user["nats"]["pub"], user["nats"]["sub"]) == (
        {"allow": ["publish.this"]},
        {"allow": ["hear.this"]},
    )


def test_a_refusal_says_nothing() -> None:
    issuer = Issuer(AccountKey.new().seed)
    assert claims_of(issuer.refuse(read_request(question())).decode())["nats"] == {
        "type": "authorization_response",
        "version": 2,
        "error": "refused",
    }


def test_a_known_seed_has_its_known_public_key() -> None:
    """The pair of compose and the development overlay, made by NATS's own library."""
    seed = "SAACX6EEOCWRARENHGKCYQF5YCBUZWWK6MJJQJXLHSB6H6QGDEQCWAGEOY"
    assert AccountKey.of(seed).public == "AAI6AUOAYZTTGP3BEBB7LHMCIVSVHZOA2CRYB22OGBPIVA2DIT6XZEHX"


@pytest.mark.parametrize(
    "spoil", [lambda s: "", lambda s: s[:-1], lambda s: s[:-2] + "AA", lambda s: "SU" + s[2:]]
)
def test_a_seed_with_a_slip_of_the_pen_is_refused(spoil: Any) -> None:
    with pytest.raises(ValueError, match="begins with SA"):
        AccountKey.of(spoil(AccountKey.new().seed))
