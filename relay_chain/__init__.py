"""The hub: Tendermint consensus, its application and its node."""
