"""ibc-go's commitments of IBC v2, and the encodings of a transfer in its packets."""

from chainkit.primitives.types import ClientId, PortId, Sequence
from ibc.ics20_transfer.encodings import decode_value, encode_value
from ibc.ics20_transfer.packet_data import TransferData
from ibc.v2.codec import decode_packet_v2, encode_packet_v2
from ibc.v2.commitments import commit_acknowledgement_v2, commit_packet_v2
from ibc.v2.types import REFUSED, AcknowledgementV2, PacketV2, Payload
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("ibc-go/v2_commitments")


def packet_of(case):
    values = case["packet"]
    payloads = tuple(
        Payload(
            PortId(each["source_port"]),
            PortId(each["destination_port"]),
            each["version"],
            each["encoding"],
            bytes.fromhex(each["value_hex"]),
        )
        for each in values["payloads"]
    )
    return PacketV2(
        Sequence(int(values["sequence"])),
        ClientId(values["source_client"]),
        ClientId(values["destination_client"]),
        int(values["timeout_timestamp"]),
        payloads,
    )


def test_commitments_and_encodings(vector_cases) -> None:
    """Packets and answers commit to what ibc-go says; each encoding of the transfer is its only."""
    document = load_json("ibc-go/v2_commitments.json")
    transfer = TransferData(**document["transfer_data"])
    for case in document["packets"]:
        packet = packet_of(case)
        payload = packet.payloads[0]

        assert commit_packet_v2(packet).hex() == case["commitment_hex"]
        assert decode_packet_v2(encode_packet_v2(packet)) == packet
        assert decode_value(payload.value, payload.encoding) == transfer
        assert encode_value(transfer, payload.encoding) == payload.value
    for case in document["acknowledgements"]:
        entries = tuple(map(bytes.fromhex, case["app_acknowledgements_hex"]))

        assert commit_acknowledgement_v2(AcknowledgementV2(entries)).hex() == case["commitment_hex"]
    vector_cases(len(document["packets"]) + len(document["acknowledgements"]))
    assert document["acknowledgements"][1]["app_acknowledgements_hex"] == [
        REFUSED.app_acknowledgements[0].hex()
    ]
