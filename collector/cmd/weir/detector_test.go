package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/weirflow/weir/plugins/detect"
)

// init makes the test's binary the weir that a detector's process runs: the
// command test starts the program that it is part of.
func init() {
	if os.Getenv("WEIR_DETECTOR") != "" && len(os.Args) > 1 && os.Args[1] == "detector" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
}

const scanCapture = "../../../plugins/builtin/scan/testdata/scan-v5.pcap"

// detectorRun runs weir detector with args and returns its exit code and what
// it wrote.
func detectorRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"detector"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestDetectorTest(t *testing.T) {
	code, out, errs := detectorRun(t, "test", "scan", "--json", "--flows", scanCapture)
	if code != 0 || !strings.Contains(errs, "scan 1: 1 findings in 285 records of 15 datagrams") {
		t.Fatalf("exit %d, stderr %q", code, errs)
	}
	var f detect.Finding
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatal(err)
	}
	if f.Detector != "scan" || f.Key != "10.0.9.66 tcp 445" || f.Metrics["destinations"] != 60 || len(f.Evidence) != 60 ||
		f.Coverage != 1 || f.ID != detect.ID("scan", f.Key, f.Start, f.End) {
		t.Errorf("found %+v", f)
	}
	for range 3 {
		if _, again, _ := detectorRun(t, "test", "scan", "--json", "--flows", scanCapture); again != out {
			t.Fatal("another run printed something else")
		}
	}
}

func TestDetectorTestTable(t *testing.T) {
	_, out, _ := detectorRun(t, "test", "scan", "--flows", scanCapture)
	want := `WINDOW (UTC)         LENGTH SEVERITY CONF CLASS            EXPLANATION
2026-11-22T00:00:00Z 5m     high     0.90 scan.horizontal  10.0.9.66 tried tcp port 445 on 60 destinations within 30 s and got through to none.
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// A capture merged with itself has every flow twice, and the same finding.
func TestDetectorTestMerges(t *testing.T) {
	code, out, errs := detectorRun(t, "test", "scan", "--json", "--flows", scanCapture, scanCapture)
	var f detect.Finding
	if err := json.Unmarshal([]byte(out), &f); err != nil || code != 0 {
		t.Fatalf("exit %d, %v, stderr %q", code, err, errs)
	}
	if f.Metrics["destinations"] != 60 || f.Metrics["flows"] != 120 || strings.Contains(errs, "left out") {
		t.Errorf("found %v, stderr %q", f.Metrics, errs)
	}
}

func TestDetectorTestLate(t *testing.T) {
	_, _, errs := detectorRun(t, "test", "scan", "--lateness", "1ms", "--flows", scanCapture)
	if !strings.Contains(errs, "records came more than 1ms after their end and were left out") {
		t.Errorf("stderr %q", errs)
	}
}

func TestDetectorList(t *testing.T) {
	code, out, _ := detectorRun(t, "list")
	if code != 0 || !strings.Contains(out, "\nscan       1 ") {
		t.Errorf("exit %d, %q", code, out)
	}
}

func TestDetectorErrors(t *testing.T) {
	f := func(code int, text string, args ...string) {
		t.Helper()
		if got, out, errs := detectorRun(t, args...); got != code || !strings.Contains(errs, text) || out != "" {
			t.Errorf("%v: exit %d, want %d; stdout %q, stderr %q", args, got, code, out, errs)
		}
	}
	f(2, "test what?", "test")
	f(2, "test on what?", "test", "scan")
	f(2, "it is one of scan", "test", "scna", "--flows", scanCapture)
	f(1, "nothing-here", "test", "./nothing-here", "--flows", scanCapture)
	f(1, "no-capture", "test", "scan", "--flows", "no-capture.pcap")
	f(1, "start detector", "test", "true", "--flows", scanCapture)
}
