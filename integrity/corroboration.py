"""What sources, challengers and owners may do: endorse, withdraw, challenge, appeal."""

from dataclasses import dataclass, replace

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.ics20_transfer.port import TokenLedger
from integrity import endorsement_messages as messages
from integrity.endorsement_store import EndorsementStore, open_endorsements
from integrity.endorsements import (
    Appeal,
    Endorsement,
    Key,
    Source,
    State,
    Verdict,
    Vouch,
    appeal_datum,
    is_bond_free,
    vouched,
)
from integrity.errors import AppealClosed, EndorsementClosed, NotASource, UnknownChain
from integrity.lifting import is_ripe, need_of, use
from integrity.limits import MAX_VOUCHES
from integrity.lots import MIXED, Lot, add
from integrity.records import Params
from integrity.store import IntegrityStore, open_store

ACCOUNT = "integrity"
"""The module's account: it holds the bonds."""

COMMON = "gov"
"""Whose what is forfeited becomes: the hub's common account."""


@dataclass(frozen=True, slots=True)
class Corroboration:
    """Endorsements, challenges and appeals over the ledger that holds the bonds."""

    ledger: TokenLedger

    def add_source(self, ctx: Context, message: messages.AddSource) -> None:
        """Let an account endorse what it sees on a chain.

        Raises:
            UnknownChain: There is no such chain.
        """
        if open_store(ctx).chain(message.chain) is None:
            raise UnknownChain(message.chain)
        source = Source(message.name, message.operator, message.account, message.chain)
        open_endorsements(ctx).set_source(source)

    def endorse(self, ctx: Context, message: messages.Endorse) -> None:
        """Take a source's word and its bond.

        Raises:
            NotASource: Not the source's account, or its chain is too low for this.
            NotIndependent: Its operator has spoken already, or runs the origin.
            EndorsementClosed: It is used, false or challenged, or full.
            UnknownChain: There is no such origin.
        """
        store, endorsements = open_store(ctx), open_endorsements(ctx)
        params = store.params()
        source = endorsements.source(message.source)
        if source is None or source.account != message.signer:
            raise NotASource(f"{message.source} is not the signer's")
        key = message.key
        origin = store.chain(key.origin)
        if origin is None:
            raise UnknownChain(key.origin)
        standing = need_of(store, origin, Address(b"")).standing(source.chain)
        if standing < key.level - 1:
            raise NotASource(f"{source.chain} is too low to lift to level {key.level}")
        bond = self._take_bond(ctx, params, message.signer)
        found = endorsements.endorsement(key) or Endorsement(key)
        if len(found.vouches) >= MAX_VOUCHES:
            raise EndorsementClosed(f"{MAX_VOUCHES} sources have spoken")
        vouch = Vouch(source.name, source.operator, source.account, source.chain, bond, ctx.height)
        endorsements.set_endorsement(vouched(found, vouch, origin.operator))
        _tell(ctx, "integrity_vouched", key, source=source.name)

    def withdraw(self, ctx: Context, message: messages.Withdraw) -> None:
        """Take the signer's words back; or, once they can no longer be challenged, its bonds.

        Raises:
            EndorsementClosed: It is challenged or false, the time is not over, or the signer
                has no word in it.
        """
        endorsements = open_endorsements(ctx)
        params = open_store(ctx).params()
        found = _require(endorsements, message.key)
        vouches: list[Vouch] = []
        freed = 0
        changed = False
        for vouch in found.vouches:
            mine = vouch.account == message.signer
            if mine and is_bond_free(
                found, vouch, height=ctx.height, window=params.challenge_blocks
            ):
                freed += vouch.bond
                vouches.append(replace(vouch, paid_back=True))
                changed = True
            elif mine and found.state is State.OPEN and not vouch.withdrawn_at:
                vouches.append(replace(vouch, withdrawn_at=ctx.height))
                changed = True
            else:
                vouches.append(vouch)
        if not changed:
            raise EndorsementClosed("nothing of the signer's can be taken back now")
        endorsements.set_endorsement(replace(found, vouches=tuple(vouches)))
        self._pay(ctx, params, message.signer, freed)

    def challenge(self, ctx: Context, message: messages.Challenge) -> None:
        """Stop an endorsement until governance has decided; a bond is put down.

        Raises:
            EndorsementClosed: It is challenged or false already, or was used too long ago.
        """
        endorsements = open_endorsements(ctx)
        params = open_store(ctx).params()
        found = _require(endorsements, message.key)
        late = found.state is State.USED and ctx.height > found.used_at + params.challenge_blocks
        if found.challenger or found.state is State.FALSE or late:
            raise EndorsementClosed("it can no longer be challenged")
        bond = self._take_bond(ctx, params, message.signer)
        endorsements.set_endorsement(
            replace(found, challenger=message.signer, challenge_bond=bond, grounds=message.grounds)
        )
        _tell(ctx, "integrity_challenged", message.key, grounds=message.grounds)

    def resolve(self, ctx: Context, message: messages.Resolve) -> None:
        """Decide a challenge.

        Upheld, every bond in the endorsement is forfeited, half of it the challenger's; and
        what the origin brought since the endorsement was used goes into quarantine. Refused,
        the challenger's bond goes to those who vouched.

        Raises:
            EndorsementClosed: Nobody challenges it.
        """
        endorsements, store = open_endorsements(ctx), open_store(ctx)
        params = store.params()
        found = _require(endorsements, message.key)
        if not found.challenger:
            raise EndorsementClosed("nobody challenges it")
        if message.upheld:
            self._slash(ctx, params, found)
            gone = tuple(replace(vouch, paid_back=True) for vouch in found.vouches)
            decided = replace(found, vouches=gone, state=State.FALSE)
            if found.state is State.USED:
                store.freeze(message.key.origin, found.used_at)
        else:
            standing = [vouch for vouch in found.vouches if not vouch.paid_back]
            each = found.challenge_bond // max(len(standing), 1)
            for vouch in standing:
                self._pay(ctx, params, vouch.account, each)
            rest = found.challenge_bond - each * len(standing)
            self._pay(ctx, params, self.ledger.module_address(COMMON), rest)
            decided = found
        endorsements.set_endorsement(replace(decided, challenger=Address(b""), challenge_bond=0))
        outcome = "upheld" if message.upheld else "refused"
        _tell(ctx, "integrity_resolved", message.key, challenge=outcome)

    def _slash(self, ctx: Context, params: Params, found: Endorsement) -> None:
        forfeited = sum(vouch.bond for vouch in found.vouches if not vouch.paid_back)
        reward = forfeited // 2
        self._pay(ctx, params, found.challenger, found.challenge_bond + reward)
        common = self.ledger.module_address(COMMON)
        self._pay(ctx, params, common, forfeited - reward)

    # --- appeals ------------------------------------------------------------------------

    def appeal(self, ctx: Context, message: messages.OpenAppeal) -> int:
        """Open an appeal against the quarantine of one's own lot; return its number.

        Raises:
            AppealClosed: The signer has no such lot, it is free, or it is appealed already.
        """
        store, endorsements = open_store(ctx), open_endorsements(ctx)
        lot = _frozen_lot(store, message.signer, message.denom, message.source, message.height)
        for other in endorsements.appeals():
            same = (other.owner, other.denom) == (message.signer, message.denom)
            if same and other.lot == lot and other.verdict is Verdict.OPEN:
                raise AppealClosed(f"appeal {other.number} is open for it")
        bond = self._take_bond(ctx, store.params(), message.signer)
        number = endorsements.take_appeal_number()
        opened = Appeal(number, message.signer, message.denom, lot, bond, ctx.height)
        endorsements.set_appeal(opened)
        attributes = (
            ("appeal", str(number)),
            ("chain", lot.source),
            ("denom", str(message.denom)),
            ("amount", str(lot.amount)),
            ("datum", appeal_datum(opened).hex()),
        )
        ctx.emit(Event("integrity_appeal", attributes))
        return number

    def settle(self, ctx: Context, message: messages.Settle) -> bool:
        """Decide an appeal by its rule; return whether it was upheld.

        Upheld as soon as as many independent sources endorse it as lift a packet, unchallenged
        for as long: the lot then counts as older than the quarantine. Refused when the time is
        over and they are fewer: the bond is forfeited, the lot stays where it is.

        Raises:
            AppealClosed: It is decided, or neither is the case yet.
        """
        store, endorsements = open_store(ctx), open_endorsements(ctx)
        params = store.params()
        found = endorsements.appeal(message.number)
        if found is None or found.verdict is not Verdict.OPEN:
            raise AppealClosed(f"no open appeal {message.number}")
        key = Key(found.lot.source, appeal_datum(found), found.lot.label)
        endorsement = endorsements.endorsement(key)
        need = need_of(store, store.chain(key.origin), found.owner)
        if endorsement is not None and is_ripe(endorsement, need, ctx.height):
            self._release(store, found)
            use(ctx, endorsements, endorsement, f"appeal/{found.number}")
            verdict, to = Verdict.UPHELD, found.owner
        elif ctx.height >= found.opened_at + params.appeal_blocks:
            verdict, to = Verdict.REFUSED, self.ledger.module_address(COMMON)
        else:
            raise AppealClosed(f"appeal {found.number} waits for its sources")
        self._pay(ctx, params, to, found.bond)
        endorsements.set_appeal(replace(found, verdict=verdict))
        attributes = (("appeal", str(found.number)), ("verdict", verdict.name.lower()))
        ctx.emit(Event("integrity_appeal_settled", attributes))
        return verdict is Verdict.UPHELD

    def _release(self, store: IntegrityStore, appeal: Appeal) -> None:
        """Let a lot count as accepted before the quarantine; its label stays."""
        denom = Denom(appeal.denom)
        lots = store.lots(appeal.owner, denom)
        if appeal.lot not in lots:
            raise AppealClosed("the lot is no longer there")
        since = _quarantined_since(store, appeal.lot)
        if since is None:
            raise AppealClosed("the lot is free")
        others = [lot for lot in lots if lot != appeal.lot]
        freed = replace(appeal.lot, height=since - 1)
        store.set_lots(appeal.owner, denom, add((), (*others, freed)))

    # --- bonds --------------------------------------------------------------------------

    def _take_bond(self, ctx: Context, params: Params, owner: Address) -> int:
        if not params.bond_denom:
            raise NotASource("this hub has no bonds, so nobody endorses")
        coin = Coin(Denom(params.bond_denom), params.bond)
        self.ledger.send(ctx, owner, self.ledger.module_address(ACCOUNT), coin)
        return params.bond

    def _pay(self, ctx: Context, params: Params, to: Address, amount: int) -> None:
        if amount:
            coin = Coin(Denom(params.bond_denom), amount)
            self.ledger.send(ctx, self.ledger.module_address(ACCOUNT), to, coin)


def _frozen_lot(
    store: IntegrityStore, owner: Address, denom: Denom, source: str, height: int
) -> Lot:
    for lot in store.lots(owner, denom):
        if (lot.source, lot.height) == (source, height):
            if _quarantined_since(store, lot) is None:
                raise AppealClosed("the lot is not in quarantine")
            return lot
    raise AppealClosed(f"no lot of {denom} from {source} at height {height}")


def _quarantined_since(store: IntegrityStore, lot: Lot) -> int | None:
    """Return the height from which lots of this kind are frozen, if this one is."""
    if lot.source == MIXED:
        since = min(store.quarantines().values(), default=None)
    else:
        since = store.frozen_since(lot.source)
    return None if since is None or lot.height < since else since


def _require(endorsements: EndorsementStore, key: Key) -> Endorsement:
    found = endorsements.endorsement(key)
    if found is None:
        raise EndorsementClosed("nobody has endorsed this")
    return found


def _tell(ctx: Context, kind: str, key: Key, **more: str) -> None:
    attributes = (
        ("origin", key.origin),
        ("datum", key.datum.hex()),
        ("level", str(key.level)),
        *more.items(),
    )
    ctx.emit(Event(kind, attributes))
