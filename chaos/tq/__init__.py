"""The campaign of the China futures app: eight services, killed, stopped and cut off in the middle of orders."""
