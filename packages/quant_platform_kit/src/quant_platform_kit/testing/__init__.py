"""The paper broker, clocks that stand still, and the contract suites every adapter passes."""
