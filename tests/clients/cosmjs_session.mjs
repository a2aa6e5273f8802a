// What @cosmjs/stargate does with a running chain: pays, transfers over IBC, reads.
// Run by itself with Node; prints JSON on its last line.

import { DirectSecp256k1Wallet } from "@cosmjs/proto-signing";
import { fromHex } from "@cosmjs/encoding";
import { GasPrice, SigningStargateClient, calculateFee } from "@cosmjs/stargate";
import { connectComet } from "@cosmjs/tendermint-rpc";
import { TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";

const settings = JSON.parse(process.argv[2]);

async function connect(chain) {
  const signer = await DirectSecp256k1Wallet.fromKey(fromHex(chain.key), chain.prefix);
  const gasPrice = GasPrice.fromString(`0.01${chain.denom}`);
  const options = { gasPrice, broadcastPollIntervalMs: 200 };
  const client = await SigningStargateClient.connectWithSigner(chain.rpc, signer, options);
  return client;
}

async function bank(chain) {
  const client = await connect(chain);
  const bob = chain.others.bob;
  const before = BigInt((await client.getBalance(bob, chain.denom)).amount);
  const amount = [{ denom: chain.denom, amount: "4321" }];
  // "auto" simulates the gas; the second is sent before the first is in a block.
  const paid = await client.sendTokens(chain.address, bob, amount, "auto", "from cosmjs");
  const fee = calculateFee(200000, `0.01${chain.denom}`);
  const hashes = [];
  const start = await client.getSequence(chain.address);
  for (let next = 0; next < 3; next += 1) {
    const message = {
      typeUrl: "/cosmos.bank.v1beta1.MsgSend",
      value: { fromAddress: chain.address, toAddress: bob, amount },
    };
    const signerData = {
      accountNumber: start.accountNumber,
      sequence: start.sequence + next,
      chainId: chain.chain_id,
    };
    const signed = await client.sign(chain.address, [message], fee, "", signerData);
    hashes.push(await client.broadcastTxSync(TxRaw.encode(signed).finish()));
  }
  const found = [];
  while (found.length < hashes.length) {
    const tx = await client.getTx(hashes[found.length]);
    if (tx) found.push(tx);
    else await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const comet = await connectComet(chain.rpc);
  const block = await client.getBlock(paid.height);
  const listed = await client.searchTx([{ key: "message.sender", value: chain.address }]);
  let refused = "";
  try {
    const much = [{ denom: chain.denom, amount: "9".repeat(30) }];
    await client.sendTokens(chain.address, bob, much, "auto");
  } catch (error) {
    refused = String(error);
  }
  return {
    code: paid.code,
    arrived: Number(BigInt((await client.getBalance(bob, chain.denom)).amount) - before),
    codes: found.map((tx) => tx.code),
    heights: found.map((tx) => tx.height),
    block: [block.header.chainId, block.txs.length],
    listed: listed.length,
    nobody: await client.getAccount(chain.nobody),
    all: (await client.getAllBalances(bob)).length,
    validators: (await comet.validatorsAll(paid.height)).total,
    results: (await comet.blockResults(paid.height)).results.length,
    refused,
  };
}

async function transfer(chain, other, channel) {
  const client = await connect(chain);
  const token = { denom: chain.denom, amount: "1000" };
  const soon = Math.floor(Date.now() / 1000) + 600;
  const sent = await client.sendIbcTokens(
    chain.address, other.address, token, "transfer", channel, undefined, soon, "auto", "",
  );
  return sent.code;
}

async function holdings(chain) {
  const client = await connect(chain);
  const found = {};
  for (const coin of await client.getAllBalances(chain.address)) found[coin.denom] = coin.amount;
  return found;
}

const { a, b } = settings;
let result;
if (settings.mode === "bank") {
  result = await bank(a);
} else if (settings.mode === "transfer") {
  const [channelA, channelB] = settings.channels;
  result = [await transfer(a, b, channelA), await transfer(b, a, channelB)];
} else {
  result = [await holdings(a), await holdings(b)];
}
console.log(JSON.stringify(result));
process.exit(0);
