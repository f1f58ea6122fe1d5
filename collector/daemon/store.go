package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/store"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// storeOutput is the name of the embedded store among the outputs.
const storeOutput = "store"

// A keeper is the embedded store, with the loss ledger that tells how complete its
// answers are.
type keeper struct {
	*store.Store
	reader *store.Reader
	dir    string
	days   time.Duration // that flows are kept; 0: for ever
	log    *slog.Logger
	ledger *store.Ledger

	life   context.Context // of all that is done with the store
	cancel context.CancelFunc
	mu     sync.Mutex     // of the end
	done   sync.WaitGroup // what is under way
}

// openStore opens the store that c names, if it names one.
func openStore(c Config, o Options) (*keeper, error) {
	dir, ok := c.keeps()
	if !ok {
		return nil, nil
	}
	if !store.Built {
		o.Log.Warn("this weir was built without its store: flows are passed on and counted, but not kept")
		return nil, nil
	}
	cfg := c.Store
	cfg.Dir = dir
	s, err := store.Open(cfg, store.Deps{Log: o.Log, Version: o.Version})
	if err != nil {
		return nil, fmt.Errorf("%w; without a store, weir runs with store: {off: true}", err)
	}
	r, err := store.NewReader(s, cfg)
	if err != nil {
		s.Close()
		return nil, err
	}
	k := &keeper{Store: s, reader: r, dir: dir, days: cfg.Keep.Flows, log: o.Log}
	k.life, k.cancel = context.WithCancel(context.Background())
	return k, nil
}

// output is the store as the pipeline sees it.
func (k *keeper) output(c Config) pipeline.Output {
	return pipeline.Output{Name: storeOutput, Sink: k.Store, Queue: pipeline.Queue{Size: c.Pipeline.Queue, Overflow: pipeline.DropOldest}}
}

// account begins to write down what the pipeline's ledger counts.
func (k *keeper) account(p *pipeline.Pipeline) (err error) {
	if k == nil {
		return nil
	}
	if k.ledger, err = store.OpenLedger(filepath.Join(k.dir, "coverage"), storeOutput, p.Ledgers, time.Now()); err != nil {
		return fmt.Errorf("read what the ledger counted: %w", err)
	}
	k.done.Go(func() { k.note(k.life) })
	k.done.Go(func() { k.sum(k.life) })
	return nil
}

// sum makes the sums of hours that have ended, until ctx does.
func (k *keeper) sum(ctx context.Context) {
	for minute := time.NewTicker(time.Minute); ; {
		select {
		case <-ctx.Done():
			minute.Stop()
			return
		case <-minute.C:
		}
		if err := k.reader.Sum(ctx, time.Now()); err != nil && ctx.Err() == nil {
			k.log.Error("sum up an hour", "error", err)
		}
	}
}

// note writes each minute down until ctx ends, and then the last one.
func (k *keeper) note(ctx context.Context) {
	for minute := time.NewTicker(time.Minute); ; {
		select {
		case <-minute.C:
		case <-ctx.Done():
			minute.Stop()
		}
		if err := k.ledger.Note(time.Now()); err != nil {
			k.log.Error("write what the ledger counted", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
		if k.days > 0 {
			if err := k.ledger.Forget(time.Now().Add(-k.days)); err != nil {
				k.log.Error("drop what the ledger counted", "error", err)
			}
		}
	}
}

// end ends what is under way, writes the last minute, and closes what answers.
func (k *keeper) end() {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.cancel()
	k.mu.Unlock()
	k.done.Wait()
	k.reader.Close()
}

// begin returns the context of something that asks the store, which ends with ctx
// and with the store; finished is called at its end.
func (k *keeper) begin(ctx context.Context) (_ context.Context, finished func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.life.Err() != nil {
		return nil, nil, errors.New("weir is about to end")
	}
	k.done.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(k.life, cancel)
	return ctx, func() {
		stop()
		cancel()
		k.done.Done()
	}, nil
}

// Query implements api.Store. The answer tells how complete it is.
func (k *keeper) Query(ctx context.Context, r *query.Request) (*query.Answer, error) {
	ctx, finished, err := k.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer finished()
	a, err := k.reader.Query(ctx, r)
	if err != nil {
		return nil, err
	}
	var notes []string
	a.Coverage, notes = k.ledger.Coverage(r.From, r.To, time.Now())
	a.Notes = append(a.Notes, notes...)
	return a, nil
}

// Values implements api.Store.
func (k *keeper) Values(ctx context.Context, x flow.Field, prefix string, from, to int64, limit int) ([]string, error) {
	return query.Values(ctx, k.Query, x, prefix, from, to, limit)
}

// stats is what /metrics tells.
func (k *keeper) stats() api.StoreStats {
	s := k.Stats()
	return api.StoreStats{
		Segments: s.Segments, Flows: s.Rows, Octets: s.Octets, Rollups: s.Rollups, Sums: s.Sums, Tail: s.Tail, Journal: s.Journal,
		Unwritten: s.Unwritten, UnwrittenFor: s.UnwrittenFor.Seconds(), Refused: s.Refused, Recovered: s.Recovered, Bad: s.Bad,
	}
}

// erase removes all that names an address, but what waits on disk for a sink.
func (d *Daemon) erase(ctx context.Context, a netip.Addr, progress func(done, total int64)) (x api.Erased, err error) {
	if d.store != nil {
		var finished func()
		if ctx, finished, err = d.store.begin(ctx); err != nil {
			return x, err
		}
		defer finished()
	}
	if err := d.Running.Erase(a); err != nil {
		return x, err
	}
	if d.found != nil {
		if x.Findings, err = d.found.Erase(ctx, a); err != nil {
			return x, err
		}
	}
	if d.store == nil {
		return x, nil
	}
	done, err := d.store.Erase(ctx, a, d.store.reader.Erase, progress)
	x.Flows, x.Segments, x.Rollups, x.Bad = done.Flows, done.Segments, done.Rollups, done.Bad
	return x, err
}
