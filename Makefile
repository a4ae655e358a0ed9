# Shorthand for where make is at home; the commands themselves need nothing but Python.
start test data runs:
	python3 -m bncourse $@

.PHONY: start test data runs
