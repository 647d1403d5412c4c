package name

import (
	"errors"
	"strings"
)

// Why PortableElement refuses an element.
var (
	ErrDeviceName   = errors.New("device name")
	ErrColon        = errors.New("colon in name")
	ErrReservedChar = errors.New("character reserved on some systems")
	ErrTrailing     = errors.New("trailing dot or space")
)

// PortableElement reports why some system would read elem, one element of a name, as something other than a file of
// that name, or nil if none would. The answer is the same on every system, so that a tree written here can be served
// there:
//
//   - a device name of Windows, in any case, alone or before an extension or trailing spaces (ErrDeviceName):
//     CON, PRN, AUX, NUL, CONIN$, CONOUT$, COM0 to COM9, LPT0 to LPT9, COM and LPT with a superscript ¹, ² or ³;
//   - a colon, which is a drive or an alternate data stream (ErrColon);
//   - any of <>"|?*, wildcards and their DOS relatives (ErrReservedChar);
//   - a dot or a space at the end, which Windows drops (ErrTrailing), and so "." and "..".
//
// Separators, control characters, invalid UTF-8 and the empty element are refused by every policy and are not looked at
// here. Sources: "Naming Files, Paths, and Namespaces" (learn.microsoft.com), path/filepath.IsLocal of Go,
// ntpath.isreserved of Python 3.13. COM0 and LPT0 are devices to some versions only.
func PortableElement(elem string) error {
	switch {
	case isDevice(elem):
		return ErrDeviceName
	case strings.Contains(elem, ":"):
		return ErrColon
	case strings.ContainsAny(elem, `<>"|?*`):
		return ErrReservedChar
	case strings.HasSuffix(elem, ".") || strings.HasSuffix(elem, " "):
		return ErrTrailing
	}
	return nil
}

// isDevice reports whether Windows opens a device for elem: what follows the first dot or colon does not count, nor do
// spaces before it.
func isDevice(elem string) bool {
	stem := elem
	if i := strings.IndexAny(stem, ".:"); i >= 0 {
		stem = stem[:i]
	}
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		port, ok = strings.CutPrefix(stem, "LPT")
	}
	if !ok {
		return false
	}
	switch port {
	case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}
