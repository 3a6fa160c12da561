"""The possible next steps of a run of `reconcile`, with the whole protocol or without one part."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from tests.unit.protocol import search
from tests.unit.protocol.scenario import (
    FIRST_IMAGE,
    IMAGES,
    KEYS,
    NO_VERSION,
    NOTHING,
    REJECTED,
    UNKNOWN,
    Event,
    Images,
    Part,
    Run,
    Scenario,
    World,
)
from tests.unit.protocol.search import Fault

Move: TypeAlias = search.Move[World, Run]


class Turn:
    """The possible next steps of *run* in *world*."""

    def __init__(self, scenario: Scenario, without: Part | None, world: World, run: Run) -> None:
        self._scenario = scenario
        self._without = without
        self._world = world
        self._run = run

    def moves(self) -> Iterator[Move]:
        """Yield everything that may come next, the end of the process included."""
        yield from self._calls()
        # A workflow repeats the step, with the version that it is pinned to.
        again = Run(self._run.event, pinned=self._run.pinned)
        if self._run != again:
            yield Move("killed", self._world, again, Fault.KILLED)

    def _calls(self) -> Iterator[Move]:
        """Yield the calls that may come next; those in parallel come in any order."""
        run = self._run
        if self._is_to_be_inspected():
            yield self._goes_on("inspect", pinned=self._world.position)
        elif run.source == UNKNOWN or UNKNOWN in run.seen or run.record == NO_VERSION:
            yield from self._reads()
        elif self._lacks_review():
            yield Move("end as unreviewed", self._world, None)
        elif created := self._created():
            for key in created:
                yield from self._put(key)
        elif others := self._replaced() or self._deleted():
            if self._must_confirm():
                yield self._confirm()
                return
            for key in others:
                yield from self._put(key) if IMAGES[run.source][key] else self._delete(key)
        elif self._drops(Part.RECORD_BEFORE_CHECK):
            yield self._check_then_record()
        elif run.record != run.version and self._wants_record():
            is_confirmed = run.confirmed or self._drops(Part.CONFIRMING_RECORD)
            yield self._write_record() if is_confirmed else self._confirm()
        else:
            yield self._check()

    def _is_to_be_inspected(self) -> bool:
        run = self._run
        return self._scenario.reviewed and run.event != Event.BACKFILL and run.pinned == NO_VERSION

    def _lacks_review(self) -> bool:
        """Whether this run may publish only what is published already, and that is not."""
        run = self._run
        is_bound = self._scenario.reviewed and run.event == Event.BACKFILL
        return is_bound and run.source != NOTHING and run.source not in run.seen

    def _reads(self) -> Iterator[Move]:
        """GET the source and, concurrently, the record and a HEAD of every candidate."""
        if self._run.source == UNKNOWN:
            yield self._get()
        world = self._world
        if self._scenario.heads_at_once:
            if UNKNOWN in self._run.seen:
                step = "HEAD every candidate, read record"
                yield self._goes_on(step, seen=world.images, record=world.record)
            return
        if self._run.record == NO_VERSION:
            yield self._goes_on("read record", record=world.record)
        unknown = [key for key, image in enumerate(self._run.seen) if image == UNKNOWN]
        for key in unknown:
            seen = _at(self._run.seen, key, world.images[key])
            yield self._goes_on(f"HEAD {KEYS[key]}", seen=seen)

    def _get(self) -> Move:
        step = "GET source"
        if NO_VERSION != self._run.pinned != self._world.position:
            return self._superseded(step)
        source = self._present()
        if source == NOTHING and not self._may_delete():
            return Move(step, self._world, None)
        # Records of a deletion are alike.
        at = self._scenario.history.index(NOTHING) if source == NOTHING else self._world.position
        return self._goes_on(step, source=source, version=at)

    def _may_delete(self) -> bool:
        """Whether a missing source counts as deleted."""
        if self._run.event == Event.BACKFILL:
            return self._run.wrote_before and self._has(Part.TAKING_BACK)
        return self._run.event == Event.REMOVAL or self._has(Part.UPLOADS_DELETE)

    def _created(self) -> list[int]:
        """Return the keys of images to write where nothing was seen."""
        run = self._run
        if run.source in FIRST_IMAGE:
            first = FIRST_IMAGE[run.source]
            return [first] if run.seen[first] == NOTHING and not run.failed else []
        return [
            key
            for key, image in enumerate(IMAGES[run.source])
            if image != NOTHING and run.seen[key] == NOTHING
        ]

    def _replaced(self) -> list[int]:
        """Return the keys of images to write over other images, when all are encoded."""
        wanted = IMAGES[self._run.source]
        return [
            key
            for key, image in enumerate(self._run.seen)
            if wanted[key] != NOTHING and image != wanted[key]
        ]

    def _deleted(self) -> list[int]:
        """Return the keys of images to delete, when all others are written."""
        run = self._run
        if run.source in REJECTED:
            own = [key for key, image in enumerate(run.seen) if image == run.source]
            return own if self._has(Part.WITHDRAWING) else []
        if self._drops(Part.OTHER_CANDIDATES) and run.source != NOTHING:
            return []
        wanted = IMAGES[run.source]
        return [
            key for key, image in enumerate(run.seen) if wanted[key] == NOTHING and image != NOTHING
        ]

    def _must_confirm(self) -> bool:
        # No image of a rejected content is one that the source should have.
        is_rejected = self._run.source in REJECTED
        return not (is_rejected or self._run.confirmed or self._drops(Part.CONFIRMING_FIRST))

    def _confirm(self) -> Move:
        """HEAD the source after the images that are to be replaced were seen."""
        step = "HEAD source, to go on"
        return self._goes_on(step, confirmed=True) if self._is_same() else self._superseded(step)

    def _put(self, key: int) -> Iterator[Move]:
        condition = "If-None-Match" if self._run.seen[key] == NOTHING else "If-Match"
        return self._write(f"PUT {KEYS[key]} {condition}", key, self._run.source)

    def _delete(self, key: int) -> Iterator[Move]:
        return self._write(f"DELETE {KEYS[key]} If-Match", key, NOTHING)

    def _write(self, step: str, key: int, image: str) -> Iterator[Move]:
        """Write or delete, provided that the object has not changed."""
        run, world = self._run, self._world
        # A late fault appears after the first image was written.
        run = run._replace(failed=run.source in FIRST_IMAGE)
        if world.images[key] != run.seen[key] and self._has(Part.CONDITIONAL_WRITES):
            yield Move(f"{step}, refused", world, self._after_refusal(run, key))
            return
        world = world._replace(images=_at(world.images, key, image))
        yield Move(step, world, run._replace(seen=_at(run.seen, key, image), wrote=True))
        retried = f"{step}, response lost, sent again, refused"
        yield Move(retried, world, self._after_refusal(run, key), Fault.LOST_RESPONSE)

    def _after_refusal(self, run: Run, key: int) -> Run:
        run = run._replace(wrote=run.wrote or self._has(Part.COUNTING_ATTEMPTS))
        if self._drops(Part.NEW_ROUND):
            return run._replace(seen=_at(run.seen, key, UNKNOWN))
        return _next_round(run)

    def _wants_record(self) -> bool:
        return self._run.wrote or self._has(Part.RECORD_WHEN_CURRENT)

    def _write_record(self) -> Move:
        """Write the record, provided that the one that was read is still there."""
        run, world = self._run, self._world
        run = run._replace(wrote=True)
        if world.record != run.record and self._has(Part.CONDITIONAL_RECORD):
            return Move("write record, refused", world, _next_round(run))
        run = run._replace(record=run.version)
        return Move("write record", world._replace(record=run.version), run)

    def _check(self) -> Move:
        """End, with an event, if the source is unchanged."""
        step = "HEAD source, to end"
        is_rejected = self._run.source in REJECTED
        if self._drops(Part.FINAL_CHECK) or (
            self._drops(Part.CONFIRMING_REJECTIONS) and is_rejected
        ):
            return self._completed("end without a check")
        return self._completed(step) if self._is_same() else self._superseded(step)

    def _check_then_record(self) -> Move:
        """Do without `Part.RECORD_BEFORE_CHECK`."""
        if self._run.checked:
            done = self._completed("write record")
            return done._replace(world=done.world._replace(record=self._run.version))
        step = "HEAD source, before the record"
        return self._goes_on(step, checked=True) if self._is_same() else self._superseded(step)

    def _completed(self, step: str) -> Move:
        """End with an event, which is right if it is about the present source."""
        sends = self._run.wrote or self._has(Part.EVENT_WHEN_CURRENT)
        event_sent = self._world.event_sent or (sends and self._is_same())
        return Move(step, self._world._replace(event_sent=event_sent), None)

    def _superseded(self, step: str) -> Move:
        """Start over if something was written, or else leave it to the event of the change."""
        run = self._run
        if run.pinned != NO_VERSION:
            again = run.wrote or self._has(Part.INSPECTING_AGAIN)
            return Move(step, self._world, Run(run.event) if again else None)
        again = run.wrote and self._has(Part.STARTING_OVER)
        return Move(step, self._world, _next_round(run) if again else None)

    def _present(self) -> str:
        return self._scenario.history[self._world.position]

    def _is_same(self) -> bool:
        if self._run.pinned != NO_VERSION:
            return self._run.pinned == self._world.position
        return self._run.source == self._present()

    def _has(self, part: Part) -> bool:
        return part is not self._without

    def _drops(self, part: Part) -> bool:
        return part is self._without

    def _goes_on(self, step: str, **learned: Any) -> Move:
        """Change only the knowledge of this run."""
        return Move(step, self._world, self._run._replace(**learned))


def _next_round(run: Run) -> Run:
    return Run(run.event, pinned=run.pinned, wrote_before=run.wrote or run.wrote_before)


def _at(images: Images, key: int, image: str) -> Images:
    return (*images[:key], image, *images[key + 1 :])
