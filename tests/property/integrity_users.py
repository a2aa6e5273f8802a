"""What honest users, chains behind zones and curious ones do in the random nets."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chainkit.primitives.hashing import sha256
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.isthmus.datagram.v1 import datagram_pb2
from chainkit.wire.proto.isthmus.htlc.v1 import htlc_pb2
from ibc.testing.path import sent_packets
from tests.property.integrity_actions import Actions
from tests.property.integrity_judge import local
from tests.property.integrity_world import SECOND, TERMS, USERS
from tests.unit.ibc_worlds import transfer_message

AMOUNT = st.integers(1, 40)


class Users(Actions):
    """Moves that a user of some chain can make."""

    @rule(data=st.data(), amount=AMOUNT, hurry=st.booleans())
    def a_zone_sends_its_own(self, data, amount: int, hurry: bool) -> None:
        zone, _ = self.low_and_high(data)
        self.up(zone, f"u{zone}", amount, self.memo(data), hurry=hurry)

    @rule(data=st.data(), amount=AMOUNT, hurry=st.booleans())
    def a_zone_sends_what_came_from_others(self, data, amount: int, hurry: bool) -> None:
        zone = data.draw(st.sampled_from(self.zones))
        chain = self.net.chains[zone]
        held = [
            name
            for denom in self.traces
            if chain.balance("alice", name := self.net.voucher(zone, denom, self.traces))
        ]
        if held:
            denom = data.draw(st.sampled_from(held))
            amount = min(amount, chain.balance("alice", denom))
            self.up(zone, denom, amount, self.memo(data), hurry=hurry)

    @rule(data=st.data(), amount=AMOUNT)
    def a_chain_behind_a_zone_sends_on(self, data, amount: int) -> None:
        if self.leaves:
            leaf = data.draw(st.sampled_from(sorted(self.leaves)))
            zone = self.leaves[leaf]
            path = next(
                p for p in self.net.paths if self.net.chains[leaf] in (p.a.chain, p.b.chain)
            )
            onward = {
                "receiver": self.net.text("hub", "bob"),
                "port": "transfer",
                "channel": self.net.hub.paths[zone].b.channel_id,
                "next": json.loads(self.memo(data) or "{}"),
            }
            if not onward["next"]:
                del onward["next"]
            message = transfer_message(
                path.b, "alice", self.net.text(zone, "alice"), f"u{leaf}", amount,
                memo=json.dumps({"forward": onward}),
            )  # fmt: skip
            self.net.execute(path.b.chain, message)
            self.settle()

    @rule(data=st.data(), amount=AMOUNT, hurry=st.booleans())
    def a_user_of_the_hub_sends(self, data, amount: int, hurry: bool) -> None:
        user = data.draw(st.sampled_from(USERS))
        held = [denom for denom in sorted(self.traces) if self.hub.balance(user, denom)]
        if held:
            denom, zone = data.draw(st.sampled_from(held)), self.low_and_high(data)[1]
            end = self.net.hub.paths[zone].a
            amount = min(amount, self.hub.balance(user, denom))
            timeout = data.draw(st.sampled_from((5, 10_000))) * SECOND
            receiver = self.net.text(zone, "alice")
            message = transfer_message(end, user, receiver, denom, amount, timeout_ns=timeout)
            events = self.net.execute(self.hub, message)
            self.hub_did(events)
            self.settle(hurry)

    @rule(data=st.data(), first=AMOUNT, second=AMOUNT)
    def users_of_the_hub_swap(self, data, first: int, second: int) -> None:
        """Each gives the other what it holds: labels follow the assets."""
        for giver, taker, amount in (("bob", "carol", first), ("carol", "bob", second)):
            denom = data.draw(st.sampled_from(sorted(self.traces)))
            held = self.hub.balance(giver, denom)
            if held:
                self.give(giver, taker, denom, min(amount, held))

    @rule(data=st.data(), upward=st.booleans())
    def data_are_sent(self, data, upward: bool) -> None:
        """Plain data: an oracle's value, a proposal, a name."""
        zone = data.draw(st.sampled_from(self.zones[:2]))
        path = self.plain[zone]
        end = path.b if upward else path.a
        message = datagram_pb2.MsgSendDatagram(
            sender=end.chain.text(end.chain.account("alice")),
            source_channel=end.channel_id,
            data=b"1 ether is 3000",
            timeout_timestamp=end.chain.time + 10_000 * SECOND,
        )
        events = self.net.execute(end.chain, message)
        if not upward and events is not None:
            self.expect(
                self.judge.levels[zone] <= self.judge.levels["hub"], "data went above the hub"
            )
            self.expect(zone not in self.judge.isolated, "data went to a chain that is cut off")
        self.settle()

    @rule(data=st.data(), right=st.booleans())
    def a_preimage_is_brought(self, data, right: bool) -> None:
        """Of a lock of Bob's for Carol, or 32 bytes that open nothing."""
        zone = data.draw(st.sampled_from(self.zones[:2]))
        path = self.locks[zone]
        secret = data.draw(st.binary(min_size=32, max_size=32))
        if right and sha256(secret) not in self.secrets:
            message = htlc_pb2.MsgLock(
                sender=self.net.text("hub", "bob"),
                receiver=self.net.text("hub", "carol"),
                amount=coin_pb2.Coin(denom="ubond", amount="1"),
                hash=sha256(secret),
                expires_at=self.hub.time // SECOND + 100_000,
            )
            if self.net.execute(self.hub, message) is not None:
                self.secrets[sha256(secret)] = True
        before = self.hub.balance("carol", "ubond")
        zone_chain = path.b.chain
        events = self.net.execute(
            zone_chain,
            htlc_pb2.MsgSendPreimage(
                sender=zone_chain.text(zone_chain.account("alice")),
                source_channel=path.b.channel_id,
                preimage=secret,
                timeout_timestamp=zone_chain.time + 10_000 * SECOND,
            ),
        )
        fate = self.net.fates[self.net.key(sent_packets(events)[0], zone)]
        self.deliver(fate)
        opened = fate.state == "in"
        self.expect(self.hub.balance("carol", "ubond") - before == int(opened), "a wrong payment")
        self.settle()

    # --- ways that labels must follow ---------------------------------------------------

    @rule(
        data=st.data(),
        amount=st.integers(2, 40),
        kind=st.sampled_from(("on", "next", "odd")),
        mode=st.sampled_from((0, 1)),
    )
    def an_asset_returns_home_from_below(self, data, amount: int, kind: str, mode: int) -> None:
        """With nothing but a receiver it may; with a memo or an odd receiver never."""
        pair = self.falling(data)
        if pair is None:
            return
        high, low = pair
        self.up(high, f"u{high}", amount, self.onward(low))
        denom = self.net.voucher(low, self.on_hub(high), self.traces)
        if self.net.chains[low].balance("alice", denom):
            self.policy(high, mode)
            self.up(low, denom, amount // 2, self.onward(high, kind))
            self.policy(high, 0)

    @rule(
        data=st.data(),
        amount=AMOUNT,
        way=st.sampled_from(("straight", "gift", "escrow", "return", "refund")),
    )
    def a_low_token_tries_to_rise(self, data, amount: int, way: str) -> None:
        """From the hub: straight, as a gift, after some time in an escrow, or by a refund."""
        low, high = self.low_and_high(data)
        self.up(low, f"u{low}", amount)
        denom, user = self.on_hub(low), "bob"
        amount = min(amount, self.hub.balance("bob", denom))
        others = [zone for zone in self.free() if zone not in {low, high}]
        if not amount:
            return
        if way == "gift":
            self.give("bob", "carol", denom, amount)
            user = "carol"
        elif way != "straight" and others:
            middle = data.draw(st.sampled_from(others))
            if self.judge.levels[middle] > self.judge.levels[low]:
                self.cap(middle, self.judge.levels[low])
            self.down("bob", middle, denom, amount, to="nobody" if way == "refund" else "")
            there = self.net.voucher(middle, denom, self.traces)
            held = self.net.chains[middle].balance("alice", there)
            if held:
                self.up(middle, there, held, self.onward(high) if way == "escrow" else "")
        if self.hub.balance(user, denom):
            self.down(user, high, denom, min(amount, self.hub.balance(user, denom)))

    @rule(data=st.data())
    def tokens_of_two_labels_become_one_lot(self, data) -> None:
        """A zone falls between its deposits: what they became together is of the lower label."""
        pair = self.falling(data)
        if pair is None:
            return
        zone, target = pair
        for _ in range(4):
            self.up(zone, f"u{zone}", 1)
            self.hub.commit()
        self.cap(zone, self.judge.levels[target] - 1)
        self.up(zone, f"u{zone}", 3)
        self.hub.commit()
        for amount in (4, 3, 2, 1):
            if self.hub.balance("bob", self.on_hub(zone)) >= amount:
                self.down("bob", target, self.on_hub(zone), amount)

    @rule(
        data=st.data(), mode=st.sampled_from((1, 2)), what=st.sampled_from(("data", "lot", "word"))
    )
    def a_port_takes_low_data(self, data, mode: int, what: str) -> None:
        """Its channel is not strict: from then on it passes nothing up."""
        pair = self.falling(data)
        others = [zone for zone in self.free() if pair and zone not in pair]
        if pair is None or not others:
            return
        source, target = pair
        if what == "lot":
            # Of which no unit ever came that was good enough: then the lot was low for certain.
            best = {zone: self.judge.best(self.on_hub(zone)) for zone in others}
            others = [zone for zone in others if best[zone] < self.judge.levels[target]]
        if not others:
            return
        low = data.draw(st.sampled_from(others))
        if self.judge.levels[low] >= self.judge.levels[target]:
            self.cap(low, self.judge.levels[target] - 1)
        token = f"u{low}"
        if what == "word":
            # A high chain's token, but who gets it is the low chain's word.
            self.up(target, f"u{target}", 3, self.onward(low))
            token = self.net.voucher(low, self.on_hub(target), self.traces)
        self.policy(source, mode)
        if self.net.chains[low].balance("alice", token) >= 3:
            self.up(low, token, 3, "" if what == "lot" else self.onward(source))
        if what == "lot" and self.hub.balance("bob", self.on_hub(low)) >= 3:
            self.down("bob", source, self.on_hub(low), 3)
        self.up(source, f"u{source}", 5, self.onward(target))
        self.policy(source, 0)

    @rule(data=st.data(), amount=st.integers(1, 9))
    def a_user_gives_to_an_escrow(self, data, amount: int) -> None:
        """What nobody has to give back covers no zone's inflation."""
        self.gift(data.draw(st.sampled_from(self.zones)), amount)

    @rule(blocks=st.integers(1, 30))
    def time_passes(self, blocks: int) -> None:
        for chain in self.net.chains.values():
            chain.commit(blocks)

    @rule(epochs=st.integers(1, 3))
    def epochs_pass(self, epochs: int) -> None:
        self.hub.commit(epochs * TERMS.epoch)

    def on_hub(self, zone: str) -> str:
        """Return the hub's name for a zone's own token."""
        return local(f"transfer/{self.net.hub.channel(zone)}/u{zone}")
