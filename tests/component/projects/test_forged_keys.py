"""API keys that look right and are not: all are answered like no key at all, byte for byte."""

from uuid import uuid4

import httpx2 as httpx

from libs.access.api_keys import hash_of
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_api_keys import issue

PATH = f"/v1/projects/{uuid4()}"


async def answer_to(program: httpx.AsyncClient, text: str | None) -> tuple[int, str]:
    """Status and body, without the trace id, of a request with that token."""
    headers = {} if text is None else {"Authorization": f"Bearer {text}"}
    answer = await program.get(PATH, headers=headers)
    return answer.status_code, answer.text.replace(str(answer.json()["trace_id"]), "")


async def test_a_key_that_is_not_the_one_that_was_issued_opens_nothing(founded: Clients) -> None:
    owner, program = founded(OWNER), founded(OWNER)
    del program.headers["Authorization"]
    first, second = await issue(owner), await issue(owner)
    text, other = first["secret"], second["secret"].rpartition("_")[2]
    org, key_id, secret = text[4:36], text[36:68], text[69:]
    revoked = await issue(owner)
    said = await owner.post(f"/v1/api-keys/{revoked['api_key_id']}/revoke", json={})
    assert said.is_success, said.text
    forged = {
        "another organization": f"mpk_{uuid4().hex}{key_id}_{secret}",
        "another key of the organization": f"mpk_{org}{uuid4().hex}_{secret}",
        "organization and key exchanged": f"mpk_{key_id}{org}_{secret}",
        "the organization's own id as key": f"mpk_{org}{org}_{secret}",
        "the owner's id as key": f"mpk_{org}{OWNER.hex}_{secret}",
        "the secret of another key": f"mpk_{org}{key_id}_{other}",
        "a secret of zeros": f"mpk_{org}{key_id}_{'0' * 64}",
        "the hash of the secret": f"mpk_{org}{key_id}_{hash_of(secret)}",
        "a secret in capitals": f"mpk_{org}{key_id}_{secret.upper()}",
        "one digit less": text[:-1],
        "one digit more": text + "0",
        "a revoked key": revoked["secret"],
    }
    nobody = await answer_to(program, None)
    assert nobody[0] == 401
    for name, each in forged.items():
        assert await answer_to(program, each) == nobody, name
    assert (await answer_to(program, text))[0] == 404
