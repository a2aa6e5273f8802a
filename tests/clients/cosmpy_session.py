"""What cosmpy does with a running chain, over REST and over gRPC; run by itself, prints JSON.

It must not import anything of ours: it stands for somebody else's program.
"""

import json
import sys

from cosmpy.aerial.client import LedgerClient, NetworkConfig
from cosmpy.aerial.wallet import LocalWallet
from cosmpy.crypto.address import Address
from cosmpy.crypto.keypairs import PrivateKey

settings = json.loads(sys.argv[1])
url = f"grpc+http://{settings['grpc']}" if settings["way"] == "grpc" else f"rest+{settings['rest']}"
client = LedgerClient(
    NetworkConfig(
        chain_id=settings["chain_id"],
        url=url,
        fee_minimum_gas_price=0.01,
        fee_denomination=settings["denom"],
        staking_denomination=settings["denom"],
    ),
    query_interval_secs=1,
)
wallet = LocalWallet(PrivateKey(bytes.fromhex(settings["key"])), prefix=settings["prefix"])
bob = Address(settings["others"]["bob"])
before = client.query_bank_balance(bob)
sent = client.send_tokens(bob, 1234, settings["denom"], wallet, memo="from cosmpy")
sent.wait_to_complete()
found = client.query_tx(sent.tx_hash)
block = client.query_latest_block()
result = {
    "address": str(wallet.address()),
    "arrived": client.query_bank_balance(bob) - before,
    "height": found.height,
    "code": found.code,
    "gas": [found.gas_used, found.gas_wanted],
    "events": sorted(found.events),
    "all": len(client.query_bank_all_balances(bob)),
    "sequence": client.query_account(wallet.address()).sequence,
    "chain_id": block.chain_id,
    "max_bytes": client.query_consensus_params().params.block.max_bytes,
    "latest": block.height,
    "validators": [each.moniker for each in client.query_validators()]
    if settings["staking"]
    else [],
    "sdk": str(client.query_node_info().cosmos_sdk_version),
}
try:
    client.query_account(Address(settings["nobody"]))
except Exception as error:  # noqa: BLE001 - the kind differs by transport; the text is judged
    result["nobody"] = str(error)
print(json.dumps(result))
