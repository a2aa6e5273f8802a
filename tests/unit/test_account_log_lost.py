"""A validator of the account chain whose log is gone, though its key signed."""

from tests.account_network import Network

ENTRIES = b"w/"


def test_a_node_that_lost_its_log_follows_without_signing_or_logging() -> None:
    """
    Until the height is over it says nothing, and writes nothing that a second restart would take
    for what a validator knew; then it seals again.
    """
    network = Network()
    network.run(3)
    network.kill(2)
    network.kill(3)
    network.run(6)
    node = network.nodes[0]
    height, signed = node.height, node.log.get(b"signed")
    network.kill(0)
    lost = [key for key, _ in node.log.iterate(ENTRIES, b"w0")]
    assert lost
    node.log.write(dict.fromkeys(lost))
    network.start(0)
    network.run(3)
    assert list(node.log.iterate(ENTRIES, b"w0")) == []
    assert node.log.get(b"signed") == signed

    network.start(2)
    network.start(3)
    network.run(60)
    assert node.height > height + 3
    assert node.log.get(b"signed") != signed
    assert all(each.invalid_peers == [] for each in network.nodes)
