package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCount(t *testing.T) {
	tests := []struct {
		name, text string
		want       counts
	}{
		{"nothing", "", counts{}},
		{"a line", "one two\n", counts{1, 2, 8}},
		{"no newline at the end", "one", counts{0, 1, 3}},
		{"blanks alone", " \t\r\n\v\f ", counts{1, 0, 7}},
		{"not ASCII", "déjà vu", counts{0, 2, 9}},
		{"longer than the buffer", strings.Repeat("x", 100_000) + " y\n", counts{1, 2, 100_003}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := count(context.Background(), iotest.HalfReader(strings.NewReader(test.text)))
			if err != nil || got != test.want {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestCountFails(t *testing.T) {
	broken := errors.New("broken")
	if _, err := count(context.Background(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := count(ctx, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzCount(f *testing.F) {
	f.Add([]byte("one two\nthree"))
	f.Add([]byte("\x00\xff\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := count(context.Background(), iotest.OneByteReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		want := counts{
			Lines: int64(bytes.Count(data, []byte("\n"))),
			Words: int64(len(bytes.FieldsFunc(data, func(r rune) bool { return r < 128 && isBlank(byte(r)) }))),
			Bytes: int64(len(data)),
		}
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog.\n", 10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := count(context.Background(), strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
