"""The hub rates itself by what it measures, and its level falls when its stake gathers."""

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2
from chainkit.wire.proto.isthmus.integrity.v1 import query_pb2
from ibc.ics02_client.assurance import Finality
from relay_chain.app import hub_application
from tests.unit.test_hub_staking import KEYS, VOTERS, Hub, genesis, stake_message

QUERY = "/isthmus.integrity.v1.Query/Chain"


class RatedHub(Hub):
    """A hub of three validators that was told of itself."""

    def __init__(self, **hub: object) -> None:
        self.app = hub_application(MemoryDatabase(), light_clients=(), applications=())
        first = genesis(window=4)
        first.app_state["gov"]["voting_seconds"] = 100
        first.app_state["integrity"] = {
            "params": {"profile": "laptop", "stale_epochs": 0},
            "chains": [{"name": "hub", "operator": "us", **hub}],
        }
        self.first = self.app.init_chain(first)
        self.sequence = dict.fromkeys(KEYS, 0)

    def rated(self) -> query_pb2.QueryChainResponse:
        """Return how it rates itself."""
        request = query_pb2.QueryChainRequest(name="hub")
        return self.query(QUERY, request, query_pb2.QueryChainResponse)

    def axes(self) -> dict[str, int]:
        """Return its scores."""
        return {axis.reading.axis: axis.reading.score for axis in self.rated().chain.axes}


def test_the_hub_measures_itself_on_the_axes_on_which_it_rates_others():
    """Two of three equal operators hold more than a third; votes last as genesis says."""
    hub = RatedHub(declared=[{"axis": "control", "score": 99}])
    hub.block()
    hub.block()

    assert hub.axes() == {
        "control": 2,
        "finality": Finality.ACCOUNTABLE,
        "change_control": 100,
        "liveness": 1_000_000,
    }
    assert not any(axis.reading.declared for axis in hub.rated().chain.axes)
    assert hub.rated().chain.chain.level.level == 3


def test_when_one_operator_can_halt_it_its_level_falls_in_the_next_block():
    """What was delivered upward before is not delivered any more."""
    hub = RatedHub()
    hub.block()
    assert hub.rated().chain.chain.level.level == 3
    more = stake_message(tx_pb2.MsgDelegate, 0, 20_000_000)
    hub.block(hub.tx(KEYS[0], "/cosmos.staking.v1beta1.MsgDelegate", more))
    hub.block()

    assert hub.axes()["control"] == 1
    assert hub.rated().chain.chain.level.level == 2
    (change,) = hub.rated().changes
    assert (change.height, change.before, change.after) == (3, 3, 2)


def test_votes_that_do_not_come_lower_its_liveness():
    """Of the window of all validators, those that were absent."""
    hub = RatedHub()
    hub.block()
    hub.block(absent=VOTERS[:1])

    assert hub.axes()["liveness"] == 1_000_000 * 11 // 12


@pytest.mark.parametrize("operator", ["", "us"])
def test_a_hub_of_an_unknown_operator_is_of_level_0(operator):
    """It rates itself by the rule that it has for others."""
    hub = RatedHub(operator=operator)
    hub.block()

    assert hub.rated().chain.chain.level.level == (3 if operator else 0)
