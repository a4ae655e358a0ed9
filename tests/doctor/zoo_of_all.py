"""The whole zoo, in the order of its files."""

from tests.doctor import zoo, zoo_of_forms, zoo_of_networks, zoo_of_training

__all__ = ["ZOO", "zoo_of_forms", "zoo_of_networks", "zoo_of_training"]

ZOO = tuple(zoo.ZOO)
