"""`darkroom tokens`: lists the tokens of services, and revokes one."""

import click

from service.commands.administration.records import list_of, with_store
from service.commands.exits import fail
from service.commands.output import print_rows, takes_json
from service.ids import token_hash
from service.settings import read_settings, variable
from service.store import Store

PREFIX = "drk_"
ID_LENGTH = 12  # of the 64 hexadecimal digits of a token's SHA-256


@click.group()
def tokens() -> None:
    """List the tokens of services and revoke leaked ones.

    Darkroom stores only the SHA-256 of a token; its first 12 digits are the id of the token.
    `services rotate-token` creates a new token.
    """


@tokens.command("list")
@click.argument("service_id", type=int, required=False)
@takes_json
def list_tokens(service_id: int | None, as_json: bool) -> None:
    """List the tokens of one service or of all."""
    rows = list_of(service_id, lambda store: store.administration.tokens(service_id))
    print_rows(rows, ["id", "service_id", "created_at"], as_json=as_json)


@tokens.command()
@click.argument("token")
def revoke(token: str) -> None:
    """Revoke a token.

    TOKEN is a token, or its id as `tokens list` shows it. APIs cache tokens: each rejects it after
    DARKROOM_TOKEN_CACHE_SECONDS (5) at the latest.
    """
    token_id = token_hash(token).hex()[:ID_LENGTH] if token.startswith(PREFIX) else token

    async def work(store: Store) -> str:
        revoked = await store.administration.revoke_token(token_id)
        if revoked is None:
            return ""
        owner = await store.services.get(revoked.service_id)
        name = f"{revoked.service_id} ({owner.name})" if owner else str(revoked.service_id)
        return f"Revoked {token_id} of service {name}, which has {revoked.left_over} left."

    revoked = with_store(work)
    if not revoked:
        fail(f"There is no token {token_id}; `darkroom tokens list` lists all.")
    cached = variable("token_cache_seconds")
    click.echo(
        f"{revoked} No API accepts it after {read_settings().token_cache_seconds:g} s ({cached})."
    )
