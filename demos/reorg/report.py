"""What the demo found, as the JSON line has it, and what of it must hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut and its healing; amounts in satoshis."""

    depth: int
    """Blocks that the losing miner made alone."""
    is_below_k: bool
    fork_height: int
    blocks_lost: int
    """Blocks of the losing miner that its own chain has no more."""
    blocks_lost_by_winner: int
    one_tip: bool
    tip_height: int
    tip: str
    root: str
    root_equals_replay: bool
    """Both nodes' state, the tip's coinbase and a fresh process's replay from genesis agree."""
    blocks_replayed: int
    replay_seconds: float
    transactions_lost: int
    """Of the lost blocks, the coinbases left out."""
    transactions_returned: int
    """Of those, how many wait for a block again."""
    transactions_in_conflict: int
    """Of those, how many spend what the winning chain has spent otherwise."""
    client_id: str
    client_height_before: int
    """Its newest final block when the wire was healed."""
    client_was_misled: bool
    """Whether that block was one of those that were lost."""
    states_compared: int
    states_changed: int
    """Heights of which the client kept something before and keeps something else now."""
    client_frozen: bool
    evidence_height: int
    """The hub's block that froze it; 0 for none."""
    evidence_by_relayer: bool
    vouchers: int
    """Of the coin, on the hub."""
    escrowed: int
    """Of the coin, on the tip that was replayed."""
    in_flight: int
    """Sent by one chain and not received by the other."""
    stranded: int
    """Vouchers for packets that the winning chain never sent; below k there are none."""
    coins: int
    coins_mined: int
    """What the blocks up to the tip were allowed to make."""
    seconds: float

    def failures(self, k: int) -> tuple[str, ...]:
        """Return what does not hold."""
        spent_twice = self.transactions_lost - self.transactions_returned
        checks = (
            (self.blocks_lost == self.depth, f"{self.blocks_lost} blocks were lost"),
            (self.blocks_lost_by_winner == 0, "the winner lost blocks"),
            (self.one_tip, "the miners have two tips"),
            (self.root_equals_replay, "the root is not that of a replay"),
            (
                spent_twice == self.transactions_in_conflict,
                f"{spent_twice} transactions did not return",
            ),
            (
                self.client_was_misled == (self.depth >= k),
                f"the client's newest block was {'' if self.client_was_misled else 'not '}lost",
            ),
            (self.states_compared > 0, "no state was compared"),
            (self.states_changed == 0, f"{self.states_changed} states of the client changed"),
            (
                self.client_frozen == (self.depth >= k),
                f"the client is {'' if self.client_frozen else 'not '}frozen",
            ),
            (
                bool(self.evidence_height) == (self.depth >= k),
                f"evidence in block {self.evidence_height} of the hub",
            ),
            (self.depth < k or self.evidence_by_relayer, "the evidence is not the relayer's"),
            (self.depth >= k or self.stranded == 0, f"{self.stranded} vouchers without a packet"),
            (
                self.vouchers - self.stranded + self.in_flight == self.escrowed,
                (
                    f"{self.vouchers} vouchers, {self.stranded} of them stranded, and "
                    f"{self.in_flight} in flight for {self.escrowed} in escrow"
                ),
            ),
            (self.coins == self.coins_mined, f"{self.coins} coins, {self.coins_mined} mined"),
        )
        return tuple(f"cut of {self.depth}: {text}" for holds, text in checks if not holds)


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    k: int
    """Blocks, itself counted in, that make a block final for the hub."""
    cuts: tuple[Cut, ...]
    transfers: int
    """That were in no conflict."""
    paid_once: int
    """Of those, how many the hub paid out exactly once."""
    double_spends_below_k: int
    double_spends_paid_as_mined: int
    """Of those, how many the hub paid out as the winning chain has them, and only so."""
    returned_once: bool
    """Vouchers that went home on the losing branch came home on the winning one, once."""
    stranded_refused: bool
    """The hub refused to send the stranded vouchers home."""
    stranded_answer: str
    seconds_to_ready: float
    seconds: float

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        depths = {cut.depth for cut in self.cuts}
        checks = (
            (any(depth < self.k for depth in depths), "no cut was below k"),
            (any(depth >= self.k for depth in depths), "no cut was at k or more"),
            (
                self.transfers == self.paid_once,
                f"{self.paid_once} of {self.transfers} transfers were paid once",
            ),
            (
                0 < self.double_spends_below_k == self.double_spends_paid_as_mined,
                "a double spend below k was not paid as it was mined",
            ),
            (self.returned_once, "what went home on the losing branch did not come home once"),
            (self.stranded_refused, "the hub let stranded vouchers go home"),
        )
        own = tuple(text for holds, text in checks if not holds)
        return (*(text for cut in self.cuts for text in cut.failures(self.k)), *own)


def describe(report: Report) -> str:
    """Return the report for a person."""

    def mark(holds: bool) -> str:
        return "yes" if holds else "NO"

    rows = [
        f"  cut of {cut.depth:<2} at {cut.fork_height:<4} {cut.blocks_lost} blocks and "
        f"{cut.transactions_lost} transactions lost, {cut.transactions_returned} returned; "
        f"one tip {mark(cut.one_tip)}; root replayed {mark(cut.root_equals_replay)} "
        f"({cut.blocks_replayed} blocks); client {'frozen' if cut.client_frozen else 'unchanged'}; "
        f"{cut.vouchers} vouchers ({cut.stranded} stranded) for {cut.escrowed} in escrow"
        for cut in report.cuts
    ]
    lines = (
        ("final at depth", f"{report.k}"),
        ("transfers", f"{report.paid_once} of {report.transfers} paid once"),
        (
            "double spends",
            (
                f"{report.double_spends_paid_as_mined} of {report.double_spends_below_k} below k "
                "paid as they were mined, and only so"
            ),
        ),
        ("came home once", mark(report.returned_once)),
        ("stranded stay", f"{mark(report.stranded_refused)}: {report.stranded_answer[:100]}"),
        ("took", f"{report.seconds} s, ready after {report.seconds_to_ready} s"),
    )
    return "\n".join(["", *rows, *(f"  {name:<18} {text}" for name, text in lines)])
