"""ICS-23: proofs that a key has a value, or none, under a root.

Spec:
    ICS-23 "Vector commitments"; cosmos/ics23 at 7f2c2d0 (0.12), with every check that
    followed Dragonberry (GHSA-559w-cqpc-p2f4).
"""

from chainkit.commitments.ics23.chained import (
    apply_prefix,
    build_merkle_path,
    join_merkle_proof,
    split_merkle_proof,
    validate_merkle_path,
    validate_merkle_prefix,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.commitments.ics23.codec import (
    decode_proof,
    decode_spec,
    encode_proof,
    encode_spec,
)
from chainkit.commitments.ics23.specs import IAVL_SPEC, SMT_SPEC, TENDERMINT_SPEC
from chainkit.commitments.ics23.types import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    InnerSpec,
    LeafOp,
    LengthOp,
    NonExistenceProof,
    ProofSpec,
)
from chainkit.commitments.ics23.verify import (
    calculate_root,
    verify_membership,
    verify_non_membership,
)

__all__ = [
    "IAVL_SPEC",
    "SMT_SPEC",
    "TENDERMINT_SPEC",
    "CommitmentProof",
    "ExistenceProof",
    "HashOp",
    "InnerOp",
    "InnerSpec",
    "LeafOp",
    "LengthOp",
    "NonExistenceProof",
    "ProofSpec",
    "apply_prefix",
    "build_merkle_path",
    "calculate_root",
    "decode_proof",
    "decode_spec",
    "encode_proof",
    "encode_spec",
    "join_merkle_proof",
    "split_merkle_proof",
    "validate_merkle_path",
    "validate_merkle_prefix",
    "verify_chained_membership",
    "verify_chained_non_membership",
    "verify_membership",
    "verify_non_membership",
]
