package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

func TestLoopGoesOnAfterAFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := 0
	loop(ctx, quiet, time.Millisecond, func(context.Context) error {
		if calls++; calls == 3 {
			cancel()
		}
		return errors.New("broken")
	})
	if calls != 3 {
		t.Errorf("got %d calls, want 3", calls)
	}
}

func TestLoopLetsWorkFinish(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	finished := false
	loop(ctx, quiet, time.Hour, func(ctx context.Context) error {
		cancel()
		time.Sleep(20 * time.Millisecond)
		finished = ctx.Err() == nil
		return nil
	})
	if !finished {
		t.Error("the work under way was stopped")
	}
}

func TestPause(t *testing.T) {
	tests := []struct {
		interval time.Duration
		failures int
		want     time.Duration
	}{
		{time.Second, 0, time.Second},
		{time.Second, 1, 2 * time.Second},
		{time.Second, 3, 8 * time.Second},
		{time.Second, 1000, maxPause},
		{time.Hour, 5, time.Hour},
	}
	for _, test := range tests {
		if got := pause(test.interval, test.failures); got != test.want {
			t.Errorf("pause(%v, %d): got %v, want %v", test.interval, test.failures, got, test.want)
		}
	}
}

func FuzzPause(f *testing.F) {
	f.Add(int64(time.Second), 3)
	f.Fuzz(func(t *testing.T, nanoseconds int64, failures int) {
		interval := time.Duration(nanoseconds)
		if interval <= 0 {
			t.Skip("run refuses it")
		}
		if got := pause(interval, failures); got < interval || got > max(interval, maxPause) {
			t.Errorf("pause(%v, %d): got %v", interval, failures, got)
		}
	})
}

func BenchmarkAttempt(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		if err := attempt(ctx, func(context.Context) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
