"""The demos' verdicts must be able to be false."""

from tests.mutants.support import Mutant

_SUPPLY = "tests/unit/test_demos_supply.py"
_BITCOIN = "tests/unit/test_demos_supply_bitcoin.py"
_ETHEREUM = "tests/unit/test_demos_supply_ethereum.py"

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
    Mutant(
        "burnt-coins-are-not-missed",
        "demos/supply_ethereum.py",
        'issued[self._denom] -= _integer(header["baseFeePerGas"]) * _integer(header["gasUsed"])',
        "issued[self._denom] -= 0",
        f"{_ETHEREUM}::test_every_block_agrees_with_the_state",
    ),
    Mutant(
        "an-account-brings-what-it-has-when-it-is-named",
        "demos/supply_ethereum.py",
        "self._ask_balances(new, (self._denom,), 0)",
        "self._ask_balances(new, (self._denom,), height - 1)",
        f"{_ETHEREUM}::test_coins_out_of_nothing_are_told",
    ),
    Mutant(
        "mints-on-an-account-chain-are-not-read",
        "demos/supply_ethereum.py",
        "amount * ((sender == ZERO) - (receiver == ZERO))",
        "0",
        f"{_ETHEREUM}::test_every_block_agrees_with_the_state",
    ),
    Mutant(
        "ethereum-blocks-need-not-stand-on-one-another",
        "demos/supply_ethereum.py",
        'header["parentHash"] != last.block_hash:',
        'header["parentHash"] == "":',
        f"{_ETHEREUM}::test_blocks_that_do_not_fit_end_the_reading",
    ),
    Mutant(
        "receipts-of-any-block-will-do",
        "demos/supply_ethereum.py",
        'if {_text(each["blockHash"]) for each in done} - {_text(header["hash"])}:',
        "if False:",
        f"{_ETHEREUM}::test_blocks_that_do_not_fit_end_the_reading",
    ),
    Mutant(
        "holders-of-a-token-are-not-added-up",
        "demos/supply_ethereum.py",
        "return {denom: held[denom] for denom in (self._denom, *page.totals)}",
        "return self.supply(height)",
        f"{_ETHEREUM}::test_a_token_that_nobody_holds_is_told",
    ),
]
