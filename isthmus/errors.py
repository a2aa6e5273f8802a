"""What can be wrong with the folders of a network."""

from pathlib import Path

from chainkit.primitives.errors import OperationFailed, RuleBroken

MAX_REASON_CHARACTERS = 300


class DamagedFile(RuleBroken):
    """A file of a home folder is not of its form."""

    def __init__(self, *, path: Path, reason: str) -> None:
        line = " ".join(reason.split())[:MAX_REASON_CHARACTERS]
        super().__init__(f"{path} is damaged: {line}")
        self.path = path
        self.reason = line


class NoNetwork(OperationFailed):
    """A folder holds no network."""

    def __init__(self, *, home: Path) -> None:
        super().__init__(f"no network in {home}: start one with isthmus up --home {home}")
        self.home = home


class EngineNotFit(OperationFailed):
    """A chain's kind cannot have the engine that the network's description wants."""

    def __init__(self, *, chain: str, kind: str, engine: str) -> None:
        super().__init__(f"chain {chain}: a chain of kind {kind} cannot have engine {engine}")
        self.chain = chain
        self.kind = kind
        self.engine = engine
