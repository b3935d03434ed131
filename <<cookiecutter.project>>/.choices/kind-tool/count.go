package main

import (
	"context"
	"errors"
	"io"
)

// counts is the size of a text.
type counts struct{ Lines, Words, Bytes int64 }

// count reads to the end, or until ctx is done. A line ends with a newline; words stand between blanks.
func count(ctx context.Context, reader io.Reader) (counts, error) {
	var total counts
	inWord := false
	buffer := make([]byte, 64*1024)
	for {
		if err := ctx.Err(); err != nil {
			return counts{}, err
		}
		n, err := reader.Read(buffer)
		for _, b := range buffer[:n] {
			if b == '\n' {
				total.Lines++
			}
			if isBlank(b) {
				inWord = false
			} else if !inWord {
				inWord = true
				total.Words++
			}
		}
		total.Bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return counts{}, err
		}
	}
}

func isBlank(b byte) bool {
	return b == ' ' || b >= '\t' && b <= '\r'
}
