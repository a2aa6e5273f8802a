"""The demos' verdicts must be able to be false."""

from tests.mutants.support import Mutant

_SUPPLY = "tests/unit/test_demos_supply.py"
_BITCOIN = "tests/unit/test_demos_supply_bitcoin.py"

MUTANTS = [
    Mutant(
        "supply-reader-compares-nothing-along-a-channel",
        "demos/supply_equation.py",
        "        if locked != vouchers + travelling:\n",
        "        if False:\n",
        f"{_SUPPLY}::test_vouchers_out_of_nothing_are_told",
    ),
    Mutant(
        "supply-reader-forgets-what-is-in-flight",
        "demos/supply_equation.py",
        "        if locked != vouchers + travelling:\n",
        "        if locked != vouchers:\n",
        f"{_SUPPLY}::test_packets_in_flight_count",
    ),
    Mutant(
        "supply-reader-does-not-watch-native-supply",
        "demos/supply_equation.py",
        "                if denom not in explained[name] and now != expected:\n",
        "                if False:\n",
        f"{_SUPPLY}::test_a_native_supply_that_grows_is_told",
    ),
    Mutant(
        "supply-reader-takes-an-unread-height-for-conserved",
        "demos/supply_equation.py",
        "        if block.height != expected:\n",
        "        if False:\n",
        f"{_SUPPLY}::test_a_height_that_is_left_out_is_told",
    ),
    Mutant(
        "supply-reader-does-not-add-up-the-accounts",
        "demos/supply_equation.py",
        "            if state.last.held is not None and state.last.held != state.last.supply:\n",
        "            if False:\n",
        f"{_SUPPLY}::test_balances_out_of_nothing_are_told",
    ),
    Mutant(
        "proofs-of-refused-transactions-count",
        "demos/supply_forms.py",
        'if not each.get("code"))',
        "if True)",
        f"{_SUPPLY}::test_only_accepted_transactions_count",
    ),
    Mutant(
        "any-coinbase-counts-as-issued",
        "demos/supply_bitcoin.py",
        "issued=min(made, SUBSIDY >> (height // HALVING_BLOCKS)),",
        "issued=made,",
        f"{_BITCOIN}::test_coins_beyond_the_subsidy_are_told",
    ),
    Mutant(
        "escrow-outputs-are-not-held-against-the-state",
        "demos/supply_bitcoin.py",
        "held[self._denom] += 0 if is_escrow else value",
        "held[self._denom] += value",
        f"{_BITCOIN}::test_every_block_agrees_with_the_ledger",
    ),
    Mutant(
        "lots-on-spent-outputs-count",
        "demos/supply_bitcoin.py",
        '            if (str(item["txid"]), _integer(item["vout"])) in self._unspent:\n',
        "            if True:\n",
        f"{_BITCOIN}::test_a_foreign_token_on_a_spent_output_is_not_counted",
    ),
    Mutant(
        "a-deep-reorganisation-goes-unseen",
        "demos/supply_bitcoin.py",
        'block["previousblockhash"] != self._page.block_hash:',
        'block["previousblockhash"] == "":',
        f"{_BITCOIN}::test_a_reorganisation_below_final_blocks_ends_the_reading",
    ),
]
