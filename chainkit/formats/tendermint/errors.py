"""The rules of CometBFT's data structures, each broken by its own class."""

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight, VotingPower


class TendermintRuleBroken(RuleBroken):
    """A block, vote, commit, header or evidence breaks a rule of CometBFT 0.38."""

    codespace = "tendermint"
    code = 1


class InvalidValidatorSet(TendermintRuleBroken):
    """A validator set, or a change to one, that CometBFT would not have made."""

    code = 2


class InvalidCommit(TendermintRuleBroken):
    """A commit whose shape, height, block or addresses are not what they must be."""

    code = 3


class WrongSetSize(InvalidCommit):
    """A commit has not one place for each validator."""

    code = 4

    def __init__(self, *, validators: int, signatures: int) -> None:
        super().__init__(
            f"invalid commit -- wrong set size: {validators} vs {signatures}",
        )
        self.validators = validators
        self.signatures = signatures


class WrongCommitHeight(InvalidCommit):
    """A commit is for another height."""

    code = 5

    def __init__(self, *, expected: BlockHeight, actual: BlockHeight) -> None:
        super().__init__(f"invalid commit -- wrong height: {expected} vs {actual}")
        self.expected = expected
        self.actual = actual


class WrongCommitBlock(InvalidCommit):
    """A commit is for another block."""

    code = 6

    def __init__(self, *, expected: bytes, actual: bytes) -> None:
        super().__init__(
            f"invalid commit -- wrong block ID: want {expected.hex()}, got {actual.hex()}"
        )
        self.expected = expected
        self.actual = actual


class WrongSignature(InvalidCommit):
    """A signature in a commit is not its validator's."""

    code = 7

    def __init__(self, *, index: int, signature: bytes) -> None:
        super().__init__(f"wrong signature (#{index}): {signature.hex()}")
        self.index = index


class DoubleVote(InvalidCommit):
    """A validator is counted twice in one commit or set."""

    code = 8

    def __init__(self, *, address: bytes, first: int, second: int) -> None:
        super().__init__(f"double vote from Validator {address.hex()} ({first} and {second})")
        self.address = address


class NotEnoughVotingPower(InvalidCommit):
    """The power behind a commit's valid signatures is not above what is needed."""

    code = 9

    def __init__(self, *, got: VotingPower, needed: VotingPower) -> None:
        super().__init__(
            f"invalid commit -- insufficient voting power: got {got}, needed more than {needed}"
        )
        self.got = got
        self.needed = needed


class InvalidTrustLevel(TendermintRuleBroken):
    """A trust level outside a third to one, or one too fine for 64 bits."""

    code = 10


class InvalidBlock(TendermintRuleBroken):
    """A block or header that is not well-formed or does not fit its chain's state."""

    code = 11


class InvalidVote(TendermintRuleBroken):
    """A vote that is not well-formed."""

    code = 12


class InvalidProposal(TendermintRuleBroken):
    """A proposal that is not well-formed."""

    code = 13


class InvalidPart(TendermintRuleBroken):
    """A block part that is not of its part set."""

    code = 14


class InvalidEvidence(TendermintRuleBroken):
    """Evidence that proves nothing."""

    code = 15


class InvalidHeader(TendermintRuleBroken):
    """An untrusted header fails a check of the light client."""

    code = 16


class TrustedHeaderExpired(TendermintRuleBroken):
    """The trusted header is older than the trusting period."""

    code = 17


class NotEnoughTrust(TendermintRuleBroken):
    """Too little of the trusted set signed; a header between may still lead there."""

    code = 18

    def __init__(self, *, got: VotingPower, needed: VotingPower) -> None:
        super().__init__(
            "cant trust new val set: not enough trusted voting power signed: "
            f"got {got}, needed more than {needed}"
        )
        self.got = got
        self.needed = needed


class InvalidConsensusParams(TendermintRuleBroken):
    """Consensus parameters outside their bounds, or a forbidden change of them."""

    code = 19
