"""Governance: stake votes on texts and on messages of the authority (after SDK x/gov).

Simpler than the SDK on purpose: the whole deposit comes with the proposal, a vote is for
one option, and quorum, threshold and veto are the SDK's defaults.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chainkit.modules.bank import BankModule
from chainkit.modules.genesis import coins as coins_of
from chainkit.modules.genesis import integer, mapping, seconds
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import Address, Denom, DurationNs, TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InsufficientFunds, InvalidRequest, NotFound, Unauthorized
from chainkit.runtime.events import Event
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.messages import MessageRoute, MessageRouter, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.runtime.store import prefix_end
from relay_chain.app import governance_codec as codec
from relay_chain.app.governance_codec import Choice, Proposal, Stage, Submit, Vote
from relay_chain.app.staking import StakingModule

STORE = "gov"
ACCOUNT = "gov"
PROPOSAL = b"\x00"
ACTIVE = b"\x01"
NEXT_ID_KEY = b"\x03"
VOTE = b"\x20"
VOTING_PERIOD_KEY = b"\x30"
MIN_DEPOSIT_KEY = b"\x31"
DEFAULT_VOTING_SECONDS = 172_800
DEFAULT_MIN_DEPOSIT = 10_000_000
QUORUM = (334, 1000)
VETO = (334, 1000)
EXECUTION_GAS = 100_000_000
"""The most gas that a passed proposal's messages may use: they run in every node's block."""


class GovernanceModule(BaseModule):
    """Proposals, votes, and the messages that the authority sends when they pass."""

    name = "gov"
    store_names = (STORE,)

    def __init__(
        self,
        bank: BankModule,
        staking: StakingModule,
        address_prefix: str,
        router: Callable[[], MessageRouter],
    ) -> None:
        """``router`` gives the routes of the other modules, for proposals' messages."""
        self._bank = bank
        self._staking = staking
        self._prefix = address_prefix
        self._router = router

    def proposal(self, ctx: Context, proposal_id: int) -> Proposal:
        """Return a proposal.

        Raises:
            NotFound: There is none with this id.
        """
        value = ctx.store(STORE).get(PROPOSAL + proposal_id.to_bytes(8, "big"))
        if value is None:
            raise NotFound(f"proposal {proposal_id} doesn't exist")
        return codec.decode_proposal(self._prefix, value)

    def proposals(self, ctx: Context) -> list[Proposal]:
        """Return every proposal, by id."""
        pairs = ctx.store(STORE).iterate(PROPOSAL, prefix_end(PROPOSAL))
        return [codec.decode_proposal(self._prefix, value) for _, value in pairs]

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the routes of ``cosmos.gov.v1.Msg`` that this chain has."""
        return (
            MessageRoute(
                "/cosmos.gov.v1.MsgSubmitProposal",
                lambda data: codec.decode_submit(self._prefix, data),
                lambda message: (message.proposer,),
                self._submit,
            ),
            MessageRoute(
                "/cosmos.gov.v1.MsgVote",
                lambda data: codec.decode_vote(self._prefix, data),
                lambda message: (message.voter,),
                self._vote,
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of ``cosmos.gov.v1.Query`` that this chain has."""
        service = "/cosmos.gov.v1.Query/"
        return (
            QueryRoute(
                service + "Proposal",
                lambda ctx, data: codec.encode_proposal_response(
                    self._prefix, self.proposal(ctx, codec.decode_proposal_request(data))
                ),
                ("GET /cosmos/gov/v1/proposals/{proposal_id}",),
            ),
            QueryRoute(
                service + "Proposals",
                lambda ctx, _: codec.encode_proposals_response(self._prefix, self.proposals(ctx)),
                ("GET /cosmos/gov/v1/proposals",),
            ),
        )

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write ``voting_seconds`` and ``min_deposit`` (coins of the bond denomination).

        Where they are absent, ``voting_period`` and ``min_deposit`` of the SDK's ``params``.
        """
        params = mapping(state, "params")
        period = seconds(params, "voting_period", DEFAULT_VOTING_SECONDS)
        voting = integer(state, "voting_seconds", period)
        deposit = coins_of(state, "min_deposit") or coins_of(params, "min_deposit")
        least = deposit[0].amount if deposit else DEFAULT_MIN_DEPOSIT
        # Proposals name this account as their signer, before it has received a deposit.
        self._bank.ensure_module_account(ctx, ACCOUNT)
        ctx.store(STORE).set(VOTING_PERIOD_KEY, str(voting).encode())
        ctx.store(STORE).set(MIN_DEPOSIT_KEY, str(least).encode())
        return ()

    def end_block(self, ctx: Context) -> tuple[ValidatorUpdate, ...]:
        """Decide the proposals whose voting is over."""
        store = ctx.store(STORE)
        for key, _ in list(store.iterate(ACTIVE, prefix_end(ACTIVE))):
            proposal = self.proposal(ctx, int.from_bytes(key[1:], "big"))
            if ctx.time >= proposal.voting_end_time:
                store.delete(key)
                self._decide(ctx, proposal)
        return ()

    def voting_period(self, ctx: Context) -> DurationNs:
        """Return how long a vote lasts."""
        return seconds_to_ns(self._setting(ctx, VOTING_PERIOD_KEY))

    def _setting(self, ctx: Context, key: bytes) -> int:
        value = ctx.store(STORE).get(key)
        assert value is not None, "genesis writes the settings"
        return int(value)

    def _bond_denom(self, ctx: Context) -> Denom:
        return Denom(self._staking.params(ctx).bond_denom)

    def _submit(self, ctx: Context, message: Submit) -> bytes:
        least = Coin(self._bond_denom(ctx), self._setting(ctx, MIN_DEPOSIT_KEY))
        paid = {coin.denom: coin.amount for coin in message.deposit}
        if set(paid) != {least.denom} or paid[least.denom] < least.amount:
            raise InsufficientFunds(f"the deposit must be at least {least}")
        authority = self._bank.module_address(ACCOUNT)
        for packed in message.messages:
            route = self._router().route(packed.type_url)
            if route.signers(route.decode(packed.value)) != (authority,):
                raise Unauthorized(f"{packed.type_url} does not have the gov account as signer")
        self._bank.send_coins(ctx, message.proposer, authority, message.deposit)
        store = ctx.store(STORE)
        number = int.from_bytes(store.get(NEXT_ID_KEY) or b"\x01", "big")
        store.set(NEXT_ID_KEY, (number + 1).to_bytes(8, "big"))
        period = self.voting_period(ctx)
        proposal = Proposal(number, message, ctx.time, TimestampNs(ctx.time + period))
        self._save(ctx, proposal)
        store.set(ACTIVE + number.to_bytes(8, "big"), b"\x01")
        ctx.emit(Event("submit_proposal", (("proposal_id", str(number)),)))
        return codec.encode_submit_response(number)

    def _vote(self, ctx: Context, message: Vote) -> bytes:
        proposal = self.proposal(ctx, message.proposal_id)
        if proposal.stage is not Stage.VOTING or ctx.time >= proposal.voting_end_time:
            raise InvalidRequest(f"{message.proposal_id}: inactive proposal")
        key = VOTE + message.proposal_id.to_bytes(8, "big") + message.voter
        ctx.store(STORE).set(key, bytes([message.choice.value]))
        facts = (("proposal_id", str(message.proposal_id)), ("option", message.choice.name))
        ctx.emit(Event("proposal_vote", facts))
        return codec.encode_vote_response()

    def _tally(self, ctx: Context, proposal: Proposal) -> tuple[dict[Choice, int], int]:
        """Return the stake for each choice, and all stake of the set.

        A delegator's own vote counts for its stake; the rest of a validator's follows the
        validator.
        """
        prefix = VOTE + proposal.id.to_bytes(8, "big")
        votes = {
            Address(key[len(prefix) :]): Choice(value[0])
            for key, value in ctx.store(STORE).iterate(prefix, prefix_end(prefix))
        }
        tally = dict.fromkeys(Choice, 0)
        total = 0
        for validator in self._staking.validators(ctx):
            if not validator.bonded or not validator.shares:
                continue
            total += validator.tokens
            rest = validator.shares
            for voter, choice in votes.items():
                shares = self._staking.delegated_shares(ctx, voter, validator.operator)
                tally[choice] += shares * validator.tokens // validator.shares
                rest -= shares
            if validator.operator in votes:
                tally[votes[validator.operator]] += rest * validator.tokens // validator.shares
        return tally, total

    def _decide(self, ctx: Context, proposal: Proposal) -> None:
        tally, total = self._tally(ctx, proposal)
        cast = sum(tally.values())
        deciding = cast - tally[Choice.ABSTAIN]
        vetoed = cast > 0 and tally[Choice.NO_WITH_VETO] * VETO[1] > cast * VETO[0]
        quorate = cast > 0 and cast * QUORUM[1] >= total * QUORUM[0]
        passed = quorate and not vetoed and 2 * tally[Choice.YES] > deciding
        authority = self._bank.module_address(ACCOUNT)
        for coin in proposal.submit.deposit:
            if vetoed:
                self._bank.burn(ctx, ACCOUNT, coin)
            else:
                self._bank.send(ctx, authority, proposal.submit.proposer, coin)
        counts = (
            tally[Choice.YES],
            tally[Choice.ABSTAIN],
            tally[Choice.NO],
            tally[Choice.NO_WITH_VETO],
        )
        decided = replace(proposal, tally=counts, stage=Stage.REJECTED)
        if passed:
            reason = self._execute(ctx, proposal)
            stage = Stage.FAILED if reason else Stage.PASSED
            decided = replace(decided, stage=stage, failed_reason=reason)
        self._save(ctx, decided)
        facts = (("proposal_id", str(proposal.id)), ("proposal_result", decided.stage.name))
        ctx.emit(Event("active_proposal", facts))

    def _execute(self, ctx: Context, proposal: Proposal) -> str:
        """Run a passed proposal's messages, all or none; return why not."""
        run = ctx.with_gas(GasMeter(EXECUTION_GAS))
        try:
            with run.savepoint():
                for packed in proposal.submit.messages:
                    route = self._router().route(packed.type_url)
                    route.handle(run, route.decode(packed.value))
        except RuleBroken as error:
            return str(error)
        return ""

    def _save(self, ctx: Context, proposal: Proposal) -> None:
        key = PROPOSAL + proposal.id.to_bytes(8, "big")
        ctx.store(STORE).set(key, codec.encode_proposal(self._prefix, proposal))
