"""Bitcoin's formats: headers, proof of work, transactions, Script, addresses, merkle blocks."""
