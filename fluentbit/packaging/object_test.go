//go:build real && linux

// Package packaging tests what make fluentbit and make packages leave behind.
package packaging

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const top = "../.."

var arches = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func object(arch string) string {
	return filepath.Join(top, "build/fluentbit/linux_"+arch+"/in_weir.so")
}

// script runs one of this folder's scripts.
func script(t *testing.T, name string) {
	t.Helper()
	if out, err := exec.Command("./" + name).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

var built = sync.OnceValue(func() error {
	if out, err := exec.Command("./build.sh").CombinedOutput(); err != nil {
		return fmt.Errorf("build.sh: %w\n%s", err, out)
	}
	return nil
})

// build makes the shared objects, once for all tests.
func build(t *testing.T) {
	t.Helper()
	if err := built(); err != nil {
		t.Fatal(err)
	}
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The shared objects load on every Linux with glibc 2.17, have what Fluent Bit
// looks up, and are the same from the same sources.
func TestObjects(t *testing.T) {
	build(t)
	first := map[string][32]byte{}
	for arch, machine := range arches {
		t.Run(arch, func(t *testing.T) { checkELF(t, object(arch), machine) })
		first[arch] = sha256.Sum256(read(t, object(arch)))
		if err := os.Remove(object(arch)); err != nil {
			t.Fatal(err)
		}
	}
	script(t, "build.sh")
	for arch := range arches {
		if sha256.Sum256(read(t, object(arch))) != first[arch] {
			t.Errorf("%s: built again, it differs", arch)
		}
	}
	host := strings.TrimSpace(tool(t, "go", "env", "GOHOSTARCH"))
	if !bytes.Equal(read(t, top+"/build/in_weir.so"), read(t, object(host))) {
		t.Errorf("build/in_weir.so isn't that of %s", host)
	}
	// Any program with glibc will do to load it; the harness does more.
	tool(t, "python3", "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1]).FLBPluginRegister", top+"/build/in_weir.so")
}

// What Fluent Bit looks up, from 2.1 to 5.1: what an input must have, and what
// it may have.
var (
	must = []string{
		"FLBPluginRegister", "FLBPluginUnregister", "FLBPluginInit", "FLBPluginExit",
		"FLBPluginInputCallback", "FLBPluginInputCallbackCtx",
		"FLBPluginInputCleanupCallback", "FLBPluginInputCleanupCallbackCtx",
		"FLBPluginInputPause", "FLBPluginInputResume",
	}
	may = []string{"FLBPluginPreRegister", "FLBPluginInputPreRun", "FLBPluginInputPreExit"}
)

func checkELF(t *testing.T, name string, machine elf.Machine) {
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine || f.Type != elf.ET_DYN {
		t.Errorf("it is a %v for %v", f.Type, f.Machine)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range libraries {
		if !slices.Contains([]string{"libc.so.6", "libpthread.so.0", "libresolv.so.2", "libdl.so.2", "libm.so.6", "librt.so.1"}, l) {
			t.Errorf("it needs %s, which isn't glibc's", l)
		}
	}
	needs, err := f.DynamicVersionNeeds()
	if err != nil {
		t.Fatal(err)
	}
	versions := 0
	for _, lib := range needs {
		for _, v := range lib.Needs {
			var major, minor int
			if _, err := fmt.Sscanf(v.Dep, "GLIBC_%d.%d", &major, &minor); err != nil || major != 2 || minor > 17 {
				t.Errorf("it needs %s of %s", v.Dep, lib.Name)
			}
			versions++
		}
	}
	if versions == 0 {
		t.Error("it needs no version of glibc's symbols, which can't be")
	}

	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	missing := slices.Clone(must)
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF || !strings.HasPrefix(s.Name, "FLBPlugin") {
			continue
		}
		if !slices.Contains(must, s.Name) && !slices.Contains(may, s.Name) {
			t.Errorf("it has %s, which Fluent Bit doesn't look up", s.Name)
		}
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == s.Name })
	}
	if len(missing) > 0 {
		t.Errorf("it has no %v", missing)
	}

	// A Go runtime can't be unloaded.
	flags, err := f.DynValue(elf.DT_FLAGS_1)
	if err != nil || len(flags) != 1 || elf.DynFlag1(flags[0])&elf.DF_1_NODELETE == 0 {
		t.Errorf("it may be unloaded: flags %v, %v", flags, err)
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		if paths, err := f.DynString(tag); err != nil || len(paths) > 0 {
			t.Errorf("it has paths of its own: %v, %v", paths, err)
		}
	}
	for _, s := range f.Sections {
		if s.Name == ".note.go.buildid" {
			t.Error("it has Go's build ID, which isn't the same in another folder")
		}
		if s.Name == ".symtab" || strings.Contains(s.Name, "debug") {
			t.Errorf("it isn't stripped: it has a section %s", s.Name)
		}
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_GNU_STACK && p.Flags&elf.PF_X != 0 {
			t.Error("its stack is executable")
		}
	}
}
