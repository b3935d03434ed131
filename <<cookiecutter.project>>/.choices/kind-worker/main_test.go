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
		interval       string
		code           int
		stdout, stderr string
	}{
		{"version", []string{"-version"}, "", 0, name + " ", ""},
		{"help", []string{"-help"}, "", 0, "", "-interval"},
		{"unknown flag", []string{"-nonsense"}, "", 2, "", "-nonsense"},
		{"argument", []string{"nonsense"}, "", 2, "", `unexpected argument "nonsense"`},
		{"interval", []string{"-interval", "0s"}, "", 2, "", "longer than 0"},
		{"variable", nil, "soon", 2, "", "INTERVAL"},
		{"once", []string{"-once"}, "1h", 0, "", `"msg":"worked"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			environment := func(key string) string { return map[string]string{"INTERVAL": test.interval}[key] }
			code := run(context.Background(), test.args, environment, &stdout, &stderr)
			if code != test.code {
				t.Errorf("got exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("got %q and %q, want %q and %q", &stdout, &stderr, test.stdout, test.stderr)
			}
		})
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, nil, func(string) string { return "" }, &stdout, &stderr)
	if code != 0 || !strings.Contains(stderr.String(), `"msg":"stopped"`) {
		t.Errorf("got exit code %d and %q", code, &stderr)
	}
}
