package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/weirflow/weir/collector/source"
)

// Reload makes r as c says: listeners that c no longer has are closed once what
// they have read is handed on, new ones are opened, and the others go on
// untouched. It returns a line for each change, also for what takes effect with
// a restart only. Tables that can't be read are an error, and nothing is changed.
// So is a listener that can't be opened, but the rest is as c says then.
func (r *Running) Reload(c Config) (changes []string, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(c.Elements, r.cfg.Elements) || len(c.Elements) > 0 { // the files may have changed
		if err := AddElements(c.Elements); err != nil {
			return nil, err
		}
	}
	if err := r.enrich.Configure(c.Enrich); err != nil {
		return nil, fmt.Errorf("enrich: %w", err)
	}
	changes = r.reloadListeners(c, &err)
	if !reflect.DeepEqual(r.cfg.Enrich, c.Enrich) {
		r.cfg.Enrich = c.Enrich
		changes = append(changes, "enrich has changed")
	}
	for _, x := range []struct {
		name     string
		now, new any
	}{
		{"pipeline", r.cfg.Pipeline, c.Pipeline}, {"limits", r.cfg.Limits, c.Limits}, {"data", r.cfg.Data, c.Data},
		{"source", r.cfg.Source.Settings(), c.Source.Settings()},
	} {
		if !reflect.DeepEqual(x.now, x.new) {
			changes = append(changes, x.name+" has changed: restart to apply it")
		}
	}
	r.cfg.Elements = c.Elements
	return changes, err
}

func (r *Running) reloadListeners(c Config, err *error) (changes []string) {
	has := func(all source.Listens, l source.Listen) bool {
		return slices.ContainsFunc(all, func(x source.Listen) bool { return reflect.DeepEqual(x, l) })
	}
	// First those that go: a new one may want the same address.
	r.listeners = slices.DeleteFunc(r.listeners, func(x *source.Listener) bool {
		if has(c.Listen, x.Listen()) {
			return false
		}
		for _, s := range all(x) {
			r.pipe.Remove(s)
		}
		changes = append(changes, fmt.Sprintf("%s is closed", x.Listen()))
		return true
	})
	var open source.Listens
	for _, x := range r.listeners {
		open = append(open, x.Listen())
	}
	for _, l := range c.Listen {
		if has(open, l) {
			continue
		}
		x, e := source.Open(l, r.cfg.Source)
		if e != nil {
			*err = errors.Join(*err, e)
			changes = append(changes, fmt.Sprintf("%s is not open", l))
			continue
		}
		r.listeners = append(r.listeners, x)
		for _, s := range all(x) {
			r.pipe.Add(s)
		}
		changes = append(changes, fmt.Sprintf("%s is open", l))
	}
	r.cfg.Listen = c.Listen
	return changes
}
