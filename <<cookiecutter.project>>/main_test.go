package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestHandler(t *testing.T) {
	handler := newHandler(build{OS: "linux", Arch: "arm", Variant: "v7", Commit: "abc", Version: "1.2.3"})
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", http.StatusOK, "Hello from " + name + ".\n"},
		{"GET", "/healthz", http.StatusOK, "ok\n"},
		{"HEAD", "/healthz", http.StatusOK, ""},
		{"POST", "/healthz", http.StatusMethodNotAllowed, "Method Not Allowed\n"},
		{"GET", "/nowhere", http.StatusNotFound, "404 page not found\n"},
		{
			"GET", "/version", http.StatusOK,
			`{"os":"linux","arch":"arm","variant":"v7","commit":"abc","version":"1.2.3","go":""}` + "\n",
		},
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			request, err := http.NewRequest(test.method, server.URL+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || string(body) != test.body {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, body, test.status, test.body)
			}
		})
	}
}

func TestRun(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"version", []string{"-version"}, 0, name + " ", ""},
		{"help", []string{"-help"}, 0, "", "-addr"},
		{"unknown flag", []string{"-nonsense"}, 2, "", "-nonsense"},
		{"argument", []string{"nonsense"}, 2, "", `unexpected argument "nonsense"`},
		{"address", []string{"-addr", "127.0.0.1:99999"}, 1, "", "cannot listen"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			noEnvironment := func(string) string { return "" }
			code := run(context.Background(), test.args, noEnvironment, &stdout, &stderr)
			if code != test.code {
				t.Errorf("got exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("got %q and %q, want %q and %q", &stdout, &stderr, test.stdout, test.stderr)
			}
		})
	}
}

func TestAddressFromEnvironment(t *testing.T) {
	var stdout, stderr bytes.Buffer
	environment := func(key string) string { return map[string]string{"ADDR": "127.0.0.1:99998"}[key] }
	code := run(context.Background(), nil, environment, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "127.0.0.1:99998") {
		t.Errorf("got exit code %d and %q", code, &stderr)
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		time.Sleep(100 * time.Millisecond)
		io.WriteString(w, "done")
	})
	stopped := make(chan error, 1)
	go func() { stopped <- serve(ctx, listener, slog.New(slog.NewTextHandler(io.Discard, nil)), slow) }()
	go func() {
		<-started
		cancel()
	}()

	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "done" {
		t.Errorf("got %q, %v", body, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestReadBuild(t *testing.T) {
	commit, version, sourceDate = "0123abc", "1.2.3", "86400"
	t.Cleanup(func() { commit, version, sourceDate = "", "", "" })
	got := readBuild()
	if got.OS != runtime.GOOS || got.Arch != runtime.GOARCH || got.Go != runtime.Version() {
		t.Errorf("got %+v", got)
	}
	if got.Commit != "0123abc" || got.Version != "1.2.3" || got.Date != "1970-01-02T00:00:00Z" {
		t.Errorf("got %+v", got)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

func TestBuildString(t *testing.T) {
	got := build{OS: "linux", Arch: "arm", Variant: "v6", Commit: "abc", Version: "1.2.3", Go: "go1"}.String()
	if want := name + " 1.2.3 (commit abc, linux/arm/v6, go1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVariantOf(t *testing.T) {
	tests := []struct{ arch, key, value, want string }{
		{"arm", "GOARM", "7", "v7"},
		{"arm", "GOARM", "5,softfloat", "v5"},
		{"arm", "", "", ""},
		{"amd64", "GOAMD64", "v1", ""},
		{"amd64", "GOAMD64", "v3", "v3"},
		{"amd64", "", "", ""},
		{"arm64", "GOARM64", "v8.0", ""},
		{"arm64", "GOARM64", "v8.2,lse", "v8.2"},
		{"arm64", "GOARM64", "v9.0", "v9"},
		{"riscv64", "GORISCV64", "rva20u64", ""},
	}
	for _, test := range tests {
		t.Run(test.arch+" "+test.value, func(t *testing.T) {
			got := variantOf(test.arch, map[string]string{test.key: test.value})
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
