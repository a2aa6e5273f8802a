"""What mospy does with a running chain, over REST and over gRPC; run by itself, prints JSON.

It must not import anything of ours: it stands for somebody else's program.
"""

import json
import sys

from mospy import Account, Transaction
from mospy.clients import GRPCClient, HTTPClient

settings = json.loads(sys.argv[1])
account = Account(private_key=settings["key"], hrp=settings["prefix"])
if settings["way"] == "grpc":
    host, _, port = settings["grpc"].partition(":")
    client = GRPCClient(host=host, port=int(port), ssl=False)
else:
    client = HTTPClient(api=settings["rest"])


def payment(amount, gas):
    client.load_account_data(account=account)
    tx = Transaction(account=account, gas=gas, chain_id=settings["chain_id"], memo="from mospy")
    tx.set_fee(amount=5_000, denom=settings["denom"])
    tx.add_msg(
        tx_type="transfer",
        sender=account,
        recipient=settings["others"]["bob"],
        amount=amount,
        denom=settings["denom"],
    )
    return tx


tx = payment(77, 200_000)
used = client.estimate_gas(transaction=tx, update=True)
sent = client.broadcast_transaction(transaction=tx)
found = client.wait_for_tx(tx_hash=sent["hash"], poll_period=0.5)
response = found.get("tx_response") or found["txResponse"]
stale = client.broadcast_transaction(transaction=tx)
account.next_sequence = 99
wrong = Transaction(account=account, gas=200_000, chain_id=settings["chain_id"])
wrong.set_fee(amount=5_000, denom=settings["denom"])
wrong.add_msg(
    tx_type="transfer",
    sender=account,
    recipient=settings["others"]["bob"],
    amount=1,
    denom=settings["denom"],
)
refused = client.broadcast_transaction(transaction=wrong)
print(
    json.dumps(
        {
            "address": account.address,
            "used": used,
            "code": sent["code"],
            "committed": int(response.get("code", 0)),
            "gas_used": int(response.get("gas_used") or response["gasUsed"]),
            "stale": [stale["code"], stale["log"]],
            "refused": [refused["code"], refused["log"]],
        }
    )
)
