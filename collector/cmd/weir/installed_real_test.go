//go:build real && linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machines installs the deb and the rpm on machines: a Debian in namespaces, with
// systemd as its first process. What they are to do there installed.sh says.
func machines(t *testing.T, made, later map[string][]byte) {
	needs(t, "mmdebstrap", "systemd-nspawn", "unshare", "tar")
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("a machine needs root")
	}
	dir := t.TempDir()
	debian := debianTree(t)
	for name, made := range map[string]map[string][]byte{"old": made, "new": later} {
		for _, end := range []string{".deb", ".rpm"} {
			if err := os.WriteFile(filepath.Join(dir, name+end), made[end], 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kind := range []string{"deb", "rpm"} {
		t.Run(kind, func(t *testing.T) { installed(t, debian, dir, kind) })
	}
}

// debianTree returns where the machine's files are, in a tar. It is made once.
func debianTree(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	file := filepath.Join(cache, "weir", "debian-bookworm.tar")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		tool(t, inTop(t, "testdata", "make", "debian.sh"), file)
	}
	return file
}

func installed(t *testing.T, debian, packages, kind string) {
	dir := t.TempDir()
	root, result := filepath.Join(dir, "root"), filepath.Join(dir, "result")
	for _, d := range []string{root, result} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "tar", "-C", root, "-xf", debian)
	os.Remove(filepath.Join(root, "etc/dpkg/dpkg.cfg.d/99mmdebstrap")) // it leaves documentation out
	unit := `[Service]
Type=oneshot
ExecStart=/installed.sh ` + kind + `
StandardOutput=file:/result/log
StandardError=inherit
[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
`
	steps, err := os.ReadFile(inTop(t, "collector", "packaging", "installed.sh"))
	err = errors.Join(err, os.WriteFile(filepath.Join(root, "installed.sh"), steps, 0o755),
		os.WriteFile(filepath.Join(root, "etc/systemd/system/installed.service"), []byte(unit), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	// /run is its own, as nspawn leaves traces there.
	boot := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs tmpfs /run && exec timeout 90 systemd-nspawn "$@"`, "-",
		"--quiet", "--register=no", "--keep-unit", "--private-network", "--directory="+root,
		"--bind-ro="+packages+":/packages", "--bind="+result+":/result",
		"--boot", "systemd.unit=installed.service", "systemd.show_status=no")
	console, err := boot.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(result, "log"))
	if err != nil || !strings.HasSuffix(string(log), "all is well\n") {
		t.Errorf("%v\n%s\n%s", err, log, console)
	}
}
