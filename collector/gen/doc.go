// Package gen makes flow records that no network has: traffic that looks like an
// office's, told of by exporters that speak every protocol weir reads. It is
// seeded: the same seed, clock and rate give the same datagrams.
//
// A [Traffic] makes flows, an [Exporter] turns those that it sees into
// datagrams, a [Scene] puts them together, and [Scene.Run] sends them.
package gen
