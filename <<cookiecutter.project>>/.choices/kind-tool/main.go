// Command << cookiecutter.project >> counts the lines, words and bytes of files.
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

const name = "<< cookiecutter.project >>"

// The linker sets these: see the Dockerfile.
var commit, version, sourceDate string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program with its surroundings as parameters. It returns the exit code: 0 when all went
// well, 1 when a file could not be read and 2 when the command line is wrong.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "Usage: %s [flags] [file ...]\n\nWithout a file, or for the file -, it reads its input.\n\n", name)
		flags.PrintDefaults()
	}
	timeout := flags.Duration("timeout", 0, "give up after this time, as 10s; 0 for never")
	verbose := flags.Bool("verbose", false, "log what is done")
	showVersion := flags.Bool("version", false, "print what this program was built from, and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if *showVersion {
		fmt.Fprintln(stdout, name, buildinfo.Read(commit, version, sourceDate))
		return 0
	}

	level := slog.LevelWarn
	if *verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if *timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		ctx = limited
	}
	files := flags.Args()
	if len(files) == 0 {
		files = []string{"-"}
	}
	code := 0
	for _, file := range files {
		started := time.Now()
		total, err := countFile(ctx, file, stdin)
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", name, err)
			code = 1
			if ctx.Err() != nil {
				break
			}
			continue
		}
		logger.Debug("counted", "file", file, "bytes", total.Bytes, "seconds", time.Since(started).Seconds())
		fmt.Fprintf(stdout, "%8d %8d %8d %s\n", total.Lines, total.Words, total.Bytes, file)
	}
	return code
}

// countFile counts a file, or what comes in where its name is -. It does not wait for a reader that is
// stuck once ctx is done.
func countFile(ctx context.Context, file string, stdin io.Reader) (counts, error) {
	reader := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return counts{}, err
		}
		defer opened.Close()
		reader = opened
	}
	type result struct {
		total counts
		err   error
	}
	done := make(chan result, 1)
	go func() {
		total, err := count(ctx, reader)
		done <- result{total, err}
	}()
	select {
	case <-ctx.Done():
		return counts{}, fmt.Errorf("%s: %w", file, ctx.Err())
	case counted := <-done:
		if counted.err != nil {
			return counts{}, fmt.Errorf("%s: %w", file, counted.err)
		}
		return counted.total, nil
	}
}
