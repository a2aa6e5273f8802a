"""What web3.py sees of a running account chain; run by itself, prints JSON.

    python web3_session.py PORT PRIVATE_KEY FACTORY

It must not import anything of ours: it stands for somebody else's program.
"""

import asyncio
import json
import sys
import time

import rlp
from eth_account import Account
from eth_utils import keccak
from trie import HexaryTrie
from web3 import AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.exceptions import ContractLogicError, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware

PORT, KEY, FACTORY = sys.argv[1:]
RECEIVER = Web3.to_checksum_address("0x" + "00" * 19 + "aa")
NOBODY = "0x" + "00" * 20
DEADLINE_S = 30


def entry(name, inputs, outputs, *, view=False):
    return {
        "name": name,
        "type": "function",
        "stateMutability": "view" if view else "nonpayable",
        "inputs": [{"name": f"a{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": kind} for kind in outputs],
    }


TRANSFER_EVENT = {
    "anonymous": False,
    "name": "Transfer",
    "type": "event",
    "inputs": [
        {"indexed": True, "name": "from", "type": "address"},
        {"indexed": True, "name": "to", "type": "address"},
        {"indexed": False, "name": "value", "type": "uint256"},
    ],
}
TOKEN_ABI = [
    entry("transfer", ["address", "uint256"], ["bool"]),
    entry("balanceOf", ["address"], ["uint256"], view=True),
    entry("name", [], ["string"], view=True),
    TRANSFER_EVENT,
]
FACTORY_ABI = [entry("create", ["string", "string", "uint8", "uint256", "address"], ["address"])]

w3 = Web3(HTTPProvider(f"http://127.0.0.1:{PORT}"))
w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
account = Account.from_key(KEY)
found = {"chain_id": w3.eth.chain_id, "version": w3.net.version, "peers": w3.net.peer_count}


def settle(fields):
    signed = account.sign_transaction(fields)
    sent = w3.eth.send_raw_transaction(signed.raw_transaction)
    return w3.eth.wait_for_transaction_receipt(sent, timeout=DEADLINE_S)


def send(call):
    nonce = w3.eth.get_transaction_count(account.address)
    return settle(call.build_transaction({"from": account.address, "nonce": nonce}))


def pay():
    fields = {
        "to": RECEIVER,
        "value": 123,
        "nonce": w3.eth.get_transaction_count(account.address),
        "chainId": w3.eth.chain_id,
        "maxPriorityFeePerGas": w3.eth.max_priority_fee,
        "maxFeePerGas": 2 * w3.eth.gas_price,
    }
    fields["gas"] = w3.eth.estimate_gas({**fields, "from": account.address})
    receipt = settle(fields)
    found["payment"] = [receipt.status, receipt.gasUsed, w3.eth.get_balance(RECEIVER)]
    try:
        w3.eth.send_raw_transaction(account.sign_transaction(fields | {"value": 1}).raw_transaction)
    except Web3RPCError as error:
        found["replay"] = error.rpc_response["error"]


def use_token():
    create = w3.eth.contract(address=FACTORY, abi=FACTORY_ABI).functions.create
    call = create("Stone", "STN", 6, 1_000, NOBODY)
    address = call.call({"from": account.address})
    found["created"] = send(call).status
    token = w3.eth.contract(address=address, abi=TOKEN_ABI)
    receipt = send(token.functions.transfer(RECEIVER, 77))
    (log,) = token.events.Transfer().process_receipt(receipt)
    found["transfer"] = [receipt.status, log.args["from"] == account.address, log.args.value]
    found["token"] = [token.functions.balanceOf(RECEIVER).call(), token.functions.name().call()]
    found["logs"] = len(token.events.Transfer().get_logs(from_block=0))
    try:
        token.functions.transfer(RECEIVER, 7_777).call({"from": account.address})
    except ContractLogicError as error:
        found["revert"] = str(error.message)
    return address


def prove(address):
    block = w3.eth.get_block("latest")
    found["extra_data"] = len(block.proofOfAuthorityData) > 32
    answer = w3.eth.get_proof(address, [2], block.number)
    nodes = [rlp.decode(bytes(node)) for node in answer.accountProof]
    key = keccak(bytes.fromhex(address[2:]))
    record = rlp.decode(HexaryTrie.get_from_proof(block.stateRoot, key, nodes))
    (slot,) = answer.storageProof
    nodes = [rlp.decode(bytes(node)) for node in slot.proof]
    word = HexaryTrie.get_from_proof(record[2], keccak((2).to_bytes(32, "big")), nodes)
    found["proven_supply"] = int.from_bytes(rlp.decode(word), "big")


async def listen():
    async with (
        asyncio.timeout(DEADLINE_S),
        AsyncWeb3(WebSocketProvider(f"ws://127.0.0.1:{PORT}")) as socket,
    ):
        socket.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        await socket.eth.subscribe("newHeads")
        heads = []
        async for message in socket.socket.process_subscriptions():
            heads.append(message["result"]["number"])
            if len(heads) == 3:
                break
        found["heads"] = [number - heads[0] for number in heads]


deadline = time.monotonic() + DEADLINE_S
while w3.eth.block_number < 2:
    assert time.monotonic() < deadline, "no blocks"
    time.sleep(0.2)
pay()
prove(use_token())
asyncio.run(listen())
print(json.dumps(found))
