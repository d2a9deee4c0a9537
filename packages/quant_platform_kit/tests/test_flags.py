from .exactly_once import X
def test_a(): assert X == 1; print(__name__)
