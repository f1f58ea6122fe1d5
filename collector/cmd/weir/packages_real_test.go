//go:build real && linux

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// packages makes the packages for this machine and returns them by their ends,
// and "arm64", the tar.gz for that, if that is another one that is among arches.
func packages(t *testing.T, arches, suffix string) map[string][]byte {
	t.Helper()
	cmd := exec.Command(top + "/collector/packaging/build.sh")
	cmd.Env = append(os.Environ(), "ARCHES="+arches, "VERSION_SUFFIX="+suffix)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	here := runtime.GOARCH
	names := map[string]string{
		".deb": "_" + here + ".deb", ".tar.gz": "-" + here + ".tar.gz",
		".rpm": map[string]string{"amd64": ".x86_64.rpm", "arm64": ".aarch64.rpm"}[here],
	}
	if arches != here {
		names["arm64"] = "-arm64.tar.gz"
	}
	all := map[string][]byte{}
	for end, name := range names {
		files, _ := filepath.Glob(top + "/build/packages/*" + name)
		if len(files) != 1 {
			t.Fatalf("%s: %v, want one", name, files)
		}
		d, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		all[end] = d
	}
	return all
}

// What the packages hold is whole, the same from the same commit, and runs.
func TestPackages(t *testing.T) {
	first := packages(t, runtime.GOARCH, "")
	dir := t.TempDir()
	path := func(end string) string {
		p := filepath.Join(dir, "weir"+end)
		if err := os.WriteFile(p, first[end], 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	deb, rpm, archive := path(".deb"), path(".rpm"), path(".tar.gz")
	for end, d := range packages(t, runtime.GOARCH, "") {
		if !bytes.Equal(d, first[end]) {
			t.Errorf("the %s of the same commit differs", end)
		}
	}

	root := filepath.Join(dir, "root")
	tool(t, "dpkg-deb", "-x", deb, root)
	version := strings.TrimSpace(tool(t, "dpkg-deb", "-f", deb, "Version"))
	tool(t, "dpkg", "--validate-version", version)
	if got := tool(t, "rpm", "-qp", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE} %{LICENSE}", rpm); got != "weir "+version+"-1 Apache-2.0" {
		t.Errorf("the rpm is %q", got)
	}
	samePaths(t, root, rpm)
	if got := tool(t, "rpm", "-qpc", rpm); got != "/etc/weir/weir.yaml\n" {
		t.Errorf("the rpm's configuration: %q", got)
	}
	conffiles := tool(t, "dpkg-deb", "-I", deb, "conffiles")
	if conffiles != "/etc/weir/weir.yaml\n" {
		t.Errorf("the deb's configuration: %q", conffiles)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		p := filepath.Join(dir, script)
		if err := os.WriteFile(p, []byte(tool(t, "dpkg-deb", "-I", deb, script)), 0o700); err != nil {
			t.Fatal(err)
		}
		tool(t, "sh", "-n", p)
	}
	if got := tool(t, "tar", "-tzf", archive); !regexp.MustCompile(`(?m)^weir-[^/]+/weir$`).MatchString(got) || !strings.Contains(got, "/systemd/weir.service\n") {
		t.Errorf("the tar.gz holds\n%s", got)
	}

	bin := filepath.Join(root, "usr/bin/weir")
	config := filepath.Join(root, "etc/weir/weir.yaml")
	if got := tool(t, bin, "version"); !strings.HasPrefix(got, "weir "+version+" ") {
		t.Errorf("version: %q, want %s", got, version)
	}
	if got := tool(t, bin, "config", "check", config); got != config+": ok\n" {
		t.Errorf("config check: %q", got)
	}
	service(t, dir, root, bin)
	runs(t, bin, config)
	later := packages(t, "amd64 arm64", "+1")
	t.Run("arm64", func(t *testing.T) { emulated(t, bin, later["arm64"]) })
	t.Run("installed", func(t *testing.T) { machines(t, first, later) })
}

// emulated runs the command for arm64, which says and decodes the same.
func emulated(t *testing.T, bin string, archive []byte) {
	needs(t, "qemu-aarch64-static", "aarch64-linux-gnu-gcc")
	t.Setenv("QEMU_LD_PREFIX", "/usr/aarch64-linux-gnu") // its libc
	dir := t.TempDir()
	file := filepath.Join(dir, "weir.tar.gz")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "tar", "-C", dir, "--strip-components=1", "-xzf", file)
	arm := filepath.Join(dir, "weir")
	if got := tool(t, "qemu-aarch64-static", arm, "version"); !strings.HasSuffix(got, " linux/arm64\n") {
		t.Errorf("version: %q", got)
	}
	for _, name := range []string{"v9/pmacctd", "ipfix/openvswitch", "sflow/pmacctd", "v5/softflowd"} {
		in := inTop(t, "testdata", "pcap", name+".pcap")
		args := []string{"decode", "--meta", in}
		want := tool(t, bin, args...)
		if got := tool(t, "qemu-aarch64-static", append([]string{arm}, args...)...); got != want || want == "" {
			t.Errorf("%s: arm64 decodes %d octets, %s %d, not the same", name, len(got), runtime.GOARCH, len(want))
		}
	}
}

// samePaths tells where the deb and the rpm differ that shouldn't.
func samePaths(t *testing.T, root, rpm string) {
	t.Helper()
	own := regexp.MustCompile(`/doc/weir/(copyright|changelog\.gz)$|/licenses/|/zsh/`)
	var inDeb, inRPM []string
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if p = strings.TrimPrefix(p, root); err == nil && !d.IsDir() && !own.MatchString(p) {
			inDeb = append(inDeb, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(tool(t, "rpm", "-qpl", rpm)) {
		if !own.MatchString(p) {
			inRPM = append(inRPM, p)
		}
	}
	slices.Sort(inRPM)
	slices.Sort(inDeb)
	if !slices.Equal(inDeb, inRPM) || len(inDeb) < 20 {
		t.Errorf("the deb holds\n%s\nand the rpm\n%s", strings.Join(inDeb, "\n"), strings.Join(inRPM, "\n"))
	}
}

// service has systemd read the unit; the command is where it was unpacked.
func service(t *testing.T, dir, root, bin string) {
	t.Helper()
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/weir.service"))
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, "weir.service")
	if err := os.WriteFile(p, bytes.ReplaceAll(unit, []byte("/usr/bin/weir"), []byte(bin)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", p).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("weir.service")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// runs starts the collector as systemd does, and ends it.
func runs(t *testing.T, bin, config string) {
	t.Helper()
	dir := t.TempDir()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	var stderr bytes.Buffer
	cmd := exec.Command(bin, "run", "--config", config, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
	cmd.Env = []string{"NOTIFY_SOCKET=" + filepath.Join(dir, "notify"), "STATE_DIRECTORY=" + filepath.Join(dir, "state")}
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	notify.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 100)
	if n, err := notify.Read(b); err != nil || string(b[:n]) != "READY=1" {
		t.Fatalf("systemd hears %q, %v", b[:n], err)
	}
	if _, err := os.Stat(filepath.Join(dir, "state", "token")); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr.Bytes())
	}
}
