"""The demos' verdicts must be able to be false."""

from tests.mutants.support import Mutant

_SUPPLY = "tests/unit/test_demos_supply.py"

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
        "                if denom not in explained[name] and now != first:\n",
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
]
