//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirflow/weir/shared/flowtest"
)

var (
	toldFlows  = regexp.MustCompile(`(?m)^flows +(\d+)`)
	toldKernel = regexp.MustCompile(`(?m)^kernel +(\d+)`)
)

// hostile sends 200,000 datagrams a second that announce templates in the name
// of exporters nobody knows, while four honest ones go on, and looks at memory,
// at what is lost of the honest ones, and whether their templates are kept.
func (b *bench) hostile() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	cmd := exec.Command("bin/weir", "listen", "--quiet", "127.0.0.1:"+port)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := bound(port); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	to := netip.MustParseAddrPort("127.0.0.1:" + port)
	seconds := 2 * b.seconds
	stop := make(chan struct{})
	attacked := make(chan error, 1)
	spoofed := 0
	time.AfterFunc(300*time.Millisecond, func() { // the honest are known by then
		n, err := attack(to, 200_000, stop)
		spoofed = n
		attacked <- err
	})
	honest, took, err := flowtest.Load{Exporters: 4, Rate: 2000, Seconds: seconds}.Send(to)
	memory := resident(cmd.Process.Pid)
	close(stop)
	if e := <-attacked; err == nil {
		err = e
	}
	time.Sleep(settle)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if err != nil {
		return err
	}
	flows, kernel, err := numbers(output.String())
	if err != nil {
		return err
	}
	lost := honest - flows/flowtest.LoadRecords
	rate := float64(spoofed) / took.Seconds()
	flowtest.Figure(fmt.Sprintf("collector/memory under %.0f spoofed templates a second", rate), float64(memory)/1e6, "MB", "<=200", memory <= 200e6)
	flowtest.Figure("collector/datagrams of honest exporters lost meanwhile, less what the kernel dropped", float64(max(lost-kernel, 0)), "datagrams", "<=0", lost <= kernel)
	flowtest.Figure("collector/datagrams of honest exporters lost meanwhile", float64(lost)/float64(honest)*100, "%", "-", true)
	return nil
}

func numbers(output string) (flows, kernel int, err error) {
	m := toldFlows.FindStringSubmatch(output)
	if m == nil {
		return 0, 0, errors.New("weir listen told no flows: " + output)
	}
	if flows, err = strconv.Atoi(m[1]); err != nil {
		return 0, 0, err
	}
	if m := toldKernel.FindStringSubmatch(output); m != nil {
		kernel, err = strconv.Atoi(m[1])
	}
	return flows, kernel, err
}

// attack sends so many datagrams a second from 127.66.0.0/16, each with a
// template of another domain, until stop is closed.
func attack(to netip.AddrPort, rate int, stop <-chan struct{}) (sent int, err error) {
	fds := make([]int, 128)
	for i := range fds {
		if fds[i], err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return 0, err
		}
		defer unix.Close(fds[i])
		if err := unix.Bind(fds[i], &unix.SockaddrInet4{Addr: [4]byte{127, 66, byte(i), 1}}); err != nil {
			return 0, err
		}
		if err := unix.Connect(fds[i], &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
			return 0, err
		}
	}
	d := flowtest.Packet(9, 0, flowtest.Template(9, 300, flowtest.Twenty[:4]))
	start := time.Now()
	for {
		for range 16 {
			binary.BigEndian.PutUint32(d[16:], uint32(sent))
			if _, err := unix.Write(fds[sent%len(fds)], d); err != nil {
				return sent, err
			}
			sent++
		}
		select {
		case <-stop:
			return sent, nil
		default:
		}
		due := start.Add(time.Duration(float64(sent) / float64(rate) * 1e9))
		for time.Until(due) > 60*time.Microsecond {
			time.Sleep(50 * time.Microsecond)
		}
	}
}
