"""The hub as a kind of chain: a Tendermint chain whose stake decides the validators."""
