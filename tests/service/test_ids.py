"""Generated ids and secrets."""

import base64
import hashlib
import re

from service.ids import (
    is_process_id,
    new_delivery_id,
    new_process_id,
    new_token,
    new_webhook_secret,
    token_hash,
)

MANY = 2000


def test_process_ids_are_nanoids_that_use_the_whole_alphabet() -> None:
    ids = {new_process_id() for _ in range(MANY)}
    assert len(ids) == MANY
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{21}", name) for name in ids)
    assert len(set("".join(ids))) == 64
    for place in (0, 20):
        assert len({name[place] for name in ids}) == 64


def test_what_could_be_a_process_id() -> None:
    assert is_process_id(new_process_id())
    assert is_process_id("Fcl_b6psriLi7lBYAshhp")
    for text in ("", "a" * 20, "a" * 22, "a" * 20 + "\n", "a" * 20 + "\0", "é" * 21, "１" * 21):
        assert not is_process_id(text)


def test_tokens_have_a_prefix_and_256_random_bits() -> None:
    tokens = {new_token() for _ in range(MANY)}
    assert len(tokens) == MANY
    for token in tokens:
        assert token.startswith("drk_")
        assert len(base64.urlsafe_b64decode(token.removeprefix("drk_") + "=")) == 32


def test_only_a_hash_of_a_token_is_stored() -> None:
    assert token_hash("drk_x") == hashlib.sha256(b"drk_x").digest()
    assert len({token_hash(text) for text in ("a", "b", "é", "\udcff", "")}) == 5


def test_webhook_secrets_have_the_form_of_standard_webhooks() -> None:
    secrets = {new_webhook_secret() for _ in range(MANY)}
    assert len(secrets) == MANY
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_a_delivery_id_is_one_word_without_a_dot() -> None:
    assert re.fullmatch(r"msg_[A-Za-z0-9_-]{21}", new_delivery_id())
