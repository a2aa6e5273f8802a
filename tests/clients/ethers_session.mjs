// What ethers sees of a running account chain; run by itself, prints JSON.
// It must not import anything of ours: it stands for somebody else's program.
import { createMPT, verifyMPTWithMerkleProof } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { ethers } from "ethers";

const { port, key, factory, receiver } = JSON.parse(process.argv[2]);
const provider = new ethers.JsonRpcProvider(`http://127.0.0.1:${port}`, undefined, {
  pollingInterval: 200,
});
const wallet = new ethers.Wallet(key, provider);
const network = await provider.getNetwork();
const found = { chain_id: Number(network.chainId) };

// Who made the extra data: QBFT's RLP, decoded by another library than ours.
const block = await provider.getBlock(1);
const [vanity, validators, vote, round, seals] = RLP.decode(block.extraData);
found.extra_data = [vanity.length, validators.length, vote.length, round.length, seals.length];
found.made_by_a_validator = validators.some((each) => ethers.hexlify(each) === block.miner.toLowerCase());
const parent = await provider.getBlock(0);
found.parent = block.parentHash === parent.hash;
found.validators = await provider.send("qbft_getValidatorsByBlockNumber", ["0x1"]);

const before = await provider.getBalance(receiver);
const paid = await (await wallet.sendTransaction({ to: receiver, value: 456n })).wait();
found.payment = [
  paid.status,
  Number(paid.gasUsed),
  Number((await provider.getBalance(receiver)) - before),
];
const raw = await provider.getTransaction(paid.hash);
found.sender = raw.from === wallet.address;

const creator = new ethers.Contract(
  factory,
  ["function create(string,string,uint8,uint256,address) returns (address)"],
  wallet,
);
const settings = ["Slate", "SLT", 6, 1_000, ethers.ZeroAddress];
const address = await creator.create.staticCall(...settings);
found.created = (await (await creator.create(...settings)).wait()).status;
const token = new ethers.Contract(
  address,
  [
    "function transfer(address,uint256) returns (bool)",
    "function balanceOf(address) view returns (uint256)",
    "function name() view returns (string)",
    "event Transfer(address indexed from, address indexed to, uint256 value)",
  ],
  wallet,
);
const moved = await (await token.transfer(receiver, 88)).wait();
const [log] = moved.logs.map((each) => token.interface.parseLog(each));
found.transfer = [moved.status, log.args.from === wallet.address, Number(log.args.value)];
found.token = [Number(await token.balanceOf(receiver)), await token.name()];
found.logs = (await token.queryFilter("Transfer", 0, "latest")).length;
try {
  await token.transfer.staticCall(receiver, 8_888);
} catch (error) {
  found.revert = error.reason;
}
try {
  const again = { ...raw.toJSON(), to: receiver, value: 1n, nonce: raw.nonce };
  const request = {
    to: receiver, value: 1n, nonce: raw.nonce, chainId: network.chainId, gasLimit: 21_000n,
    maxFeePerGas: again.maxFeePerGas, maxPriorityFeePerGas: again.maxPriorityFeePerGas, type: 2,
  };
  await provider.broadcastTransaction(await wallet.signTransaction(request));
} catch (error) {
  found.replay = error.code;
}

// eth_getProof, verified by ethereumjs' trie: the account under the block's state root, the slot
// under the account's storage root; what is not there is proven absent; a changed node is refused.
const at = await provider.getBlock("latest");
const hex = ethers.toQuantity(at.number);
const slots = [ethers.toBeHex(2, 32), ethers.toBeHex(987_654_321, 32)];
const answer = await provider.send("eth_getProof", [address, slots, hex]);
const bytes = (nodes) => nodes.map((node) => ethers.getBytes(node));
const hash = (data) => ethers.getBytes(ethers.keccak256(data));
const header = await provider.send("eth_getBlockByNumber", [hex, false]);
const prove = async (root, path, nodes) =>
  verifyMPTWithMerkleProof(
    await createMPT({ root: ethers.getBytes(root), useKeyHashing: false }),
    ethers.getBytes(root), hash(path), bytes(nodes),
  );
const record = RLP.decode(await prove(header.stateRoot, address, answer.accountProof));
found.account = [
  Number(ethers.toBigInt(record[0].length ? record[0] : "0x00")),
  ethers.hexlify(record[2]) === answer.storageHash,
  ethers.hexlify(record[3]) === answer.codeHash,
];
const [supply, nothing] = answer.storageProof;
const word = await prove(answer.storageHash, slots[0], supply.proof);
found.proven_supply = Number(ethers.toBigInt(RLP.decode(word)));
found.proven_absent = (await prove(answer.storageHash, slots[1], nothing.proof)) === null;
const spoilt = [...answer.accountProof];
const last = ethers.getBytes(spoilt[spoilt.length - 1]);
last[last.length - 1] ^= 1;
spoilt[spoilt.length - 1] = ethers.hexlify(last);
try {
  await prove(header.stateRoot, address, spoilt);
  found.spoilt = "taken";
} catch {
  found.spoilt = "refused";
}

const socket = new ethers.WebSocketProvider(`ws://127.0.0.1:${port}`);
const heads = [];
await new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no heads")), 30_000).unref();
  socket.on("block", (number) => {
    heads.push(number);
    if (heads.length === 3) resolve();
  });
});
found.heads = heads.map((number) => number - heads[0]);
await socket.destroy();
provider.destroy();
console.log(JSON.stringify(found));
