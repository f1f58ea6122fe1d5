//go:build linux

package source

import (
	"os"
	"testing"
)

// What in the environment makes the test binary another program.
const (
	senderRate = "WEIR_TEST_SENDER"    // one that sends so many datagrams a second
	activated  = "WEIR_TEST_ACTIVATED" // one that systemd has started
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(senderRate) != "":
		blast(os.Args[len(os.Args)-1], os.Getenv(senderRate))
	case os.Getenv(activated) != "":
		activatedMain()
	default:
		os.Exit(m.Run())
	}
}
