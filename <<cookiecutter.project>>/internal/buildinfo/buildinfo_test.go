package buildinfo

import (
	"runtime"
	"testing"
)

func TestRead(t *testing.T) {
	got := Read("0123abc", "1.2.3", "86400")
	if got.OS != runtime.GOOS || got.Arch != runtime.GOARCH || got.Go != runtime.Version() {
		t.Errorf("got %+v", got)
	}
	if got.Commit != "0123abc" || got.Version != "1.2.3" || got.Date != "1970-01-02T00:00:00Z" {
		t.Errorf("got %+v", got)
	}
}

func TestReadWithoutLinkerFlags(t *testing.T) {
	if got := Read("", "", "soon"); got.Commit == "" || got.Version == "" {
		t.Errorf("got %+v", got)
	}
}

func TestString(t *testing.T) {
	info := Info{OS: "linux", Arch: "arm", Variant: "v6", Commit: "abc", Version: "1.2.3", Go: "go1"}
	if got, want := info.String(), "1.2.3 (commit abc, linux/arm/v6, go1)"; got != want {
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
