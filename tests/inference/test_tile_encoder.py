import pytest

from inklings.errors import SpecError
from inklings.inference.tile_encoder import arguments


def test_arguments_of_a_model_are_read_by_their_kind() -> None:
    said = "init_values=1e-5, dynamic_img_size=true,depth=3,pool=none,mlp=swiglu"
    assert dict(arguments(said)) == {
        "init_values": 1e-5, "dynamic_img_size": True, "depth": 3, "pool": None, "mlp": "swiglu",
    }  # fmt: skip
    assert arguments(None) == ()


@pytest.mark.parametrize("text", ["a", "a=", "=1", "a b=1", "a=1,a=2"])
def test_what_no_model_can_be_told_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--model-args: expected"):
        arguments(text)
