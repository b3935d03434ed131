// Package buildinfo tells what a program was built from, and for what.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Info is what a program was built from, and for what.
type Info struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Variant string `json:"variant,omitempty"`
	Commit  string `json:"commit"`
	Version string `json:"version"`
	Date    string `json:"date,omitempty"`
	Go      string `json:"go"`
}

// String is the line that -version prints behind the program's name.
func (i Info) String() string {
	platform := i.OS + "/" + i.Arch
	if i.Variant != "" {
		platform += "/" + i.Variant
	}
	return fmt.Sprintf("%s (commit %s, %s, %s)", i.Version, i.Commit, platform, i.Go)
}

// Read joins what the linker was told with what the Go toolchain recorded, so that a plain `go build`
// knows its commit too. The date is in seconds since 1970; what is unknown is empty.
func Read(commit, version, sourceDate string) Info {
	settings := map[string]string{}
	recorded := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
		recorded = first(info.Main.Version, recorded)
	}
	return Info{
		OS:      runtime.GOOS,
		Arch:    runtime.GOARCH,
		Variant: variantOf(runtime.GOARCH, settings),
		Commit:  first(commit, settings["vcs.revision"], "unknown"),
		Version: first(version, recorded),
		Date:    first(dateOf(sourceDate), settings["vcs.time"]),
		Go:      runtime.Version(),
	}
}

// variantOf names the CPU variant as an image index does; a baseline has none.
func variantOf(arch string, settings map[string]string) string {
	switch arch {
	case "arm":
		// As "7" or, with the kind of floating point, "7,softfloat".
		if level, _, _ := strings.Cut(settings["GOARM"], ","); level != "" {
			return "v" + level
		}
	case "amd64":
		if level := settings["GOAMD64"]; level != "v1" {
			return level
		}
	case "arm64":
		// As "v8.0" or, with extensions, "v9.0,lse".
		level, _, _ := strings.Cut(settings["GOARM64"], ",")
		if level = strings.TrimSuffix(level, ".0"); level != "v8" {
			return level
		}
	}
	return ""
}

func dateOf(seconds string) string {
	number, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(number, 0).UTC().Format(time.RFC3339)
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
