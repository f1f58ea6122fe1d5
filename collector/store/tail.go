package store

import "github.com/weirflow/weir/shared/query/engine"

// tailOptions are how flows enter the tail: as segments have them.
var tailOptions = engine.Options{Milliseconds: true, UTF8: true}
