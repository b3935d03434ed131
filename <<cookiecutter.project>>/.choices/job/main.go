// Command << cookiecutter.project >>-job does one thing and ends, as a migration or a nightly clean-up does.
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

const name = "<< cookiecutter.project >>-job"

// The linker sets these: see the Dockerfile.
var commit, version, sourceDate string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program with its surroundings as parameters. It returns the exit code: 0 when the job is
// done, 1 when it failed and 2 when the command line is wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	timeout := flags.Duration("timeout", time.Minute, "how long the job may take")
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
	if *showVersion {
		fmt.Fprintln(stdout, name, buildinfo.Read(commit, version, sourceDate))
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	if err := work(ctx); err != nil {
		logger.Error("failed", "error", err)
		return 1
	}
	logger.Info("done")
	return 0
}

// work is the job: yours goes here. It ends when ctx is done.
func work(ctx context.Context) error {
	return ctx.Err()
}
