"""What an examination could leave behind: everything of a case and of the process that it has to find as it was."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from tests.doctor.cases import Case


def traces(case: Case) -> dict:
    """Name -> value, comparable by `==`: the same before and after, or something was left behind."""
    found = of_process()
    for path, module in case.model.named_modules():
        found |= {f"{path}: {name}": value for name, value in of_module(module).items()}
    found["batch"] = values(case.batch)
    if case.optimizer:
        found["optimizer"] = repr(case.optimizer.state_dict())
    dataset = getattr(case.loader, "dataset", case.loader)
    found["loader"] = values(getattr(dataset, "tensors", dataset if isinstance(dataset, list) else None))
    return found


def of_module(module: nn.Module) -> dict:
    """Its attributes by identity (so that a wrapped method shows), its tensors bit for bit, its mode and its hooks."""
    found = {name: id(value) for name, value in vars(module).items() if not isinstance(value, dict | bool)}
    found |= {name: value for name, value in vars(module).items() if isinstance(value, bool)}
    found |= {name: list(value) for name, value in vars(module).items() if isinstance(value, dict)}
    found["class"] = type(module)
    for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
        if tensor is not None:
            found[f"value of {name}"] = (id(tensor), tensor.requires_grad, values(tensor), values(tensor.grad))
    return found


def of_process() -> dict:
    """Random states, and the switches of torch that a probe may have reason to turn.

    Not that of `random`, which beartype draws from in these tests, whenever it checks a list's type.
    """
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "NumPy": (kind, keys.tobytes(), *rest),
        "torch": values(torch.get_rng_state()),
        "default dtype": torch.get_default_dtype(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "autocast": torch.is_autocast_enabled("cpu"),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "cudnn": [getattr(torch.backends.cudnn, flag) for flag in ("enabled", "benchmark", "deterministic")],
        "functions": [id(F.batch_norm), id(torch.batch_norm), id(F.dropout), id(nn.Module.__call__),
                      id(nn.Module.train), id(nn.Module._call_impl)],
        "modes": (len(_get_current_function_mode_stack()), len(_get_current_dispatch_mode_stack())),
        "hooks of all modules": [list(hooks) for name, hooks in vars(nn.modules.module).items()
                                 if name.startswith("_global_") and isinstance(hooks, dict)],
    }


def values(thing):
    """Bytes in place of each tensor in a nest of tuples, lists and dictionaries."""
    if isinstance(thing, torch.Tensor):
        return thing.dtype, tuple(thing.shape), thing.stride(), bytes(thing.detach().contiguous().view(-1).view(
            torch.uint8).numpy()) if thing.numel() else b""
    if isinstance(thing, dict):
        return {name: values(value) for name, value in thing.items()}
    if isinstance(thing, tuple | list):
        return [values(value) for value in thing]
    return thing


def left_behind(before: dict, after: dict) -> list[str]:
    """What differs, by name."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
