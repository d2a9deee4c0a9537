"""What rules that compare all stocks of a feature snapshot with each other have in common; each module is one idea."""
