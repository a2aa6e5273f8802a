"""Bitcoin Core's chain state in a process of its own: ``python -m tests.clients.kernel_process DIR``.

A block in hex on a line in, one line of JSON out: the active tip, and what validation said.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]


class KernelProcess:
    """The process, fed block by block; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.clients.kernel_process", str(folder)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.tip = ""
        self.said = ""

    def __enter__(self) -> Self:
        self._read()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def feed(self, raw: bytes) -> None:
        """Give it a block; ``tip`` and ``said`` are what came of it."""
        self.process.stdin.write(raw.hex() + "\n")
        self.process.stdin.flush()
        self._read()

    def _read(self) -> None:
        line = self.process.stdout.readline()
        assert line, "the kernel's process ended"
        answer = json.loads(line)
        self.tip, self.said = answer["tip"], answer["said"]


def main() -> None:
    import pbk  # noqa: PLC0415 - only this process has it

    said = [""]

    def checked(_data, _block, state) -> None:
        said[0] = f"{state.validation_mode.name} {state.block_validation_result.name}"

    pbk.disable_log_category(pbk.LogCategory.ALL)
    callbacks = pbk.ValidationInterfaceCallbacks(block_checked=checked)
    manager = pbk.load_chainman(sys.argv[1], pbk.ChainType.REGTEST, callbacks)

    def tell() -> None:
        entry = manager.get_active_chain().block_tree_entries[-1]
        print(json.dumps({"tip": str(entry.block_hash), "said": said[0]}), flush=True)

    tell()
    for line in sys.stdin:
        said[0] = ""
        try:
            manager.process_block(pbk.Block(bytes.fromhex(line)))
        except (pbk.ProcessBlockException, RuntimeError, ValueError) as error:
            said[0] = said[0] or type(error).__name__
        tell()


if __name__ == "__main__":
    main()
