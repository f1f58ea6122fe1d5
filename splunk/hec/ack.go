package hec

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A channel is what an indexer numbers requests in, from 0 on, without gaps that
// we don't know of. After a restart it begins at 0 again, under the same name:
// a number that comes twice tells.
//
// An acknowledgement may so be of another request than ours. It counts only when
// all requests that were under way when it came have got their numbers, and none
// of these came twice.
type channel struct {
	id       string
	awaiting map[uint64]pending
	given    map[uint64]bool // numbers
	turn     uint64          // of the next request
	flying   []uint64        // turns of requests without an answer
}

// A pending request is to be acknowledged.
type pending struct {
	q     *request
	since time.Time
	turn  uint64 // no other has it
}

// mostGiven is how many numbers a channel gives before a new one is used.
const mostGiven = 8192

// board returns the channel that a request is sent in, with its turn there; nil
// without acknowledgements.
func (x *indexer) board() (*channel, uint64) {
	cfg := &x.sink.cfg
	if !cfg.Ack {
		if cfg.Channel == "" {
			return nil, 0
		}
		return &channel{id: cfg.Channel}, 0
	}
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	var c *channel
	if n := len(x.channels); n > 0 {
		c = x.channels[n-1]
	}
	if c == nil || len(c.given) >= mostGiven && cfg.Channel == "" {
		c = &channel{id: cfg.Channel, awaiting: map[uint64]pending{}, given: map[uint64]bool{}}
		if c.id == "" {
			c.id = guid()
		}
		x.channels = append(x.channels, c)
	}
	c.turn++
	c.flying = append(c.flying, c.turn)
	return c, c.turn
}

// guid makes an identifier as RFC 9562 has it, version 4.
func guid() string {
	var v [16]byte
	rand.Read(v[:])
	v[6], v[8] = v[6]&0x0f|0x40, v[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
}

// landed says that the request of a turn has its answer. The caller has the lock.
func (x *indexer) landed(c *channel, turn uint64) {
	if c != nil && x.sink.cfg.Ack {
		c.flying = slices.DeleteFunc(c.flying, func(t uint64) bool { return t == turn })
		x.settled.Broadcast()
	}
}

// await lets q wait for the acknowledgement of id. The caller has the lock.
func (x *indexer) await(c *channel, id uint64, q *request) {
	if c.given[id] {
		x.restarted(c)
	}
	if len(c.given) >= mostGiven && x.sink.cfg.Channel != "" { // one name for all: only the newest are remembered
		for old := range c.given {
			if _, ok := c.awaiting[old]; !ok && old+mostGiven/2 < id {
				delete(c.given, old)
			}
		}
	}
	c.given[id] = true
	c.turn++
	c.awaiting[id] = pending{q, time.Now(), c.turn}
}

// restarted sends again what the indexer has forgotten. The caller has the lock.
func (x *indexer) restarted(c *channel) {
	x.sink.warn("restart", "the indexer has begun anew: what it had not acknowledged is sent again", x, nil)
	for _, p := range c.awaiting {
		x.unacknowledged(p.q)
	}
	clear(c.awaiting)
	clear(c.given)
}

func (x *indexer) unacknowledged(q *request) {
	x.sink.stats.Unacked++
	x.sink.again(q)
}

// poll asks x for acknowledgements until all sending ends.
func (s *Sink) poll(x *indexer) {
	every, ending := s.cfg.Poll, s.ending
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ending:
			ending = nil
			every = min(every, 50*time.Millisecond)
			t.Reset(every)
		case <-s.sending.Done():
			return
		}
		s.mu.Lock()
		channels := slices.Clone(x.channels)
		s.mu.Unlock()
		for _, c := range channels {
			s.ask(x, c)
		}
		s.mu.Lock()
		x.channels = slices.DeleteFunc(x.channels, func(c *channel) bool {
			return len(c.awaiting) == 0 && len(c.flying) == 0 && c != x.channels[len(x.channels)-1]
		})
		s.mu.Unlock()
	}
}

// ask asks for the acknowledgements of a channel, and sends again what has waited
// too long.
func (s *Sink) ask(x *indexer, c *channel) {
	s.mu.Lock()
	now := time.Now()
	body := []byte(`{"acks":[`)
	asked := make(map[uint64]uint64, len(c.awaiting))
	for id, p := range c.awaiting {
		if now.Sub(p.since) > s.cfg.AckTimeout {
			s.warn("unacknowledged", "the indexer has not acknowledged a request in time, which is sent again: look for blocked queues there, or write a longer hec_ack_timeout", x, nil)
			delete(c.awaiting, id)
			x.unacknowledged(p.q)
			continue
		}
		if len(asked) > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendUint(body, id, 10)
		asked[id] = p.turn
	}
	s.mu.Unlock()
	if len(asked) == 0 {
		return
	}
	status, _, data, err := x.exchange(x.ackURL, c, append(body, "]}"...), false)
	var got struct {
		Acks map[string]bool `json:"acks"`
	}
	switch {
	case err != nil:
		err = inWords(err)
	case status != http.StatusOK:
		err = judge(status, data).err
	default:
		err = json.Unmarshal(data, &got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.sending.Err() == nil {
			s.warn("ack", "the indexer can't be asked for acknowledgements", x, err)
		}
		return
	}
	for mark := c.turn; slices.ContainsFunc(c.flying, func(t uint64) bool { return t <= mark }); {
		x.settled.Wait()
	}
	if s.sending.Err() != nil {
		return
	}
	for text, is := range got.Acks {
		id, err := strconv.ParseUint(text, 10, 64)
		if p, ok := c.awaiting[id]; is && err == nil && ok && asked[id] == p.turn {
			delete(c.awaiting, id)
			s.settle(p.q, written)
		}
	}
}
