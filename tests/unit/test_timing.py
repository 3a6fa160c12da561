"""Stages are timed and collected for their caller."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from time import sleep

import pytest
from pipeline.timing import add, measured, stage


def test_a_stage_that_recurs_adds_up() -> None:
    with measured() as milliseconds:
        for _ in range(2):
            with stage("decode"):
                sleep(0.01)
        with stage("encode"):
            pass
    assert milliseconds["decode"] >= 20
    assert milliseconds["encode"] >= 0


def test_a_stage_that_fails_is_timed_as_well() -> None:
    with measured() as milliseconds, pytest.raises(ValueError, match="damaged"), stage("decode"):
        raise ValueError("damaged")
    assert list(milliseconds) == ["decode"]


def test_only_the_innermost_measurement_collects() -> None:
    with measured() as outer:
        with measured() as inner, stage("decode"):
            pass
        assert (list(outer), list(inner)) == ([], ["decode"])
        with stage("encode"):
            pass
    assert list(outer) == ["encode"]


def test_times_measured_elsewhere_are_added() -> None:
    with measured() as milliseconds:
        add({"decode": 2.0})
        add({"decode": 3.0, "encode": 1.0})
    assert milliseconds == {"decode": 5.0, "encode": 1.0}


def test_a_thread_collects_in_a_copy_of_the_context() -> None:
    def work() -> None:
        with stage("publish"):
            pass

    with ThreadPoolExecutor(1) as pool, measured() as milliseconds:
        pool.submit(work).result()
        assert not milliseconds
        pool.submit(copy_context().run, work).result()
    assert list(milliseconds) == ["publish"]


def test_nothing_is_collected_unless_a_caller_measures() -> None:
    with stage("decode"):
        add({"decode": 1.0})
    with measured() as milliseconds:
        pass
    assert not milliseconds
