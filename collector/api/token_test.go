package api

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// The first start writes a token that only its owner may read; the next finds
// it. One that others could read is refused.
func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "token")
	first, err := tokenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Stat(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && (info.Mode().Perm() != 0o600 || dir.Mode().Perm() != 0o700) {
		t.Errorf("modes are %v and %v", info.Mode(), dir.Mode())
	}
	if again, err := tokenFile(file); err != nil || again != first || len(first) < 26 { // 26 digits of 5 bits
		t.Errorf("%q, then %q: %v", first, again, err)
	}
	other, err := tokenFile(filepath.Join(t.TempDir(), "token"))
	if err != nil || other == first {
		t.Errorf("%q twice: %v", other, err)
	}
	if err := os.WriteFile(file, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tokenFile(file); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("error is %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := tokenFile(file); err == nil || !strings.Contains(err.Error(), "others may read or write") {
			t.Errorf("mode %o: error is %v", mode, err)
		}
	}
}

// A disk that is full at the first start leaves nothing in the way of the next.
func TestTokenOnFullDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := writeToken
	defer func() { writeToken = write }()
	writeToken = func(f *os.File, token string) error {
		f.WriteString(token[:5])
		return syscall.ENOSPC
	}
	if token, err := tokenFile(file); !errors.Is(err, syscall.ENOSPC) || token != "" {
		t.Errorf("%q: %v", token, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 0 {
		t.Errorf("%s is left", left[0].Name())
	}
	writeToken = write
	if _, err := tokenFile(file); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := Default()
		change(&c)
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { *c = Config{} }, "") // no API
	f(func(c *Config) { c.Listen = "8085" }, `listen is "8085": write host:port`)
	f(func(c *Config) { c.Listen = "localhost:" }, "listen is")
	f(func(c *Config) { c.Hosts = []string{"weir.example", "192.0.2.1", "2001:db8::1"} }, "")
	f(func(c *Config) { c.Hosts = []string{"https://weir.example"} }, "hosts: ")
	f(func(c *Config) { c.Hosts = []string{"weir.example:443"} }, "without scheme and port")
	f(func(c *Config) { c.Cert = "x.pem" }, "cert and key go together")
	f(func(c *Config) { c.Connections = 0 }, "connections is 0")
	f(func(c *Config) { c.Streams = -1 }, "streams is -1")
	ok := Token{Name: "grafana", Role: Viewer, SHA256: strings.Repeat("ab", 32)}
	f(func(c *Config) { c.Tokens = []Token{ok} }, "")
	f(func(c *Config) { c.Tokens = []Token{ok, {}} }, "tokens: 2: name is empty")
	f(func(c *Config) { ok := ok; ok.Role = 0; c.Tokens = []Token{ok} }, "grafana: role is empty: write one of viewer, operator, approver, admin")
	f(func(c *Config) { ok := ok; ok.File = "x"; c.Tokens = []Token{ok} }, "either sha256 or file")
	f(func(c *Config) { ok := ok; ok.SHA256 = "secret"; c.Tokens = []Token{ok} }, "64 hexadecimal digits")

	var r Role
	if err := r.UnmarshalText([]byte("root")); err == nil || !strings.Contains(err.Error(), roleList) {
		t.Errorf("error is %v", err)
	}
	for _, want := range []Role{Viewer, Operator, Approver, Admin} {
		if err := r.UnmarshalText([]byte(want.String())); err != nil || r != want {
			t.Errorf("%s is %s: %v", want, r, err)
		}
	}
}
