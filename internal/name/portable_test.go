package name

import (
	"errors"
	"testing"
)

func TestPortableElement(t *testing.T) {
	for _, tt := range []struct {
		elem string
		want error
	}{
		{"", nil},
		{"a", nil},
		{"a b.txt", nil},
		{" a", nil},
		{".profile", nil},
		{"..a", nil},
		{"-", nil},
		{"ünïcode.txt", nil},

		{"CON", ErrDeviceName},
		{"con", ErrDeviceName},
		{"Con.txt", ErrDeviceName},
		{"PRN", ErrDeviceName},
		{"aux ", ErrDeviceName},
		{"aux .h", ErrDeviceName},
		{"AUX.tar.gz", ErrDeviceName},
		{"NUL.", ErrDeviceName},
		{"nul.txt", ErrDeviceName},
		{"nul:stream", ErrDeviceName},
		{"CONIN$", ErrDeviceName},
		{"conout$.log", ErrDeviceName},
		{"COM0", ErrDeviceName},
		{"com1", ErrDeviceName},
		{"COM9.txt", ErrDeviceName},
		{"COM¹", ErrDeviceName},
		{"com².x", ErrDeviceName},
		{"COM³", ErrDeviceName},
		{"LPT0", ErrDeviceName},
		{"lpt5 .txt", ErrDeviceName},
		{"LPT9", ErrDeviceName},
		{"LPT¹", ErrDeviceName},
		{"LPT²", ErrDeviceName},
		{"LPT³", ErrDeviceName},

		{"CONS", nil},
		{"CON$", nil},
		{"CONIN", nil},
		{" CON", nil},
		{"xCON", nil},
		{"a.CON", nil},
		{"COM", nil},
		{"COM10", nil},
		{"COM⁴", nil},
		{"COM٣", nil},
		{"LPTX", nil},
		{"nuls.txt", nil},
		{"auxiliary", nil},

		{"c:", ErrColon},
		{"C:x", ErrColon},
		{"a.txt::$DATA", ErrColon},
		{"a:b", ErrColon},

		{"a<b", ErrReservedChar},
		{"a>b", ErrReservedChar},
		{`a"b`, ErrReservedChar},
		{"a|b", ErrReservedChar},
		{"a?b", ErrReservedChar},
		{"a*b", ErrReservedChar},

		{".", ErrTrailing},
		{"..", ErrTrailing},
		{"...", ErrTrailing},
		{"a.", ErrTrailing},
		{"a ", ErrTrailing},
		{"a. .", ErrTrailing},
		{" ", ErrTrailing},
	} {
		if got := PortableElement(tt.elem); !errors.Is(got, tt.want) {
			t.Errorf("PortableElement(%q) = %v, want %v", tt.elem, got, tt.want)
		}
	}
}

// TestPortableElementPorts tries every port by its name in both cases, so that the list in the doc comment is the list.
func TestPortableElementPorts(t *testing.T) {
	for _, prefix := range []string{"COM", "LPT", "com", "lpt", "Com", "lPt"} {
		for _, port := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"} {
			for _, suffix := range []string{"", ".", ".txt", " ", "  .a.b", ":", ":x"} {
				elem := prefix + port + suffix
				if err := PortableElement(elem); !errors.Is(err, ErrDeviceName) {
					t.Errorf("PortableElement(%q) = %v, want %v", elem, err, ErrDeviceName)
				}
			}
		}
	}
}

func FuzzPortableElement(f *testing.F) {
	for _, s := range []string{"", "CON", "nul.txt", "aux .x", "COM¹", "a:b", "a.", "x?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, elem string) {
		err := PortableElement(elem)
		if err == nil && PortableElement(elem+".") == nil {
			t.Errorf("%q is portable with a dot after it", elem)
		}
		if errors.Is(err, ErrDeviceName) && !errors.Is(PortableElement(elem+".txt"), ErrDeviceName) {
			t.Errorf("%q is a device, and with an extension it is not", elem)
		}
	})
}
