package findings

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// found is a finding about a key, in a minute that begins so long before noon.
func found(key string, before time.Duration) detect.Finding {
	at := noon.Add(-before)
	return detect.Finding{
		Detector: "scan", Version: "1", Key: key, Class: "scan.horizontal", Severity: detect.High, Confidence: 0.9, Coverage: 1,
		Start: at.UnixNano(), End: at.Add(time.Minute).UnixNano(), Explanation: key + " knocks at many doors",
	}
}

func open(t *testing.T, dir string, c Config) *Store {
	t.Helper()
	s, err := Open(dir, c, Deps{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *Store, all ...detect.Finding) []string {
	t.Helper()
	ids, err := s.Add(all)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

var everything = Query{To: 1 << 62, Limit: 1000}

// keys are those of what is listed.
func keys(t *testing.T, s *Store, q Query) string {
	t.Helper()
	all, more, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range all {
		if f.ID != detect.ID(f.Detector, f.Key, f.Start, f.End) {
			t.Errorf("%s has id %s", f.Key, f.ID)
		}
		out = append(out, f.Key)
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("+%d", more))
	}
	return strings.Join(out, " ")
}

// What is added is there, once, newest first, also after a restart; files are for their
// owner alone.
func TestAddAndList(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "findings")
	s := open(t, dir, Default())
	b := found("b", 30*time.Hour) // of the day before
	b.Severity, b.Class, b.Detector = detect.Low, "share.icmp", "share"
	long := found("long", 80*time.Hour) // until now
	long.End = noon.UnixNano()
	ids := add(t, s, found("a", time.Hour), b, found("c", time.Minute), found("a", time.Hour), long)
	if len(ids) != 5 || ids[0] != ids[3] || ids[0] == ids[2] {
		t.Errorf("ids are %q", ids)
	}
	if again := add(t, s, found("a", time.Hour)); again[0] != ids[0] {
		t.Errorf("the same finding is %s, then %s", ids[0], again[0])
	}
	hour := func(from, to time.Duration) Query {
		return Query{From: noon.Add(-from).UnixNano(), To: noon.Add(-to).UnixNano(), Limit: 10}
	}
	for range 2 {
		f := func(q Query, want string) {
			t.Helper()
			if got := keys(t, s, q); got != want {
				t.Errorf("%+v are %q, want %q", q, got, want)
			}
		}
		f(everything, "c a b long")
		f(Query{To: 1 << 62, Limit: 2}, "c a +2")
		f(Query{To: 1 << 62, Limit: 10, Severity: detect.Medium}, "c a long")
		f(Query{To: 1 << 62, Limit: 10, Class: "share"}, "b")
		f(Query{To: 1 << 62, Limit: 10, Detector: "scan"}, "c a long")
		f(hour(2*time.Hour, 30*time.Minute), "a long")
		f(hour(2*time.Hour, time.Hour), "long")             // a begins when it ends
		f(hour(time.Hour-time.Minute, time.Hour/2), "long") // a has ended
		f(hour(100*time.Hour, 90*time.Hour), "")
		s = open(t, dir, Default())
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 || files[2].Name() != "2026-11-26.jsonl" {
		t.Fatalf("%v, %v", files, err)
	}
	for _, x := range append(files, nil) {
		name := dir
		if x != nil {
			name = filepath.Join(dir, x.Name())
		}
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	if x := s.Stats(); x != (Stats{Octets: x.Octets}) || x.Octets == 0 {
		t.Errorf("%+v", x)
	}
	add(t, s, found("a", time.Hour), found("d", 0))
	if x := s.Stats(); x.Again != 1 || x.Taken != [detect.Critical + 1]uint64{detect.High: 1} {
		t.Errorf("%+v", x)
	}
}

// A kill in the middle of a line costs that line, wherever it was, and no other.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Default())
	add(t, s, found("a", 2), found("b", 1))
	name := filepath.Join(dir, "2026-11-26.jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for n := range whole {
		if err := os.WriteFile(name, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, Default())
		want, torn := "", uint64(1)
		if n >= first {
			want = "a"
		}
		if n == 0 || n == first {
			torn = 0
		}
		if got := keys(t, s, everything); got != want || s.Stats().Torn != torn || s.Stats().Unread != 0 {
			t.Fatalf("%d octets: %q, %+v", n, got, s.Stats())
		}
		if add(t, s, found("b", 1)); keys(t, s, everything) != strings.TrimSpace("b "+want) {
			t.Fatalf("%d octets: then %q", n, keys(t, s, everything))
		}
	}
	// A tear longer than what is read at once.
	if err := os.WriteFile(name, append(slices.Clone(whole), bytes.Repeat([]byte("x"), 200<<10)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir, Default()); keys(t, s, everything) != "b a" || s.Stats().Torn != 1 || s.Stats().Octets != int64(len(whole)) {
		t.Errorf("%+v", s.Stats())
	}
}

// Lines that are no findings are counted once, however long they are.
func TestUnread(t *testing.T) {
	dir := t.TempDir()
	add(t, open(t, dir, Default()), found("a", 0))
	name := filepath.Join(dir, "2026-11-26.jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Concat([]byte("{}\nnull\n\xff\n"), bytes.Replace(whole, []byte(`"id":"`), []byte(`"id":"0`), 1), bytes.Repeat([]byte("9"), 3*mostLine), []byte("\n"), whole)
	if err := os.WriteFile(name, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Default())
	for range 2 {
		if got := keys(t, s, everything); got != "a" || s.Stats().Unread != 5 {
			t.Errorf("%q, %+v", got, s.Stats())
		}
	}
	if _, err := s.Erase(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadFile(name); !bytes.Equal(left, whole) {
		t.Errorf("an erase leaves %q", left)
	}
}

// What makes no sense is refused, and nothing of the same call is kept.
func TestRefused(t *testing.T) {
	s := open(t, t.TempDir(), Default())
	f := func(want string, change func(*detect.Finding)) {
		t.Helper()
		x := found("a", 0)
		change(&x)
		if _, err := s.Add([]detect.Finding{found("b", 0), x}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "number 2: "+want) {
			t.Errorf("%v", err)
		}
		if _, err := s.Add([]detect.Finding{x}); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "number") {
			t.Errorf("%v", err)
		}
	}
	f("key is empty", func(x *detect.Finding) { x.Key = "" })
	f(`id "00" is not that`, func(x *detect.Finding) { x.ID = "00" })
	f("explanation has a control character", func(x *detect.Finding) { x.Explanation = "\x1b[2J" })
	f("its window begins at 2026-11-28T12:00:00Z, which is to come", func(x *detect.Finding) {
		*x = found("a", -48*time.Hour)
	})
	f("its window begins at 2026-08-27T12:00:00Z, and findings are kept for 2160h", func(x *detect.Finding) {
		*x = found("a", 91*24*time.Hour)
	})
	f("it has ", func(x *detect.Finding) { // of at most
		for i := range detect.MaxList {
			x.Actions = append(x.Actions, strings.Repeat("<", detect.MaxText)) // six octets each
			x.Entities = append(x.Entities, detect.Entity{Role: "r", Kind: "k", Value: fmt.Sprint(i)})
		}
	})
	if got := keys(t, s, everything); got != "" {
		t.Errorf("%q are kept", got)
	}
}

// Days that are too old go, and the oldest of what is too much; a day alone does not
// grow over the size.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	now := noon
	c := Config{Keep: 48 * time.Hour, Size: leastSize}
	s, err := Open(dir, c, Deps{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, found("a", 47*time.Hour), found("b0", 30*time.Hour), found("c", 0))
	now = noon.Add(23 * time.Hour)
	if err := s.Trim(); err != nil || keys(t, s, everything) != "c b0" {
		t.Errorf("%q, %v", keys(t, s, everything), err)
	}
	now = noon
	big := func(key string, before time.Duration) detect.Finding {
		x := found(key, before)
		for range detect.MaxList {
			x.Actions = append(x.Actions, strings.Repeat("a", detect.MaxText))
		}
		return x
	}
	add(t, s, big("b", 30*time.Hour))
	n := 0
	for ; ; n++ {
		if _, err = s.Add([]detect.Finding{big(fmt.Sprint("k", n), 0)}); err != nil || n > 100 {
			break
		}
	}
	x := s.Stats()
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "set findings.size") || x.Octets > leastSize || x.Octets < leastSize*9/10 {
		t.Errorf("%d are in, %+v, %v", n, x, err)
	}
	if got := keys(t, s, Query{To: 1 << 62, Limit: 1000, Class: "scan"}); strings.Contains(got, "b") || !strings.Contains(got, "c") {
		t.Errorf("%q", got)
	}
	if got, more, err := s.List(t.Context(), everything); err != nil || len(got)+more != n+1 {
		t.Errorf("%d and %d more, %v", len(got), more, err)
	}
	s = open(t, dir, c)
	if s.Stats().Octets != x.Octets {
		t.Errorf("%+v after a restart", s.Stats())
	}
	for _, bad := range []Config{{Keep: time.Minute, Size: leastSize}, {Keep: -time.Hour, Size: leastSize}, {}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
	if _, err := Open(dir, Config{Size: leastSize}, Deps{}); err != nil {
		t.Error(err)
	}
}

// An answer takes no more memory than its bound, and says what it leaves out.
func TestListIsBounded(t *testing.T) {
	l := list{limit: 1000}
	line := make([]byte, mostLine-1)
	for i := range 200 {
		x := found("", 0)
		x.Start = int64(i)
		l.add(&x, line)
		if l.octets > 2*mostListed+mostLine {
			t.Fatalf("%d octets are held", l.octets)
		}
	}
	l.cut()
	if len(l.held)+l.more != 200 || l.octets > mostListed || len(l.held) < mostListed/mostLine || l.held[0].start != 199 {
		t.Errorf("%d are held, %d octets, %d more", len(l.held), l.octets, l.more)
	}
}

// An address goes wherever a finding names it, and what does not name it stays as it is.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Default())
	victim := netip.MustParseAddr("2001:db8::17")
	in := func(key string, before time.Duration, change func(*detect.Finding)) detect.Finding {
		f := found(key, before)
		change(&f)
		return f
	}
	add(t, s,
		found("2001:db8::17 tcp 445", time.Hour),
		in("explanation", time.Hour, func(f *detect.Finding) { f.Explanation = "<2001:DB8::17>" }),
		in("action", time.Hour, func(f *detect.Finding) { f.Actions = []string{"block [2001:db8::17]:443"} }),
		in("entity", 30*time.Hour, func(f *detect.Finding) {
			f.Entities = []detect.Entity{{Role: "source", Kind: "ip", Value: victim.String()}}
		}),
		in("metric", time.Hour, func(f *detect.Finding) { f.Metrics = map[string]float64{victim.String(): 1} }),
		in("evidence", time.Hour, func(f *detect.Finding) {
			f.Evidence = []detect.FlowKey{{Start: 1, End: 2, DstAddr: flow.AddrFrom(victim)}}
		}),
		found("2001:db8::170", 2*time.Hour), found("other", time.Hour), found("yesterday", 31*time.Hour),
	)
	const left = "other 2001:db8::170 yesterday"
	if n, err := s.Erase(t.Context(), victim); err != nil || n != 6 {
		t.Errorf("%d are erased, %v", n, err)
	}
	for range 2 {
		if got := keys(t, s, everything); got != left {
			t.Errorf("%q are left", got)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
		octets := int64(0)
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil || bytes.Contains(bytes.ToLower(text), []byte("db8::17 ")) || bytes.Contains(text, []byte(`"2001:db8::17"`)) {
				t.Errorf("%s names it: %s, %v", f.Name(), text, err)
			}
			octets += int64(len(text))
		}
		if s.Stats().Octets != octets {
			t.Errorf("%d octets, not %d", s.Stats().Octets, octets)
		}
		s = open(t, dir, Default())
	}
	if n, err := s.Erase(t.Context(), victim); err != nil || n != 0 {
		t.Errorf("%d are erased again, %v", n, err)
	}
	add(t, s, found("2001:db8::17 tcp 445", time.Hour)) // it may come again
	if got := keys(t, s, everything); got != "2001:db8::17 tcp 445 "+left {
		t.Errorf("%q", got)
	}
}

// Who lists sees whole findings while others add and erase.
func TestAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), Default())
	var adding, listing sync.WaitGroup
	done := make(chan struct{})
	for n := range 4 {
		adding.Go(func() {
			for i := range 30 {
				if _, err := s.Add([]detect.Finding{found(fmt.Sprint("10.0.0.", n), time.Duration(i)*time.Hour)}); err != nil {
					t.Error(err)
				}
				if i%10 == 9 {
					if _, err := s.Erase(t.Context(), netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 2 {
		listing.Go(func() {
			for {
				if _, _, err := s.List(t.Context(), everything); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	adding.Wait()
	close(done)
	listing.Wait()
	if got := keys(t, s, everything); got != "" || s.Stats().Unread != 0 || s.Stats().Octets != 0 {
		t.Errorf("%q, %+v", got, s.Stats())
	}
}

// More days than have their ids in memory are still without doubles.
func TestManyDays(t *testing.T) {
	s := open(t, t.TempDir(), Default())
	r := rand.New(rand.NewPCG(1, 2))
	have := map[time.Duration]bool{}
	for range 300 {
		before := time.Duration(r.IntN(30)) * 24 * time.Hour
		have[before] = true
		add(t, s, found("a", before))
	}
	if all, _, err := s.List(t.Context(), everything); err != nil || len(all) != len(have) {
		t.Errorf("%d, not %d, %v", len(all), len(have), err)
	}
}
