//go:build linux

package source

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirflow/weir/shared/decode"
)

// blast sends datagrams of 1439 octets at a rate, 16 at a time, until its
// standard input ends.
func blast(to, rate string) {
	perSecond, err := strconv.Atoi(rate)
	if err != nil {
		panic(err)
	}
	c, err := net.Dial("udp", to)
	if err != nil {
		panic(err)
	}
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	data := make([]byte, 1439)
	gap := 16 * time.Second / time.Duration(perSecond)
	for due := time.Now(); ; due = due.Add(gap) {
		if d := time.Until(due); d > 50*time.Microsecond {
			time.Sleep(d)
		}
		for range 16 {
			c.Write(data)
		}
	}
}

func startSender(b *testing.B, to string, rate int) (stop func()) {
	cmd := exec.Command(os.Args[0], to)
	cmd.Env = append(os.Environ(), senderRate+"="+strconv.Itoa(rate))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return func() {
		in.Close()
		cmd.Wait()
	}
}

func cpu(b *testing.B) int64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkReceive measures the CPU time of a datagram, which another process
// sends; nothing is decoded.
func BenchmarkReceive(b *testing.B) {
	for _, rate := range []int{100_000, 10_000} {
		for _, reader := range []string{"portable", "coalescing", "coalescing-2"} {
			b.Run(fmt.Sprintf("%s/rate=%d", reader, rate), func(b *testing.B) {
				var x *Listener
				switch reader {
				case "portable":
					x = openPortable(b, Listen{Address: "127.0.0.1:0"}, Config{Idle: 100 * time.Millisecond})
					setBuffer(x.readers[0].(*portable).socketConn, 8<<20, slog.New(slog.DiscardHandler))
				default:
					x = open(b, Listen{Address: "127.0.0.1:0", Workers: 1 + len(reader)/12}, Default())
				}
				stop := startSender(b, x.Addr().String(), rate)
				defer stop()
				receive(b, x)
			})
		}
	}
}

func receive(b *testing.B, x *Listener) {
	var left, calls atomic.Int64
	var once sync.Once
	left.Store(int64(b.N))
	var before int64
	var wg sync.WaitGroup
	for _, s := range x.Sources() {
		wg.Go(func() {
			dst := make([]decode.Datagram, 64)
			for left.Load() > 0 {
				n, err := s.Read(b.Context(), dst)
				if err != nil {
					b.Error(err)
					return
				}
				if n > 0 {
					once.Do(func() {
						before = cpu(b)
						b.ResetTimer()
					})
				}
				left.Add(-int64(n))
				calls.Add(1)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	if left.Load() > 0 {
		b.Fatal("too few came")
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/datagram")
	b.ReportMetric(float64(b.N)/float64(calls.Load()), "datagrams/call")
	if d := x.Stats().Dropped; d > 0 {
		b.Logf("%d dropped", d)
	}
}
