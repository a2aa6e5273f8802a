"""The poverty-relief funds, played on real processes of every kind of chain.

A village asks for funds. The government's chain of approvals is of a lower level than the
bank's, so the bank hears of an approval only if three independent offices vouch for it. Funds
flow down and come home freely; a token of the lowest chain does not reach the bank around the
rule. Then the approvals' only validator signs two headers of one height: its level falls at
once, what came from it is frozen, and who holds some of it honestly appeals.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import ClientId, Denom, TimestampNs
from demos.integrity.fraud import second_header
from demos.integrity.hub import Hub
from demos.integrity.report import Report, describe
from demos.integrity.world import (
    APPROVALS,
    BANK,
    CHALLENGE_BLOCKS,
    OFFICES,
    ROLL,
    network,
    parts,
)
from demos.journeys import (
    AMOUNT,
    TIMEOUT_S,
    Leg,
    Spokes,
    open_spokes,
    submit,
    there_and_back,
    travel,
)
from demos.ledgers import PORT, balance, short
from demos.network import Network, run_scenario
from demos.routes import HUB
from demos.story import Story
from integrity.endorsements import packet_datum
from isthmus.cli.output import Output
from isthmus.integrity_view import Json, inner, number, objects, rule_names
from isthmus.supply_audit import audit
from isthmus.trace import Hop, PacketState
from parachains.sdk.relaying import TxOutcome, TxRefused
from parachains.sdk.users import Transfer

LOW_TO_HIGH, LOT, QUARANTINE = 3, 5, 6
"""The codes of the refusals that are expected."""

GRANT = 400


class IntegrityDemo:
    """A demo that the command line finds."""

    summary = "poverty-relief funds between chains of several levels: refused, lifted, quarantined"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        with Story() as story:
            for part in parts():
                story.say(f"{part.chain.name}: {part.told}")
            report = run_scenario(play, spec=network(), home=home, say=story.say, name="integrity")
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


@dataclass(slots=True)
class Play:
    """The scenario under way. Mutable: it collects the hub's reasons."""

    net: Network
    hub: Hub
    spokes: Spokes
    reasons: dict[str, str] = field(default_factory=dict)

    def way(self, start: str, end: str, amount: int = AMOUNT) -> tuple[Leg, Leg]:
        """Return the way of a chain's own token to another, and home."""
        base = self.net.chain(start).denom
        return there_and_back(start, end, base, self.spokes, amount=amount)

    def why(self, name: str, code: int) -> None:
        """Keep the hub's words for a refusal."""
        self.reasons[name] = rule_names().get(code, f"code {code}")
        self.net.say(f"refused, as it must be: {self.reasons[name]}")

    # --- the rule -----------------------------------------------------------------------

    async def refused_upward(self, chain: str) -> tuple[bool, Hop]:
        """Ask the bank for something from a low chain; return if it was refused and refunded."""
        leg, _ = self.way(chain, BANK)
        before = await balance(self.net, chain, "alice", leg.denom)
        outcome = await submit(self.net, leg)
        hop = await self.hub.settled(chain, await self.hub.packet_of(chain, outcome))
        after = await balance(self.net, chain, "alice", leg.denom)
        refused = hop.state is PacketState.REFUSED and f"code: {LOW_TO_HIGH}:" in hop.error
        return refused and after > before - leg.amount, hop

    async def every_low_chain_is_refused(self) -> tuple[bool, Hop]:
        """Try it from every chain below the bank; return the approvals' packet too."""
        low = [part.chain.name for part in parts() if part.chain.name != BANK]
        tried = await asyncio.gather(*(self.refused_upward(chain) for chain in low))
        self.why("low_to_high", LOW_TO_HIGH)
        return all(refused for refused, _ in tried), tried[low.index(APPROVALS)][1]

    async def funds_go_down_and_home(self) -> tuple[bool, bool]:
        """Send funds of the bank to the approvals, and back; return whether each arrived."""
        out, back = self.way(BANK, APPROVALS)
        delivered, _ = await travel(self.net, out)
        returned, _ = await travel(self.net, back)
        return delivered, returned

    async def around_the_rule(self) -> bool:
        """Bring a token of the roll to a user of the hub, who sends it up; return the refusal."""
        out, _ = self.way(ROLL, HUB)
        arrived, _ = await travel(self.net, out)
        intent = Transfer(
            port_id=PORT,
            channel_id=self.spokes[BANK].on_b,
            coin=Coin(Denom(out.denom_at_end), 1),
            receiver=self.net.account("bob").addresses[BANK],
            timeout_timestamp=TimestampNs(time.time_ns() + TIMEOUT_S * 10**9),
        )
        self.net.say(f"bob on the hub sends {short(out.denom_at_end)} of the roll up to the bank")
        codespace, code = await fate(self.net.do(HUB, "bob", intent))
        self.why("around_the_rule", code)
        return arrived and (codespace, code) == ("integrity", LOT)

    # --- endorsement --------------------------------------------------------------------

    async def lifted(self, refused: Hop) -> tuple[bool, bool]:
        """Have three offices vouch for an approval; return if it rose then, and only once."""
        end = refused.packet
        datum = packet_datum(APPROVALS, end.destination_port, end.destination_channel, end.data)
        level = (await self.hub.levels())[BANK]
        self.net.say(f"{', '.join(OFFICES)} vouch for the approval {datum.hex()[:12]}, with bonds")
        await self.vouched(datum, level)
        leg, _ = self.way(APPROVALS, BANK)
        delivered, _ = await travel(self.net, leg)
        again, _ = await self.refused_upward(APPROVALS)
        (used,) = objects(await self.hub.ask("Endorsements"), "endorsements")
        is_used = number(inner(used, "endorsement"), "state") == 1
        return delivered, again and is_used

    async def vouched(self, datum: bytes, level: int) -> None:
        """Let three offices endorse a datum of the approvals, and its time for challenges pass."""
        outcomes = await self.hub.endorse(OFFICES, APPROVALS, datum, level)
        assert all(outcome.code == 0 for outcome in outcomes), outcomes
        await self.net.wait_for_height(HUB, outcomes[-1].height + CHALLENGE_BLOCKS + 1)

    # --- fraud --------------------------------------------------------------------------

    async def proved_fraud(self) -> tuple[bool, int]:
        """Bring the hub two headers of one height; return if it froze, and after how long."""
        view = inner(await self.hub.ask("Chain", name=APPROVALS), "chain")
        client_id = ClientId(str(inner(view, "chain").get("client_id")))
        message = await second_header(self.net, APPROVALS, HUB, client_id)
        outcome = await self.net.deliver(await self.net.client(HUB, "alice"), message)
        self.net.say(
            f"the hub has two headers of one height of {APPROVALS}, block {outcome.height}"
        )

        async def fallen() -> Json | None:
            answer = await self.hub.ask("Chain", name=APPROVALS)
            changes = objects(answer, "changes")
            isolated = inner(inner(answer, "chain"), "chain").get("isolated")
            return changes[-1] if changes and isolated else None

        change = await self.net.wait_until(f"waiting for the level of {APPROVALS} to fall", fallen)
        self.net.say(f"{APPROVALS} is of level {change.get('after', 0)}: {change.get('reason')}")
        proved = outcome.code == 0 and number(change, "after") == 0
        return proved, number(change, "height") - outcome.height

    async def quarantine(self, token: str) -> tuple[bool, Json]:
        """Return whether what bob has of the approvals is listed and frozen, and the report."""
        (report,) = objects(await self.hub.ask("Quarantine", chain=APPROVALS), "chains")
        codespace, code = await fate(self.hub.pay("bob", "carol", token, 1))
        self.why("quarantine", code)
        listed = bool(report.get("frozen")) and bool(lots_of(report, self.hub.address("bob")))
        return listed and (codespace, code) == ("integrity", QUARANTINE), report

    async def appealed(self, token: str, report: Json) -> bool:
        """Let bob appeal, the offices support it, and the rule decide; return if the lot moves."""
        ((denom, lot),) = [
            (denom, lot)
            for denom, lot in lots_of(report, self.hub.address("bob"))
            if denom == token
        ]
        outcome = await self.hub.say(
            "bob",
            "MsgAppeal",
            owner=self.hub.address("bob"),
            denom=denom,
            source=APPROVALS,
            height=str(lot.get("height")),
        )
        assert outcome.code == 0, outcome
        (view,) = objects(await self.hub.ask("Appeals"), "appeals")
        datum = base64.b64decode(str(view.get("datum")))
        self.net.say("bob appeals; the offices look into it and support the appeal")
        await self.vouched(datum, number(lot, "label"))
        number_of = str(inner(view, "appeal").get("id"))
        settled = await self.hub.say(
            "alice", "MsgSettle", signer=self.hub.address("alice"), id=number_of
        )
        (view,) = objects(await self.hub.ask("Appeals"), "appeals")
        moves = await fate(self.hub.pay("bob", "carol", token, 1))
        upheld = number(inner(view, "appeal"), "state") == 1
        return settled.code == 0 and upheld and moves[1] == 0


async def play(net: Network) -> Report:
    """Play it on a running network."""
    names = [part.chain.name for part in parts()]
    spokes = await open_spokes(net, names)
    hub = Hub(net)
    bound = await hub.bind()
    levels = await hub.levels()
    net.say(f"the hub rates {', '.join(f'{name} {levels[name]}' for name in (HUB, *bound))}")
    story = Play(net, hub, spokes)
    low, refused = await story.every_low_chain_is_refused()
    (down, home), indirect = await asyncio.gather(
        story.funds_go_down_and_home(), story.around_the_rule()
    )
    lifted, once = await story.lifted(refused)
    grant, _ = story.way(APPROVALS, HUB, amount=GRANT)
    granted, _ = await travel(net, grant)
    net.say(f"bob on the hub has a grant of {GRANT} from {APPROVALS}")
    proved, blocks = await story.proved_fraud()
    frozen, report = await story.quarantine(grant.denom_at_end)
    upheld = await story.appealed(grant.denom_at_end, report)
    calm, _ = await travel(net, story.way(BANK, HUB)[0])
    compared = await audit(await hub.view(), await hub.users())
    return Report(
        levels=levels,
        low_to_high_refused=low,
        high_to_low_delivered=down,
        returned_home=home,
        indirect_refused=indirect,
        endorsed_delivered=lifted,
        endorsed_once=once,
        fraud_proved=proved and granted,
        level_dropped_blocks=blocks,
        quarantined=frozen,
        contaminated_packets=len(objects(report, "packets")),
        contaminated_lots=sum(
            len(objects(holding, "lots"))
            for key in ("holdings", "passed_on")
            for holding in objects(report, key)
        ),
        appeal_upheld=upheld,
        others_undisturbed=calm,
        supply_agrees=all(each.holds for each in compared),
        reasons=story.reasons,
        seconds=round(time.monotonic() - net.began_s, 1),
    )


async def fate(doing: Awaitable[TxOutcome]) -> tuple[str, int]:
    """Return codespace and code of what became of a transaction, in a block or at the door."""
    try:
        outcome = await doing
    except TxRefused as refused:
        return refused.codespace, refused.code
    return outcome.codespace, outcome.code


def lots_of(report: Json, owner: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return the denominations and lots of an account in a report."""
    return [
        (str(holding.get("denom")), lot)
        for holding in objects(report, "holdings")
        if holding.get("owner") == owner
        for lot in objects(holding, "lots")
    ]
