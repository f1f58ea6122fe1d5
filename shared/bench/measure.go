package main

import (
	"fmt"
	"runtime"
	"syscall"
)

// A work decodes all of a traffic once.
type work struct {
	flows int // that come of it
	run   func()
	best  float64 // CPU nanoseconds a flow
}

func cpu() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return (r.Utime.Nano() + r.Stime.Nano())
}

// measure runs the works in turn, rounds times, each for at least a few tens of
// milliseconds, and keeps the best of each.
func measure(rounds int, works ...*work) {
	for range rounds {
		for _, w := range works {
			runtime.GC()
			n, spent := 0, int64(0)
			start := cpu()
			for spent < 40e6 {
				w.run()
				n++
				spent = cpu() - start
			}
			ns := float64(spent) / float64(n*w.flows)
			if w.best == 0 || ns < w.best {
				w.best = ns
			}
		}
	}
}

// took prints what a flow of w costs.
func took(name string, w *work) {
	fmt.Printf("figure\tshared/%s\t%.1f\tns/record\t-\tmet\n", name, w.best)
}

// faster prints how many times faster b is than a. A goal of 0 is none.
func faster(name string, a, b *work, goal float64) {
	judge(name, a.best/b.best, goal, ">=", a.best/b.best >= goal)
}

// slower prints how many times slower b is than a.
func slower(name string, a, b *work, goal float64) {
	judge(name, b.best/a.best, goal, "<=", b.best/a.best <= goal)
}

func judge(name string, ratio, goal float64, sense string, met bool) {
	verdict, text := "met", "-"
	if goal > 0 {
		text = fmt.Sprintf("%s%g", sense, goal)
		if !met {
			verdict = "missed"
		}
	}
	fmt.Printf("figure\tshared/%s\t%.2f\tx\t%s\t%s\n", name, ratio, text, verdict)
}
