SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEV ?= data/corpus/test.jsonl

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types train evaluate bench ray clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(VENV)/.done ## a virtual environment with the pinned packages and fiqra in it

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,openvino]'
	@touch $@

demo: setup ## tag the sample articles: a table here, and demo.html
	@$(BIN)/fiqra predict data/articles --table -o demo.html
	@echo "Open demo.html in a browser."

test: lint types ## lint, types and tests
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

train: setup ## train the shipped tagger anew (CONFIG=configs/mini.yaml)
	$(BIN)/fiqra train $(or $(CONFIG),configs/mini.yaml)

evaluate: setup ## measure a tagger (TAGGER=fiqra-mini DEV=data/corpus/test.jsonl)
	$(BIN)/fiqra evaluate $(or $(TAGGER),fiqra-mini) $(DEV)

bench: setup ## speed beside transformers, sentence-transformers and ONNX Runtime (BENCH="--rounds 5 --paragraphs 400")
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/speed.py $(BENCH)

ray: setup ## test a Ray cluster of two nodes on this machine, one of which is killed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pytest tests/test_ray_engine.py

clean: ## remove what make made
	rm -rf $(VENV) build dist src/*.egg-info demo.html
