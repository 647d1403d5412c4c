package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases (-ldflags "-X main.version=v1.2.3").
var version string

// versionText names the version, from the linker, from the module, or from the commit that was built.
func versionText() string {
	return fmt.Sprintf("rootbound %s %s/%s %s", programVersion(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
