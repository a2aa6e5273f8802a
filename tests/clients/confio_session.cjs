// What @confio/relayer, somebody else's IBC relayer, does between two running chains.
// Run by itself with Node; prints JSON on its last line.
//
// mode "open": new clients, a connection and a transfer channel, every step proven by it.
// mode "relay": packets and acknowledgements of both sides over that connection.
// In both, @confio/ics23 verifies proofs that the chains give for what is there.

const { createRequire } = require("module");
const { IbcClient, Link } = require("@confio/relayer");
// The relayer's own cosmjs, not another release of it.
const inner = createRequire(require.resolve("@confio/relayer"));
const { DirectSecp256k1Wallet } = inner("@cosmjs/proto-signing");
const { GasPrice } = inner("@cosmjs/stargate");
const { fromHex, toAscii } = inner("@cosmjs/encoding");
const { ics23, iavlSpec, tendermintSpec, verifyExistence, verifyNonExistence } =
  require("@confio/ics23");

const settings = JSON.parse(process.argv[2]);

async function connect(chain) {
  const signer = await DirectSecp256k1Wallet.fromKey(fromHex(chain.key), chain.prefix);
  return IbcClient.connectWithSigner(chain.rpc, signer, chain.address, {
    gasPrice: GasPrice.fromString(`0.01${chain.denom}`),
    estimatedBlockTime: 600,
    estimatedIndexerTime: 60,
  });
}

// The value at a key is under the application hash that the next header carries: the store's
// tree proves the key, the tree of stores proves the store.
async function verified(client, path) {
  const height = (await client.currentHeight()) - 1;
  const answer = await client.query.queryRawProof
    ? await client.tm.abciQuery({
        path: "/store/ibc/key", data: toAscii(path), height, prove: true,
      })
    : undefined;
  const header = await client.header(height + 1);
  const [store, stores] = answer.proof.ops.map((op) => ics23.CommitmentProof.decode(op.data));
  const root = stores.exist.value;
  if (answer.value.length) {
    verifyExistence(store.exist, iavlSpec, root, toAscii(path), answer.value);
  } else {
    verifyNonExistence(store.nonexist, iavlSpec, root, toAscii(path));
  }
  verifyExistence(stores.exist, tendermintSpec, header.appHash, toAscii("ibc"), root);
  return answer.value.length;
}

async function main() {
  const [a, b] = await Promise.all([connect(settings.a), connect(settings.b)]);
  const result = {};
  if (settings.mode === "open") {
    const link = await Link.createWithNewConnections(a, b);
    const pair = await link.createChannel("A", "transfer", "transfer", 1, "ics20-1");
    result.clients = [link.endA.clientID, link.endB.clientID];
    result.connections = [link.endA.connectionID, link.endB.connectionID];
    result.channels = [pair.src.channelId, pair.dest.channelId];
  } else {
    const [connectionA, connectionB] = settings.connections;
    const link = await Link.createWithExistingConnections(a, b, connectionA, connectionB);
    const pending = [await link.getPendingPackets("A"), await link.getPendingPackets("B")];
    const relayed = await link.relayAll();
    result.pending = pending.map((each) => each.length);
    result.packets = [relayed.packetsFromA, relayed.packetsFromB];
    const text = (ack) => Buffer.from(ack.acknowledgement).toString();
    result.acknowledgements = [relayed.acksFromA.map(text), relayed.acksFromB.map(text)];
    const left = [await link.getPendingPackets("A"), await link.getPendingPackets("B")];
    result.left = left.map((each) => each.length);
  }
  result.proven = [];
  for (const client of [a, b]) {
    for (const path of settings.paths) {
      result.proven.push(await verified(client, path));
    }
  }
  console.log(JSON.stringify(result));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
