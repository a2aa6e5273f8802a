"""What a node answers by protobuf: one table of methods behind gRPC, REST and ``abci_query``."""
