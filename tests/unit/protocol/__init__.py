"""The protocol of `reconcile` as a model that is small enough to try every interleaving.

One step is one call to S3 or to the table; between two calls of a run, other runs, users and faults
may do anything they can. Bytes are names of contents. An image is the name of the
content that it was made from, and so is its ETag: equal bytes look alike, as they do to a condition
in S3. There is one source and two variants, one of which follows the source's format.

`manifest` is another model, of images under keys with a version and the manifest that lists them.
`search` explores both.
"""
