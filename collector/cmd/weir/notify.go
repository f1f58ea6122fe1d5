package main

import (
	"fmt"
	"net"
	"os"
)

// notify tells systemd of a service of Type=notify how it is, as "READY=1" (see
// sd_notify(3)). Without systemd it does nothing.
func notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET") // a path, or "@" and an abstract name
	if name == "" {
		return nil
	}
	c, err := net.Dial("unixgram", name)
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	return nil
}
