package main

import (
	"context"
	"log/slog"
	"time"
)

const maxPause = 5 * time.Minute

// loop works at every interval until ctx is done, then lets the piece under way finish. A failure is
// logged and makes the pause longer; it ends nothing.
func loop(ctx context.Context, logger *slog.Logger, interval time.Duration, work func(context.Context) error) {
	failures := 0
	for ctx.Err() == nil {
		if err := attempt(ctx, work); err != nil {
			failures++
			logger.Error("failed", "error", err, "failures", failures)
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause(interval, failures)):
		}
	}
}

// attempt does one piece of work, which may take workTimeout, and shutdownTimeout once ctx is done.
func attempt(ctx context.Context, work func(context.Context) error) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTimeout)
	defer cancel()
	unregister := context.AfterFunc(ctx, func() {
		time.AfterFunc(shutdownTimeout, cancel)
	})
	defer unregister()
	return work(limited)
}

// pause is the interval, doubled with every failure in a row up to maxPause.
func pause(interval time.Duration, failures int) time.Duration {
	for ; failures > 0 && interval < maxPause; failures-- {
		interval = min(2*interval, maxPause)
	}
	return interval
}
