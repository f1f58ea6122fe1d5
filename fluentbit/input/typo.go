package input

import (
	"fmt"
	"maps"
	"slices"
)

// Fluent Bit tells a Go input only the values of properties that it asks for by
// name, so a property that nobody asks for is silently ignored. So we also ask
// for names that are likely mistakes: every name one edit away from one of ours
// (a letter left out, doubled, wrong or exchanged with its neighbour, or an s
// behind it), and these.
var mistakes = map[string]string{
	"address":     "listeners",
	"addresses":   "listeners",
	"bind":        "listeners",
	"listen_on":   "listeners",
	"format":      "schema",
	"profile":     "schema",
	"buffer":      "buffer_limit",
	"buffer_size": "buffer_limit",
	"batch":       "max_batch",
	"batch_size":  "max_batch",
	"config":      "config_file",
	"conf_file":   "config_file",
	"configfile":  "config_file",
	"columns":     "fields",
	"state":       "state_path",
	"state_dir":   "state_path",
	"spill":       "spill_path",
	"spill_dir":   "spill_path",
	"time":        "event_time",
	"stats":       "stats_interval",
}

// findMistake returns an error that names a property that has a value and isn't
// one of ours, as far as it can be found.
func findMistake(get func(name string) string) error {
	wrong := func(name, right string) error {
		return fmt.Errorf("unknown property %q: did you mean %q?", name, right)
	}
	for _, name := range slices.Sorted(maps.Keys(mistakes)) {
		if get(name) != "" {
			return wrong(name, mistakes[name])
		}
	}
	for _, p := range Properties {
		for name := range edits(p.Name) {
			if get(name) != "" && !slices.ContainsFunc(Properties, func(q Property) bool { return q.Name == name }) {
				return wrong(name, p.Name)
			}
		}
	}
	return nil
}

// edits ranges over the names one such edit away from name.
func edits(name string) func(yield func(string) bool) {
	const letters = "abcdefghijklmnopqrstuvwxyz_-."
	return func(yield func(string) bool) {
		if !yield(name + "s") {
			return
		}
		for i := range len(name) {
			head, tail := name[:i], name[i:]
			if !yield(head + tail[:1] + tail) { // doubled
				return
			}
			if !yield(head + tail[1:]) {
				return
			}
			for _, c := range letters {
				if byte(c) != tail[0] && !yield(head+string(c)+tail[1:]) {
					return
				}
			}
			if len(tail) > 1 && tail[0] != tail[1] && !yield(head+tail[1:2]+tail[:1]+tail[2:]) {
				return
			}
		}
	}
}
