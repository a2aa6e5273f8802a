"""Why a proof or a commitment is refused. The text may change, codespace and code never do."""

from chainkit.primitives.errors import OperationFailed, RuleBroken


class CommitmentRefused(RuleBroken):
    """A commitment or a proof of it is not acceptable (ibc-go ``23-commitment``)."""

    codespace = "commitment"
    code = 1


class InvalidProof(CommitmentRefused):
    """A proof does not prove what was asked."""

    code = 2


class InvalidPrefix(CommitmentRefused):
    """A commitment prefix or path has a shape that no store key has."""

    code = 3


class InvalidMerkleProof(CommitmentRefused):
    """A chain of proofs does not fit the path, the specs or the root."""

    code = 4


class VersionNotFound(OperationFailed):
    """The version was never committed here, or was pruned."""

    def __init__(self, *, version: int) -> None:
        super().__init__(f"version {version} is not kept here")
        self.version = version


class EmptyTree(OperationFailed):
    """Nothing can be proven about a tree without keys (cosmos/iavl refuses it too)."""
