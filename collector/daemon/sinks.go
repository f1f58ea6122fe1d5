package daemon

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/sink"
)

// A reopener has files that somebody else may have moved.
type reopener interface{ Reopen() }

// openSink opens a sink, with the pipeline's queue where it says nothing of it.
func (d *Daemon) openSink(s *sink.Spec) (pipeline.Output, error) {
	p := d.cfg.Pipeline
	return sink.Open(*s, sink.Deps{Log: d.opts.Log, Stdout: d.opts.Stdout, Queue: pipeline.Queue{
		Size: p.Queue, Overflow: p.Overflow, Dir: filepath.Join(d.spills(), s.Name),
	}})
}

// spills is the directory of what queues have no room for.
func (d *Daemon) spills() string { return filepath.Join(d.cfg.Data, "spill") }

func (d *Daemon) openSinks() (outputs []pipeline.Output, err error) {
	for i := range d.cfg.Sinks {
		o, err := d.openSink(&d.cfg.Sinks[i])
		if err != nil {
			closeSinks(outputs)
			return nil, err
		}
		outputs = append(outputs, o)
	}
	d.sinks = slices.Clone(outputs)
	return outputs, nil
}

func closeSinks(outputs []pipeline.Output) {
	for _, o := range outputs {
		o.Sink.Close()
	}
}

// reloadSinks makes the sinks those of list: what is as it was goes on, and
// opens its files anew.
func (d *Daemon) reloadSinks(list sink.List) (changes []string, err error) {
	same := func(all sink.List, s *sink.Spec) bool {
		return slices.ContainsFunc(all, func(x sink.Spec) bool { return reflect.DeepEqual(&x, s) })
	}
	for i := range d.cfg.Sinks {
		s := &d.cfg.Sinks[i]
		at := slices.IndexFunc(d.sinks, func(o pipeline.Output) bool { return o.Name == s.Name })
		if at < 0 {
			continue // it could not be opened
		}
		if same(list, s) {
			if r, ok := d.sinks[at].Sink.(reopener); ok {
				r.Reopen()
			}
			continue
		}
		err = errors.Join(err, d.Pipeline().RemoveOutput(s.Name))
		d.sinks = slices.Delete(d.sinks, at, at+1)
		changes = append(changes, "sink "+s.Name+" is closed")
	}
	for i := range list {
		s := &list[i]
		if slices.ContainsFunc(d.sinks, func(o pipeline.Output) bool { return o.Name == s.Name }) {
			continue
		}
		o, e := d.openSink(s)
		if e == nil {
			e = d.Pipeline().AddOutput(o)
		}
		if e != nil {
			err = errors.Join(err, e)
			changes = append(changes, "sink "+s.Name+" is not open")
			continue
		}
		d.sinks = append(d.sinks, o)
		changes = append(changes, "sink "+s.Name+" is open")
	}
	d.cfg.Sinks = list
	return changes, err
}
