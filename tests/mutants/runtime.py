"""Defences of the kernel's ledger, its transactions and the hub's stake."""

from tests.mutants.support import Mutant

APPLICATION = "tests/unit/test_runtime_application.py"
STAKING = "tests/unit/test_hub_staking.py"
LEDGER = "tests/property/test_runtime_ledger.py"

MUTANTS = [
    Mutant(
        "account sequence is not compared",
        "chainkit/runtime/ante.py",
        "if info.sequence != account.sequence:",
        "if info.sequence < account.sequence:",
        APPLICATION,
    ),
    Mutant(
        "signature is not verified",
        "chainkit/runtime/ante.py",
        "if not secp256k1.verify_remembered(account.public_key, sha256(document), signature):",
        "if not signature:",
        APPLICATION,
    ),
    Mutant(
        "key need not be the signer's",
        "chainkit/runtime/ante.py",
        "secp256k1.secp256k1_address(key) != address or ",
        "",
        "tests/unit/test_runtime_application.py::test_another_key_cannot_sign_for_an_account",
    ),
    Mutant(
        "a refused message keeps what it wrote",
        "chainkit/runtime/execution.py",
        "        with ctx.savepoint():\n            for index, call",
        "        if True:\n            for index, call",
        "tests/unit/test_runtime_application.py",
    ),
    Mutant(
        "savepoint keeps events",
        "chainkit/runtime/context.py",
        "return self._events.cut(self.event_mark)",
        "return self._events.since(self.event_mark)",
        "tests/unit/test_runtime_context.py",
    ),
    Mutant(
        "sender's balance is not compared",
        "chainkit/modules/bank.py",
        "if held < coin.amount:",
        "if held < 0:",
        LEDGER,
    ),
    Mutant(
        "double sign is punished twice",
        "relay_chain/app/slashing.py",
        "if info.tombstoned:\n            return",
        "if info.tombstoned and not self:\n            return",
        STAKING,
    ),
    Mutant(
        "stake that leaves escapes its fault",
        "relay_chain/app/staking.py",
        "unbonding.creation_height >= infraction_height",
        "unbonding.creation_height < 0",
        STAKING,
    ),
    Mutant(
        "a proposal may speak for anybody",
        "relay_chain/app/governance.py",
        "!= (authority,):",
        "== ():",
        STAKING,
    ),
]
