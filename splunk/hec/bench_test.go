//go:build linux

package hec

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// With this in its environment the test's binary is the server of a benchmark:
// what it costs isn't the sender's.
const asServer = "WEIR_HEC_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) == "" {
		os.Exit(m.Run())
	}
	if err := discard(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// discard takes all events, without a look at them, until standard input ends.
func discard() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"text":"Success","code":0}`)
	})}
	go s.Serve(l)
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// server starts one in a process of its own, and returns its address.
func server(b *testing.B) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// line is an Encoder: texts of about 100 octets, without the work of making them.
type line struct{}

var lines = func() (t [4096][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range t {
		t[i] = fmt.Appendf(nil, "1795305%03d.%03d|10.%d.%d.%d|%d|198.51.100.%d|%d|6|%d|0|%d|%d|3|12|17|1|0||64512|64513|24|16|192.0.2.254",
			r.IntN(1000), r.IntN(1000), r.IntN(4), r.IntN(256), r.IntN(256), 1024+r.IntN(64000), r.IntN(256), []int{443, 80, 53, 22}[r.IntN(4)], r.IntN(32), r.IntN(100_000), r.IntN(100))
	}
	return t
}()

func (line) AppendRaw(dst []byte, _ *flow.Batch, f *flow.Flow) []byte {
	return append(dst, lines[f.Bytes%uint64(len(lines))]...)
}

func (line) AppendHost(dst []byte, _ *flow.Batch, f *flow.Flow) []byte {
	return append(dst, "192.0.2.9"...)
}
func (line) Time(_ *flow.Batch, f *flow.Flow) int64 { return f.Received }

// A tally is a receipt.
type tally struct{ settled atomic.Int64 }

func (t *tally) Written()      { t.settled.Add(1) }
func (t *tally) Dropped()      { t.settled.Add(1 << 32) }
func (t *tally) Failed()       { t.settled.Add(1 << 32) }
func (t *tally) DroppedAt(int) {}
func (t *tally) FailedAt(int)  {}

// cpu is the time that this process has used.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkSend is batches of the pipeline's size to a server on loopback, in
// requests of 1,000 events. events/cpu/s is by the sender's CPU time, of all its
// threads.
func BenchmarkSend(b *testing.B) {
	for _, zip := range []bool{false, true} {
		b.Run(fmt.Sprintf("gzip=%v", zip), func(b *testing.B) {
			c := Default()
			c.URLs, c.Token, c.Source, c.Index = []string{server(b)}, token, "weir://core", "netflow"
			c.Events, c.Gzip = 1000, zip
			s, err := New(c, line{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			batches := make([]*flow.Batch, len(lines)/256)
			for i := range batches {
				batches[i] = batch(256)
				for j := range batches[i].Flows {
					batches[i].Flows[j].Bytes += uint64(256 * i)
				}
			}
			var t tally
			for i := range 100 {
				s.keep(bg(), batches[i%len(batches)], &t)
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			for i := range b.N {
				s.keep(bg(), batches[i%len(batches)], &t)
			}
			s.mu.Lock()
			if s.open != nil {
				s.seal()
			}
			s.mu.Unlock()
			for s.left() > 0 {
				<-s.freed
			}
			used := cpu(b) - before
			b.StopTimer()
			if err := s.Close(); err != nil || t.settled.Load() != int64(b.N)+100 {
				b.Errorf("error %v, %d batches of %d", err, t.settled.Load(), b.N+100)
			}
			st := s.Stats()
			b.ReportMetric(float64(256*b.N)/used, "events/cpu/s")
			b.ReportMetric(float64(256*b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(st.Octets)/float64(st.Events), "octets/event")
		})
	}
}

func BenchmarkEnvelope(b *testing.B) {
	c := Default()
	c.Source, c.Index = "weir://core", "netflow"
	e := newEnvelope(&c, line{})
	x := batch(1)
	var dst []byte
	b.ReportAllocs()
	for range b.N {
		dst, _ = e.append(dst[:0], x, &x.Flows[0])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
