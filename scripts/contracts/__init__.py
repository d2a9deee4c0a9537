"""Who may import whom: rules derived from what is in the tree, and the proof that each of them can be broken."""
