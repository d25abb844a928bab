package vigie

import (
	"path"
	"runtime/debug"
)

// build is what the Go toolchain wrote into the binary; empty where it did not.
type build struct {
	goVersion, module, version, revision string
	modified                             *bool
}

func readBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{}
	}
	found := build{goVersion: info.GoVersion, module: info.Main.Path, version: info.Main.Version}
	if found.version == "(devel)" {
		found.version = ""
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			found.revision = setting.Value
		case "vcs.modified":
			modified := setting.Value == "true"
			found.modified = &modified
		}
	}
	return found
}

// name is a service's name when nobody gave one.
func (b build) name() string {
	if b.module == "" {
		return "go"
	}
	return path.Base(b.module)
}
