"""The real relayer between the account chain and a zone: sealed headers, proofs, coins home."""

import pytest

from chainkit.primitives.types import ChannelId, PortId
from ibc.ics04_channel.types import ChannelState
from ibc.ics20_transfer.denoms import TracedDenom
from ibc.ics20_transfer.state import escrow_address
from parachains.account.addresses import voucher_address
from parachains.account.user import AccountUser
from parachains.account.world import World
from parachains.sdk.users import PacketKey, PacketStep
from tests.account_relayed import Joined
from tests.account_worlds import ETHER, NATIVE, PREFIX, SAM

CHANNEL = ChannelId("channel-0")
ESCROW = escrow_address(PortId("transfer"), CHANNEL)


@pytest.fixture
async def joined():
    opened = Joined()
    await opened.settle()
    assert opened.failures() == []
    for chain in opened.chains:
        channels = await chain.client().channels("connection-0")
        assert [channel.end.state for channel in channels] == [ChannelState.OPEN]
    return opened


async def test_coins_go_over_and_come_home(joined) -> None:
    """Wei into escrow, vouchers on the zone by the QBFT client's proof; back: paid out exactly."""
    account, ann = joined.account, joined.zone.users["ann"].address
    await joined.from_account(SAM, ann, NATIVE, 5 * ETHER)
    world = World(account.node.chain.ledger.state.overlay())
    assert world.balance(ESCROW) == 5 * ETHER
    await joined.settle()
    vouchers = {d: a for d, a in (await joined.zone_balances(ann)).items() if d[:4] == "ibc/"}
    assert list(vouchers.values()) == [5 * ETHER]

    before = account.balance(SAM)
    await joined.from_zone(account.text(SAM), next(iter(vouchers)), 2 * ETHER)
    await joined.settle()
    assert joined.failures() == []
    assert account.balance(SAM) == before + 2 * ETHER
    world = World(account.node.chain.ledger.state.overlay())
    assert world.balance(ESCROW) == 3 * ETHER

    await joined.from_zone(account.text(SAM), "stone", 700)
    await joined.settle()
    voucher = TracedDenom("stone").arrived_by(PortId("transfer"), CHANNEL).local_denom()
    client = account.client(SAM)
    (held,) = await client.rpc.read(
        voucher_address(voucher), "balanceOf(address)", (SAM.address,), ("uint256",)
    )
    assert held == 700
    user = AccountUser(client, account, PREFIX, NATIVE)
    told = await user.ask("balances", {"address": account.text(SAM)})
    assert {each["denom"]: int(each["amount"]) for each in told["balances"]} == {
        NATIVE: account.balance(SAM),
        voucher: 700,
    }
    key = PacketKey(PortId("transfer"), CHANNEL, 1)
    (sent,) = await user.packet_events(PacketStep.SENT, key, ("transfer", CHANNEL))
    assert await user.packets_sent_by(sent.tx_hash) == (key,)
    assert joined.failures() == []
    assert len({node.chain.ledger.state.root for node in account.network.nodes}) == 1


async def test_a_zone_s_timeout_is_proven_by_absence(joined) -> None:
    """The zone refunds by an exclusion proof in the account chain's tries; so does this chain."""
    account, ann = joined.account, joined.zone.users["ann"].address
    before, wei = (await joined.zone_balances(ann))["stone"], account.balance(SAM)
    await joined.from_zone(account.text(SAM), "stone", 700, timeout_s=2)
    await joined.from_account(SAM, ann, NATIVE, ETHER, timeout_s=2)
    fee = wei - ETHER - account.balance(SAM)
    for chain in (account, joined.zone) * 3:
        chain.block()
    assert (await joined.zone_balances(ann))["stone"] == before - 700
    await joined.settle()
    assert joined.failures() == []
    assert (await joined.zone_balances(ann))["stone"] == before
    assert account.balance(SAM) == wei - fee
