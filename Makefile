# Each target builds what it needs into $(VENV) first. `make help` lists them.

ROS_DISTRO ?= jazzy
SOURCE ?= synthetic
MODELS ?=
PYTHON ?= python3

VENV := .venv$(if $(filter-out jazzy,$(ROS_DISTRO)),-$(ROS_DISTRO))
BIN := $(VENV)/bin

export POSE_ROS_WEIGHTS := $(CURDIR)/.weights
export ROS_LOG_DIR := $(CURDIR)/log
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST

.PHONY: help demo demo-mimicry demo-grasp test bench lint env weights clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: weights ## people in SOURCE (synthetic, RGB-D folder, video, webcam's number, bag), objects of MODELS or a BOP scene
	$(BIN)/pose_ros demo $(SOURCE) $(if $(MODELS),--objects $(MODELS)) --out demo_output

demo-mimicry: weights ## a synthetic person leads a simulated arm; ARGS="--robot iiwa --motion wave"
	$(BIN)/pose_ros demo-mimicry --out demo_output/mimicry $(ARGS)

demo-grasp: weights ## a simulated arm picks what the nodes find on a simulated table; ARGS="--scenes 5"
	$(BIN)/pose_ros demo-grasp --out demo_output/grasp $(ARGS)

test: weights ## all tests; ARGS= for pytest
	ROS_PYTHON_CHECK_FIELDS=1 $(BIN)/python -m pytest $(ARGS)

bench: weights .venv-bench/ready ## the speed table beside MediaPipe's and LiteRT's, kept in bench/results
	$(BIN)/pose_ros weights get blazepose_lite blazepose_heavy
	$(BIN)/pose_ros bench --json bench/results --peer-python .venv-bench/bin/python

.venv-bench/ready: bench/requirements-peer.txt
	$(PYTHON) -m venv .venv-bench && .venv-bench/bin/pip install -q -r $< && touch $@

lint: env ## style and errors
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

weights: env ## the networks, once
	@$(BIN)/pose_ros weights get default

env: ## Python packages and ROS_DISTRO (jazzy, kilted) into $(VENV), or a sourced ROS 2
	@$(PYTHON) pose_ros/ros/wheels/environment.py --venv $(VENV) --distro $(ROS_DISTRO)

clean: ## everything that make has made
	rm -rf .venv .venv-* .weights log build install demo_output *.egg-info
