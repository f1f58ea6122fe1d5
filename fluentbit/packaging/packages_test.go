//go:build real && linux

package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// packages makes the packages and returns them by their ends.
func packages(t *testing.T) map[string][]byte {
	t.Helper()
	script(t, "packages.sh")
	all := map[string][]byte{}
	for _, end := range []string{"_amd64.deb", "_arm64.deb", ".x86_64.rpm", ".aarch64.rpm"} {
		files, _ := filepath.Glob(top + "/build/packages/fluent-bit-weir*" + end)
		if len(files) != 1 {
			t.Fatalf("%s: %v, want one", end, files)
		}
		all[end] = read(t, files[0])
	}
	return all
}

// What the packages hold is whole, and the same from the same commit.
func TestPackages(t *testing.T) {
	first := packages(t)
	for end, d := range packages(t) {
		if !bytes.Equal(d, first[end]) {
			t.Errorf("the %s of the same commit differs", end)
		}
	}
	for arch, end := range map[string]string{"amd64": ".x86_64.rpm", "arm64": ".aarch64.rpm"} {
		t.Run(arch, func(t *testing.T) { checkPackages(t, arch, first["_"+arch+".deb"], first[end]) })
	}
}

func checkPackages(t *testing.T, arch string, debData, rpmData []byte) {
	dir := t.TempDir()
	deb, rpm, root := filepath.Join(dir, "it.deb"), filepath.Join(dir, "it.rpm"), filepath.Join(dir, "root")
	for p, d := range map[string][]byte{deb: debData, rpm: rpmData} {
		if err := os.WriteFile(p, d, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "dpkg-deb", "-x", deb, root)
	version := strings.TrimSpace(tool(t, "dpkg-deb", "-f", deb, "Version"))
	tool(t, "dpkg", "--validate-version", version)
	if got := tool(t, "dpkg-deb", "-f", deb, "Package", "Architecture", "Depends"); got != "Package: fluent-bit-weir\nArchitecture: "+arch+"\nDepends: libc6 (>= 2.17)\n" {
		t.Errorf("the deb is %q", got)
	}
	if got := tool(t, "rpm", "-qp", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE} %{LICENSE}", rpm); got != "fluent-bit-weir "+version+"-1 Apache-2.0" {
		t.Errorf("the rpm is %q", got)
	}
	samePaths(t, root, rpm)

	in := func(name string) []byte { return read(t, filepath.Join(root, name)) }
	if !bytes.Equal(in("usr/lib/fluent-bit/in_weir.so"), read(t, object(arch))) {
		t.Error("in_weir.so isn't the one that was built")
	}
	examples, _ := filepath.Glob("../conf/*.*")
	for _, e := range examples {
		if !bytes.Equal(in("usr/share/doc/fluent-bit-weir/examples/"+filepath.Base(e)), read(t, e)) {
			t.Errorf("the example %s isn't ours", e)
		}
	}
	if got := string(in("usr/lib/sysctl.d/60-fluent-bit-weir.conf")); !strings.Contains(got, "\nnet.core.rmem_max = 33554432\n") {
		t.Errorf("sysctl: %s", got)
	}
	dropIn(t, in("usr/lib/systemd/system/fluent-bit.service.d/weir.conf"))

	// They leave a running Fluent Bit alone, and say so.
	restarts := regexp.MustCompile(`(?m)^\s*systemctl .*(start|stop|reload) |kill`)
	for _, name := range []string{"postinst", "postrm"} {
		p := filepath.Join(dir, name)
		text := tool(t, "dpkg-deb", "-I", deb, name)
		if err := os.WriteFile(p, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		tool(t, "sh", "-n", p)
		if m := restarts.FindString(text); m != "" {
			t.Errorf("%s does %q", name, m)
		}
	}
	if got := tool(t, "dpkg-deb", "-I", deb, "postinst"); !strings.Contains(got, "2. systemctl restart fluent-bit\n") {
		t.Errorf("postinst doesn't say what is next:\n%s", got)
	}
}

// samePaths tells where the deb and the rpm differ that shouldn't.
func samePaths(t *testing.T, root, rpm string) {
	t.Helper()
	own := regexp.MustCompile(`/doc/fluent-bit-weir/(copyright|changelog\.gz)$|/licenses/`)
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
	slices.Sort(inDeb)
	slices.Sort(inRPM)
	if !slices.Equal(inDeb, inRPM) || len(inDeb) < 8 {
		t.Errorf("the deb holds\n%s\nand the rpm\n%s", strings.Join(inDeb, "\n"), strings.Join(inRPM, "\n"))
	}
}

// dropIn has systemd read it, beside a unit like Fluent Bit's.
func dropIn(t *testing.T, text []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "fluent-bit.service.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(dir, "fluent-bit.service")
	for p, d := range map[string][]byte{
		unit: []byte("[Unit]\nDescription=Fluent Bit\n[Service]\nType=simple\nExecStart=/bin/true\n"),
		filepath.Join(dir, "fluent-bit.service.d/weir.conf"): text,
	} {
		if err := os.WriteFile(p, d, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("weir.conf")) || bytes.Contains(out, []byte("fluent-bit.service")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
