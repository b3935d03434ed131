// Command << cookiecutter.project >> is a worker: it does a piece of work again and again.
//
// << cookiecutter.description >>
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"<< cookiecutter.module >>/internal/buildinfo"
)

const (
	name            = "<< cookiecutter.project >>"
	defaultInterval = 10 * time.Second
	workTimeout     = time.Minute
	shutdownTimeout = 10 * time.Second
)

// The linker sets these: see the Dockerfile.
var commit, version, sourceDate string

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program with its surroundings as parameters. It returns the exit code: 0 when all went
// well, 1 when the worker failed and 2 when the command line is wrong.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	interval := flags.Duration("interval", defaultInterval, "time between two pieces of work; the variable INTERVAL sets it too")
	once := flags.Bool("once", false, "do one piece of work, and exit")
	showVersion := flags.Bool("version", false, "print what this program was built from, and exit")
	if value := getenv("INTERVAL"); value != "" {
		if err := flags.Set("interval", value); err != nil {
			fmt.Fprintf(stderr, "%s: INTERVAL: %v\n", name, err)
			return 2
		}
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s: unexpected argument %q\n", name, flags.Arg(0))
		return 2
	case *interval <= 0:
		fmt.Fprintf(stderr, "%s: the interval must be longer than 0\n", name)
		return 2
	}
	from := buildinfo.Read(commit, version, sourceDate)
	if *showVersion {
		fmt.Fprintln(stdout, name, from)
		return 0
	}

	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Once the first signal has arrived a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	piece := func(ctx context.Context) error {
		return work(ctx, logger)
	}
	if *once {
		if err := attempt(ctx, piece); err != nil {
			logger.Error("failed", "error", err)
			return 1
		}
		return 0
	}
	logger.Info("started", "interval", interval.String(), "version", from.Version, "commit", from.Commit)
	loop(ctx, logger, *interval, piece)
	logger.Info("stopped")
	return 0
}

// work is one piece of work: yours goes here. It ends when ctx is done.
func work(ctx context.Context, logger *slog.Logger) error {
	logger.InfoContext(ctx, "worked")
	return ctx.Err()
}
