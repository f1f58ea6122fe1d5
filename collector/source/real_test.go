//go:build real

package source

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/template"
)

// OpenSSL's s_client speaks TLS and DTLS to us.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	a, other := newAuthority(t, "ca"), newAuthority(t, "other")
	a.issue("exporter")
	other.issue("stranger")
	client := func(x *Listener, from *authority, name string, args ...string) string {
		t.Helper()
		args = append([]string{"s_client", "-connect", x.Addr().String(), "-CAfile", a.path("ca.pem"), "-verify_return_error", "-quiet", "-no_ign_eof"}, args...)
		if name != "" {
			args = append(args, "-cert", from.path(name+".pem"), "-key", from.path(name+".key"))
		}
		cmd := exec.Command("openssl", args...)
		cmd.Stdin = bytes.NewReader(ipfixMessage(1000, 7))
		out, _ := cmd.CombinedOutput() // how it ends differs from version to version
		return string(out)
	}
	f := func(scheme string, over template.Transport, args ...string) {
		t.Run(strings.Join(append([]string{scheme}, args...), ""), func(t *testing.T) {
			x := openStream(t, Listen{Address: scheme + "://127.0.0.1:0", TLS: a.server()}, nil)
			said := make(chan string)
			go func() { said <- client(x, a, "exporter", args...) }()
			d := next(t, x.Sources()[0], 1)[0]
			if d.Over != over || !bytes.Equal(d.Data, ipfixMessage(1000, 7)) {
				t.Errorf("%+v", d)
			}
			if d := next(t, x.Sources()[0], 1)[0]; !d.Closed {
				t.Errorf("the end is %+v", d)
			}
			t.Logf("openssl: %s", <-said)
			for i, name := range []string{"", "stranger"} {
				client(x, other, name, args...)
				eventually(t, x, "the refusal", func(s Stats) bool { return s.Handshakes == uint64(i+1) })
			}
			nothing(t, x.Sources()[0])
		})
	}
	f("tls", template.TLS, "-tls1_2")
	f("tls", template.TLS, "-tls1_3")
	f("dtls", template.DTLS, "-dtls1_2")
}
