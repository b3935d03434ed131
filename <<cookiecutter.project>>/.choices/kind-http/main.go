// Command << cookiecutter.project >> is an HTTP service.
//
// << cookiecutter.description >>
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"<< cookiecutter.module >>/internal/buildinfo"
)

const (
	name            = "<< cookiecutter.project >>"
	defaultAddress  = ":8080"
	shutdownTimeout = 10 * time.Second
)

// The linker sets these: see the Dockerfile.
var commit, version, sourceDate string

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program with its surroundings as parameters. It returns the exit code: 0 when all went
// well, 1 when the service failed and 2 when the command line is wrong.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	address := getenv("ADDR")
	if address == "" {
		address = defaultAddress
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&address, "addr", address, "address to listen on; the variable ADDR sets it too")
	showVersion := flags.Bool("version", false, "print what this program was built from, and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s: unexpected argument %q\n", name, flags.Arg(0))
		return 2
	}

	from := buildinfo.Read(commit, version, sourceDate)
	if *showVersion {
		fmt.Fprintln(stdout, name, from)
		return 0
	}

	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		logger.Error("cannot listen", "address", address, "error", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Once the first signal has arrived a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	if err := serve(ctx, listener, logger, newHandler(from)); err != nil {
		logger.Error("stopped", "error", err)
		return 1
	}
	return 0
}

// serve answers requests until ctx is done, then lets those under way finish.
func serve(ctx context.Context, listener net.Listener, logger *slog.Logger, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	logger.Info("listening", "address", listener.Addr().String())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	logger.Info("stopping", "timeout", shutdownTimeout.String())
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return server.Shutdown(deadline)
}

func newHandler(from buildinfo.Info) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Hello from %s.\n", name)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// The status is sent by now: an error here is a client that has gone.
		_ = json.NewEncoder(w).Encode(from)
	})
	return mux
}
