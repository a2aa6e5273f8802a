"""Verifying a block's signatures before it is executed, on every processor.

Execution goes from transaction to transaction, since each sees what the last one wrote, and its
ante asks for one signature at a time. What is found valid here is remembered, so that the ante
finds it; what is not found there is verified there as ever. So results never depend on this.
"""

from collections.abc import Iterable
from dataclasses import replace

from chainkit.primitives.hashing import sha256
from chainkit.runtime.ante import AnteRules
from chainkit.runtime.context import Context
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.transaction import SIGN_MODE_DIRECT, Transaction
from chainkit.runtime.tx_codec import sign_bytes
from chainkit.sigverify import secp256k1
from chainkit.sigverify.verified import MAX_REMEMBERED_SIGNATURES

MAX_AHEAD = MAX_REMEMBERED_SIGNATURES // 2
"""More would drop the first of them before they are asked for."""


def verify_ahead(ctx: Context, rules: AnteRules, txs: Iterable[Transaction]) -> None:
    """Verify the transactions' signatures in threads, and remember those that are valid.

    Only signers with their key in the transaction and an account at the block's begin; nothing
    is written, and no gas is taken.
    """
    reading = replace(ctx, gas=GasMeter(None))
    items = []
    for tx in txs:
        for info, signature in zip(tx.signer_infos, tx.signatures, strict=False):
            if info.mode != SIGN_MODE_DIRECT or not info.public_key:
                continue
            address = secp256k1.secp256k1_address(info.public_key)
            account = rules.accounts.account(reading, address)
            if account is not None:
                document = sign_bytes(
                    tx.body_bytes, tx.auth_info_bytes, ctx.chain_id, account.number
                )
                items.append((info.public_key, sha256(document), signature))
    secp256k1.verify_items(tuple(items[:MAX_AHEAD]))
