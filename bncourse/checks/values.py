"""Values given and values wanted: what can be compared, whether they agree, and a clause about where they do not."""

import numpy as np

SINGLE = 100 * float(np.finfo(np.float32).eps)  # what an answer in float32 may be off by, relative to the largest value


class Rejection(Exception):
    """An answer that cannot be compared: it says what was found and what was expected."""


def numbers(name: str, part) -> np.ndarray:
    """A returned value as an array; name is that of the value. Raises Rejection unless it holds real numbers."""
    try:
        array = np.asarray(part.detach() if hasattr(part, "detach") else part)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Rejection(f"{name} cannot be read as an array; expected numbers. {error}") from None
    if array.dtype.kind == "c":
        raise Rejection(f"{name} is complex ({array.dtype}); expected real numbers.")
    if array.dtype.kind not in "fiub":
        raise Rejection(f"{name} is of type {type(part).__name__}; expected numbers.")
    return array


def as_arrays(returned) -> list[np.ndarray]:
    """A function's return value as a list of arrays, one for each thing returned."""
    return [np.asarray(part) for part in (returned if isinstance(returned, tuple | list) else (returned,))]


def close(given: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two arrays agree, entry by entry, as an array of booleans.

    They agree within the tolerance times the largest finite wanted value, or times 1 if that value is below 1. An
    array in float32 has the tolerance of its precision, if that is the larger one.
    """
    tolerance = max(tolerance, SINGLE) if given.dtype == np.float32 else tolerance
    return np.asarray(np.isclose(given, wanted, rtol=0, atol=tolerance * size(wanted), equal_nan=True))


def size(wanted: np.ndarray) -> float:
    """The largest finite value of an array, or 1 if that value is below 1."""
    finite = wanted[np.isfinite(wanted)]
    return max(1.0, float(np.abs(finite).max())) if finite.size else 1.0


def relative_error(given: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference of two arrays, relative to the `size` of the wanted one.

    It is infinite where the shapes differ or one value alone is not finite.
    """
    if given.shape != wanted.shape:
        return np.inf
    with np.errstate(invalid="ignore"):
        off = np.atleast_1d(np.abs(np.subtract(given, wanted, dtype=float)))
    off[np.atleast_1d(np.isclose(given, wanted, rtol=0, atol=0, equal_nan=True))] = 0
    return float(np.nan_to_num(off, nan=np.inf, posinf=np.inf).max(initial=0.0)) / size(wanted)


def like_errors(one: float, other: float, tolerance: float) -> bool:
    """Whether two errors can be rounding of one kind: both within the tolerance, or within a factor of 100."""
    low, high = sorted((one, other))
    return high <= tolerance or (low > tolerance and high <= 100 * low)


def difference(name: str, given: np.ndarray, wanted: np.ndarray, tolerance: float) -> str:
    """A clause about how the array of this name differs from the wanted one; an empty text if they agree."""
    if given.shape != wanted.shape:
        return f"{name} has shape {given.shape}, expected {wanted.shape}"
    if close(given, wanted, tolerance).all():
        return ""
    clause = f"{name}{worst_entry(given, wanted)}"
    if wanted.dtype.kind == given.dtype.kind == "f" and given.dtype.itemsize < wanted.dtype.itemsize:
        digits = np.finfo(given.dtype).precision
        clause += f" (it has dtype {given.dtype}, which keeps about {digits} digits; compute in {wanted.dtype})"
    return clause


def worst_entry(given: np.ndarray, wanted: np.ndarray) -> str:
    """A clause that names the entry with the largest error, with enough digits to see the error."""
    off = np.abs(np.subtract(given, wanted, dtype=float))
    place = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
    found, expected = distinct_texts(given[place], wanted[place])
    return f"{[int(i) for i in place] or ''} is {found}, expected {expected}"


def distinct_texts(given: np.generic, wanted: np.generic) -> tuple[str, str]:
    """Two different values as two different texts, with 6, 9, 12 or 17 digits; booleans and whole numbers as such."""
    if wanted.dtype.kind == "b":
        return f"{bool(given)}", f"{bool(wanted)}"
    if all(float(v).is_integer() and abs(v) < 1e15 for v in (given, wanted)):
        return f"{int(given)}", f"{int(wanted)}"
    digits = next((d for d in (6, 9, 12) if f"{given:.{d}g}" != f"{wanted:.{d}g}"), 17)
    return f"{given:.{digits}g}", f"{wanted:.{digits}g}"
