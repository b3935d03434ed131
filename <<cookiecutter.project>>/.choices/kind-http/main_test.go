package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"<< cookiecutter.module >>/internal/buildinfo"
)

func TestHandler(t *testing.T) {
	handler := newHandler(buildinfo.Info{OS: "linux", Arch: "arm", Variant: "v7", Commit: "abc", Version: "1.2.3"})
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
		_, _ = io.WriteString(w, "done")
	})
	stopped := make(chan error, 1)
	go func() { stopped <- serve(ctx, listener, slog.New(slog.DiscardHandler), slow) }()
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

func FuzzHandler(f *testing.F) {
	for _, path := range []string{"/", "/healthz", "/version", "//", "/../version", "/%2e"} {
		f.Add("GET", path)
	}
	handler := newHandler(buildinfo.Info{})
	f.Fuzz(func(t *testing.T, method, path string) {
		request, err := http.NewRequest(method, "http://localhost"+path, nil)
		if err != nil {
			t.Skip("no such request can be sent")
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code >= http.StatusInternalServerError {
			t.Errorf("%s %q: got %d", method, path, recorder.Code)
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	handler := newHandler(buildinfo.Info{})
	request := httptest.NewRequest(http.MethodGet, "/version", nil)
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}
