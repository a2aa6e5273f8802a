"""Stake and slashing on a whole hub application."""

import base64
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.types import BlockIdFlag, ConsensusParams
from chainkit.primitives.amounts import Coin
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.types import (
    Address,
    BlockHeight,
    ChainId,
    Denom,
    TimestampNs,
    VotingPower,
)
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.addresses import format_address, module_address
from chainkit.runtime.context import LastVote, Misbehaviour, MisbehaviourKind
from chainkit.runtime.grpc_status import Status
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query_pb2
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx_pb2
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin as CoinProto
from chainkit.wire.proto.cosmos.gov.v1 import query_pb2 as gov_query_pb2
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_pb2
from chainkit.wire.proto.cosmos.slashing.v1beta1 import tx_pb2 as slashing_pb2
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2, tx_pb2
from relay_chain.app import hub_application

KEYS = [bytes([n]) * 32 for n in (1, 2, 3)]
OPERATORS = [secp256k1_address(public_key_of(key)) for key in KEYS]
CONSENSUS_KEYS = [bytes([n]) * 32 for n in (11, 12, 13)]
VOTERS = [sha256_truncated(key) for key in CONSENSUS_KEYS]
CHAIN = ChainId("hub-1")


@dataclass(frozen=True)
class Genesis:
    app_state: dict
    chain_id: ChainId = CHAIN
    genesis_time: TimestampNs = TimestampNs(10**18)
    initial_height: BlockHeight = BlockHeight(1)
    consensus_params: ConsensusParams = ConsensusParams()
    validators: tuple = ()


def genesis(window=5):
    return Genesis(
        {
            "bank": {
                "balances": [
                    {
                        "address": format_address("isthmus", operator),
                        "coins": [{"denom": "stake", "amount": "100000000"}],
                    }
                    for operator in OPERATORS
                ]
            },
            "staking": {
                "params": {"unbonding_seconds": 3},
                "validators": [
                    {
                        "operator_address": format_address("isthmus", operator),
                        "pub_key": base64.b64encode(key).decode(),
                        "tokens": "10000000",
                    }
                    for operator, key in zip(OPERATORS, CONSENSUS_KEYS, strict=True)
                ],
            },
            "gov": {"voting_seconds": 4, "min_deposit": [{"denom": "stake", "amount": "100"}]},
            "slashing": {"params": {"signed_blocks_window": window, "downtime_jail_seconds": 2}},
        }
    )


class Hub:
    def __init__(self, **options):
        self.app = hub_application(MemoryDatabase(), light_clients=(), applications=())
        self.first = self.app.init_chain(genesis(**options))
        self.sequence = dict.fromkeys(KEYS, 0)

    def block(self, *txs, absent=(), misbehaviour=()):
        height = self.app.info().last_block_height + 1
        votes = tuple(
            LastVote(v, VotingPower(10), BlockIdFlag.ABSENT if v in absent else BlockIdFlag.COMMIT)
            for v in VOTERS
        )
        request = FinalizeBlockRequest(
            BlockHeight(height),
            TimestampNs(10**18 + height * 10**9),
            Address(b"\x00" * 20),
            txs,
            votes if height > 1 else (),
            misbehaviour,
        )
        result = self.app.finalize_block(request)
        self.app.commit()
        return result

    def tx(self, key, url, pb):
        tx = build_tx(
            [AnyMessage(url, encode(pb))],
            key,
            chain_id=CHAIN,
            account_number=KEYS.index(key),
            sequence=self.sequence[key],
            fee=(Coin(Denom("stake"), 1),),
            gas_limit=1_000_000,
        )
        self.sequence[key] += 1
        return tx

    def query(self, path, request, response):
        result = self.app.query(path, encode(request), height=BlockHeight(0), prove=False)
        assert result.code == 0, result.log
        return response.FromString(result.value)

    def validators(self):
        path = "/cosmos.staking.v1beta1.Query/Validators"
        request = query_pb2.QueryValidatorsRequest()
        return self.query(path, request, query_pb2.QueryValidatorsResponse).validators

    def supply(self):
        path = "/cosmos.bank.v1beta1.Query/SupplyOf"
        request = bank_pb2.QuerySupplyOfRequest(denom="stake")
        return int(self.query(path, request, bank_pb2.QuerySupplyOfResponse).amount.amount)


def valoper(n):
    return format_address("isthmusvaloper", OPERATORS[n])


def stake_message(cls, n, amount):
    return cls(
        delegator_address=format_address("isthmus", OPERATORS[n]),
        validator_address=valoper(n),
        amount=CoinProto(denom="stake", amount=str(amount)),
    )


def test_genesis_stake_is_the_first_validator_set():
    """Each validator has the power of its tokens, and the supply counts them."""
    hub = Hub()
    hub.block()

    assert {(u.public_key, u.power) for u in hub.first.validators} == {
        (key, 10) for key in CONSENSUS_KEYS
    }
    assert hub.supply() == 330_000_000


def test_delegating_and_undelegating_moves_power_and_returns_the_tokens():
    """Power follows stake at once; tokens come back after the unbonding period."""
    hub = Hub()
    up = stake_message(tx_pb2.MsgDelegate, 0, 5_000_000)
    down = stake_message(tx_pb2.MsgUndelegate, 0, 7_000_000)
    first = hub.block(hub.tx(KEYS[0], "/cosmos.staking.v1beta1.MsgDelegate", up))
    second = hub.block(hub.tx(KEYS[0], "/cosmos.staking.v1beta1.MsgUndelegate", down))
    later = [hub.block() for _ in range(4)]
    path = "/cosmos.bank.v1beta1.Query/Balance"
    request = bank_pb2.QueryBalanceRequest(
        address=format_address("isthmus", OPERATORS[0]), denom="stake"
    )
    balance = hub.query(path, request, bank_pb2.QueryBalanceResponse).balance.amount

    assert [r.code for r in (*first.tx_results, *second.tx_results)] == [0, 0]
    assert [u.power for u in first.validator_updates] == [15]
    assert [u.power for u in second.validator_updates] == [8]
    assert all(not block.validator_updates for block in later)
    assert int(balance) == 100_000_000 - 5_000_000 + 7_000_000 - 2


def test_stake_is_answered_by_validator_and_by_delegator():
    """Status filters, pages, one delegation and all of an account, what is leaving, NotFound."""
    hub = Hub()
    hub.block()
    up = stake_message(tx_pb2.MsgDelegate, 1, 5_000_000)
    up.delegator_address = format_address("isthmus", OPERATORS[0])
    down = stake_message(tx_pb2.MsgUndelegate, 0, 1_000_000)
    hub.block(hub.tx(KEYS[0], "/cosmos.staking.v1beta1.MsgDelegate", up))
    hub.block(hub.tx(KEYS[0], "/cosmos.staking.v1beta1.MsgUndelegate", down))
    q, service = query_pb2, "/cosmos.staking.v1beta1.Query/"

    def ask(name, **fields):
        request = getattr(q, f"Query{name}Request")(**fields)
        return hub.query(service + name, request, getattr(q, f"Query{name}Response"))

    def status_of(name, **fields):
        request = encode(getattr(q, f"Query{name}Request")(**fields))
        answer = hub.app.query(service + name, request, height=BlockHeight(0), prove=False)
        return answer.status

    me = format_address("isthmus", OPERATORS[0])
    page = ask("Validators", status="BOND_STATUS_BONDED", pagination={"limit": 2})
    rest = ask("Validators", pagination={"key": page.pagination.next_key})
    mine = ask("DelegatorDelegations", delegator_addr=me).delegation_responses
    one = ask("Delegation", delegator_addr=me, validator_addr=valoper(1)).delegation_response
    theirs = ask("ValidatorDelegations", validator_addr=valoper(1)).delegation_responses
    leaving = ask("DelegatorUnbondingDelegations", delegator_addr=me).unbonding_responses

    assert (len(page.validators), len(rest.validators)) == (2, 1)
    assert not ask("Validators", status="BOND_STATUS_UNBONDED").validators
    assert ask("Validator", validator_addr=valoper(1)).validator.tokens == "15000000"
    assert sorted(int(each.balance.amount) for each in mine) == [5_000_000, 9_000_000]
    assert (one.balance.amount, one.delegation.shares) == ("5000000", str(5_000_000 * 10**18))
    assert sorted(each.balance.amount for each in theirs) == ["10000000", "5000000"]
    assert [each.entries[0].balance for each in leaving] == ["1000000"]
    assert ask("Pool").pool.not_bonded_tokens == "1000000"
    stranger = format_address("isthmusvaloper", bytes(20))
    assert status_of("Validator", validator_addr=stranger) is Status.NOT_FOUND
    assert status_of("Delegation", delegator_addr=me, validator_addr=valoper(2)) is (
        Status.NOT_FOUND
    )
    assert status_of("Validators", status="SLEEPING") is Status.INVALID_ARGUMENT


def test_a_double_sign_is_slashed_jailed_and_tombstoned_once():
    """5 % burns, the validator leaves the set for ever, and repeated evidence adds nothing."""
    hub = Hub()
    hub.block()
    fault = Misbehaviour(
        MisbehaviourKind.DUPLICATE_VOTE,
        VOTERS[1],
        VotingPower(10),
        BlockHeight(1),
        TimestampNs(10**18),
        VotingPower(30),
    )
    result = hub.block(misbehaviour=(fault,))
    hub.block(misbehaviour=(fault,))
    unjail = slashing_pb2.MsgUnjail(validator_addr=valoper(1))
    refused = hub.block(hub.tx(KEYS[1], "/cosmos.slashing.v1beta1.MsgUnjail", unjail))

    assert [(u.public_key, u.power) for u in result.validator_updates] == [(CONSENSUS_KEYS[1], 0)]
    assert hub.supply() == 330_000_000 - 500_000
    assert [v.jailed for v in hub.validators()].count(True) == 1
    assert (refused.tx_results[0].codespace, refused.tx_results[0].code) == ("slashing", 4)
    assert any(e.type == "slash" and e.get("reason") == "double_sign" for e in result.events)


def test_stake_that_is_leaving_is_slashed_too():
    """Undelegating after the fault does not save the tokens."""
    hub = Hub()
    hub.block()
    down = stake_message(tx_pb2.MsgUndelegate, 1, 4_000_000)
    hub.block(hub.tx(KEYS[1], "/cosmos.staking.v1beta1.MsgUndelegate", down))
    fault = Misbehaviour(
        MisbehaviourKind.DUPLICATE_VOTE,
        VOTERS[1],
        VotingPower(10),
        BlockHeight(1),
        TimestampNs(10**18),
        VotingPower(30),
    )
    hub.block(misbehaviour=(fault,))

    assert hub.supply() == 330_000_000 - 300_000 - 200_000


def test_absence_is_jailed_for_a_while():
    """Away for more than half of the window: 1 % burns; after the term it may return."""
    hub = Hub()
    updates = []
    for _ in range(9):
        updates += hub.block(absent=(VOTERS[2],)).validator_updates
    hub.block()
    hub.block()
    unjail = slashing_pb2.MsgUnjail(validator_addr=valoper(2))
    back = hub.block(hub.tx(KEYS[2], "/cosmos.slashing.v1beta1.MsgUnjail", unjail))

    assert [(u.public_key, u.power) for u in updates] == [(CONSENSUS_KEYS[2], 0)]
    assert hub.supply() == 330_000_000 - 100_000
    assert back.tx_results[0].code == 0, back.tx_results[0].log
    assert [u.power for u in back.validator_updates] == [9]


def decide(options, *, messages=()):
    """Submit a proposal, let the validators vote, and return it and the hub at its end."""
    hub = Hub()
    hub.block()
    submit = gov_pb2.MsgSubmitProposal(
        proposer=format_address("isthmus", OPERATORS[0]),
        title="a change",
        initial_deposit=[CoinProto(denom="stake", amount="100")],
        messages=messages,
    )
    result = hub.block(hub.tx(KEYS[0], "/cosmos.gov.v1.MsgSubmitProposal", submit))
    assert result.tx_results[0].code == 0, result.tx_results[0].log
    for n, option in enumerate(options):
        if option:
            vote = gov_pb2.MsgVote(
                proposal_id=1, voter=format_address("isthmus", OPERATORS[n]), option=option
            )
            result = hub.block(hub.tx(KEYS[n], "/cosmos.gov.v1.MsgVote", vote))
            assert result.tx_results[0].code == 0, result.tx_results[0].log
    for _ in range(5):
        hub.block()
    path = "/cosmos.gov.v1.Query/Proposal"
    request = gov_query_pb2.QueryProposalRequest(proposal_id=1)
    return hub.query(path, request, gov_query_pb2.QueryProposalResponse).proposal, hub


def test_stake_decides_and_only_a_veto_burns_the_deposit():
    """Yes of two in three passes; none, abstention alone and no reject; a veto burns."""
    outcomes = [(decide(o)[0].status, decide(o)[1].supply()) for o in ((1, 1, 3), (0,), (3, 3))]

    assert outcomes == [(3, 330_000_000), (4, 330_000_000), (4, 330_000_000)]
    assert decide((4, 4))[1].supply() == 330_000_000 - 100


def test_a_proposal_cannot_speak_for_another_account():
    """Its messages must be the authority's own."""
    hub = Hub()
    hub.block()
    theft = Any(
        type_url="/cosmos.staking.v1beta1.MsgDelegate",
        value=encode(stake_message(tx_pb2.MsgDelegate, 2, 5)),
    )
    spend = Any(
        type_url="/cosmos.bank.v1beta1.MsgSend",
        value=encode(
            bank_tx_pb2.MsgSend(
                from_address=format_address("isthmus", OPERATORS[1]),
                to_address=format_address("isthmus", OPERATORS[0]),
                amount=[CoinProto(denom="stake", amount="5")],
            )
        ),
    )
    codes = []
    for message in (theft, spend):
        submit = gov_pb2.MsgSubmitProposal(
            proposer=format_address("isthmus", OPERATORS[0]),
            title="theft",
            initial_deposit=[CoinProto(denom="stake", amount="100")],
            messages=[message],
        )
        result = hub.block(hub.tx(KEYS[0], "/cosmos.gov.v1.MsgSubmitProposal", submit))
        codes.append(result.tx_results[0].code)

    assert codes == [6, 4]


def test_the_authoritys_account_is_found_before_its_first_deposit():
    """Whoever writes a proposal asks for the address that its messages must be signed by."""
    hub = Hub()
    hub.block()
    request = auth_query_pb2.QueryModuleAccountByNameRequest(name="gov")
    path = "/cosmos.auth.v1beta1.Query/ModuleAccountByName"
    found = hub.query(path, request, auth_query_pb2.QueryModuleAccountByNameResponse).account
    account = auth_pb2.ModuleAccount.FromString(found.value)

    assert account.name == "gov"
    assert account.base_account.address == format_address("isthmus", module_address("gov"))
