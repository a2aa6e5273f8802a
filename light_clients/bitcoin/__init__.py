"""isthmus-bitcoin: headers by work, final at a depth; state by the coinbase's commitment."""
