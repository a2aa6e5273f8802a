"""How a chain runs: stores, modules, transactions, gas, events and queries. Pure."""
