package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("one two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"version", []string{"-version"}, 0, name + " ", ""},
		{"help", []string{"-help"}, 0, "", "-timeout"},
		{"unknown flag", []string{"-nonsense"}, 2, "", "-nonsense"},
		{"input", nil, 0, "       0        1        5 -\n", ""},
		{"file and input", []string{file, "-"}, 0, "       1        2        8 " + file + "\n", ""},
		{"missing file", []string{file + "s"}, 1, "", "no such file"},
		{"one of two missing", []string{file + "s", file}, 1, file + "\n", "no such file"},
		{"verbose", []string{"-verbose", file}, 0, file, "msg=counted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), test.args, strings.NewReader("hello"), &stdout, &stderr)
			if code != test.code {
				t.Errorf("got exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("got %q and %q, want %q and %q", &stdout, &stderr, test.stdout, test.stderr)
			}
		})
	}
}

func TestRunGivesUp(t *testing.T) {
	stuck, writer := io.Pipe()
	defer writer.Close()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"-timeout", "10ms"}, stuck, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), context.DeadlineExceeded.Error()) {
		t.Errorf("got exit code %d and %q", code, &stderr)
	}
}
