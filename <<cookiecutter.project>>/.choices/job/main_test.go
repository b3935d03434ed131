package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"version", []string{"-version"}, 0, name + " ", ""},
		{"help", []string{"-help"}, 0, "", "-timeout"},
		{"unknown flag", []string{"-nonsense"}, 2, "", "-nonsense"},
		{"argument", []string{"nonsense"}, 2, "", `unexpected argument "nonsense"`},
		{"done", nil, 0, "", `"msg":"done"`},
		{"too slow", []string{"-timeout", "0s"}, 1, "", context.DeadlineExceeded.Error()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), test.args, &stdout, &stderr)
			if code != test.code {
				t.Errorf("got exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("got %q and %q, want %q and %q", &stdout, &stderr, test.stdout, test.stderr)
			}
		})
	}
}
