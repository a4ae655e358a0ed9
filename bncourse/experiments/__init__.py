"""The paper's experiments: for each, a frozen configuration and a function that gives a Run."""
