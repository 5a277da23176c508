import pytest

pytest.register_assert_rewrite("inklings.testing.contracts")
