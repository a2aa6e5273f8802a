"""isthmus-ghostdag: headers in GHOSTDAG's order, final at a blue score; state by their root."""
