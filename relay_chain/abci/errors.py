"""What an engine can do wrong at the ABCI server; each is answered with an exception by name."""

from chainkit.primitives.errors import RuleBroken


class AbciError(RuleBroken):
    """The engine broke a rule of the protocol; the application's state did not change."""

    codespace = "abci"


class OutOfOrder(AbciError):
    """A call that must not come now, such as Commit twice."""

    code = 2

    def __init__(self, *, call: str, reason: str) -> None:
        super().__init__(f"{call} out of order: {reason}")
        self.call = call
        self.reason = reason


class OtherGenesis(AbciError):
    """InitChain brings another chain than the one in the application's home."""

    code = 3

    def __init__(self, *, what: str) -> None:
        super().__init__(f"InitChain: {what} is not that of the application's genesis.json")
        self.what = what


class NoSnapshots(AbciError):
    """A snapshot call to an application that keeps none."""

    code = 4

    def __init__(self) -> None:
        super().__init__("this application takes no snapshots")
