"""The possible next steps of a run with manifests, with the whole protocol or without one part."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from tests.unit.protocol import search
from tests.unit.protocol.manifest_scenario import (
    LATE,
    NOTHING,
    REJECTED,
    UNKNOWN,
    VARIANTS,
    Image,
    Part,
    Run,
    Scenario,
    World,
    images_of,
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
        again = Run(self._run.event)
        if self._run != again:
            yield Move("killed", self._world, again, Fault.KILLED)

    def _calls(self) -> Iterator[Move]:
        """Yield the calls that may come next; those in parallel come in any order."""
        run = self._run
        if UNKNOWN in (run.source, run.manifest):
            yield from self._reads()
        elif run.source == NOTHING:
            yield from self._remove()
        elif run.source in REJECTED:
            yield from self._reject()
        else:
            yield from self._publish()

    def _reads(self) -> Iterator[Move]:
        """GET the source and its manifest at once: its key does not depend on the content."""
        if self._run.source == UNKNOWN:
            yield self._goes_on("GET source", source=self._present())
        if self._run.manifest == UNKNOWN:
            manifest = self._world.manifest
            yield self._goes_on("GET manifest", manifest=manifest, old=manifest)

    def _publish(self) -> Iterator[Move]:
        """Write the images, retire those listed before, and replace the manifest."""
        run = self._run
        is_listed = run.manifest == run.source
        if run.old not in (run.source, NOTHING) and UNKNOWN in run.listed:
            yield from self._head_listed()
        elif is_listed and UNKNOWN in run.images and run.old == run.source:
            yield from self._head_images()
        elif (missing := self._missing()) and (is_listed or self._has(Part.IMAGES_FIRST)):
            for variant in missing:
                yield from self._put(variant)
        elif not is_listed and run.manifest != NOTHING and self._must_confirm():
            yield self._confirm()
        elif (left := self._left()) and (is_listed or self._has(Part.RETIRING_FIRST)):
            for variant in left:
                yield self._retire(variant)
        elif not is_listed:
            yield from self._swap()
        else:
            yield self._check()

    def _remove(self) -> Iterator[Move]:
        """Delete the images in the manifest of a deleted source, and then the manifest."""
        run = self._run
        if run.old != NOTHING and UNKNOWN in run.listed:
            yield from self._head_listed()
        elif run.old != NOTHING and self._must_confirm():
            yield self._confirm()
        elif run.manifest != NOTHING and not self._has(Part.DELETING_IMAGES_FIRST):
            yield self._delete_manifest()
        elif left := [variant for variant in VARIANTS if self._is_there(run.listed[variant])]:
            for variant in left:
                yield self._delete_listed(variant)
        elif run.manifest != NOTHING:
            yield self._delete_manifest()
        else:
            yield self._check()

    def _reject(self) -> Iterator[Move]:
        """Delete the images that were made from a content before it was rejected.

        The manifest stays, with all that it lists, unless a removal has begun to delete that.
        """
        run = self._run
        if run.source == LATE and not run.failed:
            yield from self._put(0)
        elif run.source == LATE and run.images[0] == UNKNOWN:
            yield self._head_image(0)
        elif run.old != NOTHING and UNKNOWN in run.listed:
            yield from self._head_listed()
        elif self._is_there(run.images[0]) and self._has(Part.WITHDRAWING):
            images = (Image.GONE, *run.images[1:])
            world = self._world.with_image((run.source, 0), Image.GONE)
            yield Move("DELETE image 0", world, run._replace(images=images, wrote=True))
        elif run.old != NOTHING and Image.GONE in run.listed and self._has(Part.DELISTING):
            yield from self._delist()
        elif run.old != NOTHING and Image.RETIRED in run.listed and self._has(Part.RESTORING):
            yield from self._restore()
        else:
            yield self._check()

    def _restore(self) -> Iterator[Move]:
        """Take back the images of the last good content."""
        if self._must_confirm():
            yield self._confirm()
            return
        for variant, key in enumerate(images_of(self._run.old)):
            if self._run.listed[variant] == Image.RETIRED:
                is_there = self._is_there(self._world.image(key))
                world = self._world.with_image(key, Image.KEPT) if is_there else self._world
                listed = _at(self._run.listed, variant, Image.KEPT)
                run = self._run._replace(listed=listed, wrote=True)
                yield Move(f"restore image {variant} of {self._run.old}", world, run)

    def _delist(self) -> Iterator[Move]:
        """Delete the manifest, and retire what is left of what it lists."""
        if self._must_confirm():
            yield self._confirm()
        elif self._run.manifest != NOTHING:
            yield self._delete_manifest()
        elif left := self._left():
            for variant in left:
                yield self._retire(variant)
        else:
            yield self._check()

    def _missing(self) -> list[int]:
        """Return the variants to write: of what is not listed nothing was seen yet."""
        wanted = {UNKNOWN, Image.GONE, *([Image.RETIRED] if self._has(Part.RETIRED_CHECK) else [])}
        return [variant for variant in VARIANTS if self._run.images[variant] in wanted]

    def _left(self) -> list[int]:
        """Return the variants of the old content to retire."""
        if self._run.old in (self._run.source, NOTHING):
            return []
        return [variant for variant in VARIANTS if self._run.listed[variant] == Image.KEPT]

    def _head_listed(self) -> Iterator[Move]:
        for variant, key in enumerate(images_of(self._run.old)):
            if self._run.listed[variant] == UNKNOWN:
                listed = _at(self._run.listed, variant, self._world.image(key))
                yield self._goes_on(f"HEAD image {variant} of {self._run.old}", listed=listed)

    def _head_images(self) -> Iterator[Move]:
        for variant in VARIANTS:
            if self._run.images[variant] == UNKNOWN:
                yield self._head_image(variant)

    def _head_image(self, variant: int) -> Move:
        image = self._world.image((self._run.source, variant))
        step = f"HEAD image {variant} of {self._run.source}"
        return self._goes_on(step, images=_at(self._run.images, variant, image))

    def _put(self, variant: int) -> Iterator[Move]:
        """Write an image over nothing, or over a retired one, whose bytes are the same.

        If that is refused it is looked up: another run has written it, or it was retired.
        """
        run = self._run
        key = run.source, variant
        there = self._world.image(key)
        is_new = run.images[variant] != Image.RETIRED
        condition = "If-None-Match" if is_new else "If-Match"
        step = f"PUT image {variant} of {run.source} {condition}"
        if is_new == self._is_there(there):
            yield Move(f"{step}, refused", self._world, self._after_refusal(variant, there))
            return
        world = self._world.with_image(key, Image.KEPT)
        images = _at(run.images, variant, Image.KEPT)
        yield Move(step, world, run._replace(images=images, failed=True, wrote=True))
        if is_new:
            after_retry = self._after_refusal(variant, Image.KEPT)
            yield Move(f"{step}, response lost, refused", world, after_retry, Fault.LOST_RESPONSE)

    def _after_refusal(self, variant: int, there: Image) -> Run:
        run = self._run._replace(failed=True, wrote=True)
        # A HEAD follows at once. What it sees may be gone before it is written over.
        if there is Image.GONE:
            return _next_round(run)
        return run._replace(images=_at(run.images, variant, there))

    def _retire(self, variant: int) -> Move:
        key = self._run.old, variant
        is_there = self._is_there(self._world.image(key))
        world = self._world.with_image(key, Image.RETIRED) if is_there else self._world
        listed = _at(self._run.listed, variant, Image.RETIRED)
        step = f"retire image {variant} of {self._run.old}"
        return Move(step, world, self._run._replace(listed=listed, wrote=True))

    def _delete_listed(self, variant: int) -> Move:
        world = self._world.with_image((self._run.old, variant), Image.GONE)
        listed = _at(self._run.listed, variant, Image.GONE)
        step = f"DELETE image {variant} of {self._run.old}"
        return Move(step, world, self._run._replace(listed=listed, wrote=True))

    def _swap(self) -> Iterator[Move]:
        """Write the manifest over the one that was read."""
        step = f"PUT manifest of {self._run.source}"
        after_retry = _next_round(self._run._replace(wrote=True))
        if self._has_changed():
            yield Move(f"{step}, refused", self._world, after_retry)
            return
        world = self._world._replace(manifest=self._run.source)
        yield Move(step, world, self._run._replace(manifest=self._run.source, wrote=True))
        yield Move(f"{step}, response lost, refused", world, after_retry, Fault.LOST_RESPONSE)

    def _delete_manifest(self) -> Move:
        step = "DELETE manifest If-Match"
        if self._has_changed() and self._world.manifest != NOTHING:
            return Move(
                f"{step}, refused", self._world, _next_round(self._run._replace(wrote=True))
            )
        run = self._run._replace(manifest=NOTHING, wrote=True)
        return Move(step, self._world._replace(manifest=NOTHING), run)

    def _has_changed(self) -> bool:
        """Whether the manifest has changed since it was read."""
        is_other = self._world.manifest != self._run.manifest
        return is_other and self._has(Part.COMPARE_AND_SWAP)

    def _must_confirm(self) -> bool:
        return not self._run.confirmed and self._has(Part.MIDDLE_CHECK)

    def _confirm(self) -> Move:
        step = "HEAD source, to go on"
        if self._run.source == self._present():
            return self._goes_on(step, confirmed=True)
        return Move(step, self._world, _next_round(self._run))

    def _check(self) -> Move:
        """End if the source is unchanged."""
        step = "HEAD source, to end"
        if self._run.source == self._present() or not self._has(Part.FINAL_CHECK):
            return Move(step, self._world, None)
        again = self._run.wrote and self._has(Part.STARTING_OVER)
        return Move(step, self._world, _next_round(self._run) if again else None)

    def _present(self) -> str:
        return self._scenario.history[self._world.position]

    def _has(self, part: Part) -> bool:
        return part is not self._without

    def _is_there(self, image: str) -> bool:
        return image in (Image.KEPT, Image.RETIRED)

    def _goes_on(self, step: str, **learned: Any) -> Move:
        """Change only the knowledge of this run."""
        return Move(step, self._world, self._run._replace(**learned))


def _next_round(run: Run) -> Run:
    """Start over. What was written before counts: the run may have to take it back."""
    return Run(run.event, wrote=run.wrote)


def _at(images: tuple[str, ...], variant: int, image: str) -> tuple[str, ...]:
    return (*images[:variant], image, *images[variant + 1 :])
