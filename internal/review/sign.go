package review

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Signed are the formats that can be signed and read again.
var Signed = []string{"json", "html"}

// A report file has one place for the signature: of JSON its last member, of HTML one element. Everything else is signed.
var (
	slots = map[string]struct{ before, after string }{
		"json": {",\n  \"signature\": \"", "\"\n}\n"},
		"html": {"<pre id=\"signature\">", "</pre>"},
	}
	dataBegin = []byte(`<script type="application/json" id="review">`)
	dataEnd   = []byte(`</script>`)
)

const sign = "— " // what a line of a signed note begins with

// statement is what is signed: which format, the digest of the review as canonical JSON, and that of the whole file
// without its signature, so that what a person sees is signed as well, whichever version renders it.
func statement(format string, canonical, file []byte) string {
	return fmt.Sprintf("rootbound review\n%s\n%x\n%x\n", format, sha256.Sum256(canonical), sha256.Sum256(file))
}

// RenderSigned is Render in one of Signed, with a signature.
func RenderSigned(d *Document, format string, key note.Signer) ([]byte, error) {
	slot, ok := slots[format]
	if !ok {
		return nil, fmt.Errorf("review: format %q cannot be signed", format)
	}
	canonical, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if format == "html" {
		err = d.html(&b, true)
	} else {
		var text []byte
		text, err = Render(d, format, false)
		b.Write(text)
	}
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: statement(format, canonical, b.Bytes())}, key)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(signed), "\n"), "\n")
	return put(format, b.Bytes(), slot.before+lines[len(lines)-1]+slot.after)
}

// put places the signature.
func put(format string, file []byte, filled string) ([]byte, error) {
	empty := slots[format].before + slots[format].after
	if format == "json" {
		empty = "\n}\n"
		if !bytes.HasSuffix(file, []byte(empty)) {
			return nil, errors.New("review: the document has no end")
		}
		return append(file[:len(file)-len(empty)], filled...), nil
	}
	if bytes.Count(file, []byte(empty)) != 1 {
		return nil, errors.New("review: the page has no one place for its signature")
	}
	return bytes.Replace(file, []byte(empty), []byte(filled), 1), nil
}

// ErrUnsigned is Verify's error for a report without a signature.
var ErrUnsigned = errors.New("it is not signed")

// take takes the signature out, and returns the file as it was signed.
func take(format string, file []byte) (unsigned []byte, signature string, err error) {
	slot := slots[format]
	var i int
	if format == "json" {
		i = bytes.LastIndex(file, []byte(slot.before))
	} else {
		i = bytes.Index(file, []byte(slot.before))
	}
	if i < 0 {
		return file, "", ErrUnsigned
	}
	from := i + len(slot.before)
	end := bytes.Index(file[from:], []byte(slot.after))
	if end < 0 {
		return file, "", ErrUnsigned
	}
	signature = string(file[from : from+end])
	keep := slot.before + slot.after
	if format == "json" {
		keep = "\n}\n"
	}
	unsigned = append(bytes.Clone(file[:i]), keep...)
	return append(unsigned, file[from+end+len(slot.after):]...), signature, nil
}

// Format tells the format of a report file.
func Format(file []byte) string {
	if bytes.HasPrefix(file, []byte("{")) {
		return "json"
	}
	return "html"
}

// data is the canonical JSON of a report file without signature.
func data(format string, file []byte) ([]byte, error) {
	if format == "json" {
		var b bytes.Buffer
		err := json.Compact(&b, file)
		return b.Bytes(), err
	}
	_, after, ok := bytes.Cut(file, dataBegin)
	canonical, _, ends := bytes.Cut(after, dataEnd)
	if !ok || !ends {
		return nil, errors.New("there is no review in it")
	}
	return canonical, nil
}

// Read reads a report file in one of Signed, and believes it.
func Read(file []byte) (*Document, error) {
	format := Format(file)
	unsigned, _, err := take(format, file)
	if err != nil && !errors.Is(err, ErrUnsigned) {
		return nil, err
	}
	canonical, err := data(format, unsigned)
	if err != nil {
		return nil, err
	}
	return parse(canonical)
}

func parse(canonical []byte) (*Document, error) {
	var d Document
	if err := json.Unmarshal(canonical, &d); err != nil {
		return nil, err
	}
	switch {
	case d.Tool != "review":
		return nil, fmt.Errorf("it is by %q, not by \"review\"", d.Tool)
	case d.Schema != 1:
		return nil, fmt.Errorf("it has schema %d, and this version knows 1", d.Schema)
	}
	for _, p := range d.Parts {
		if p == nil {
			return nil, errors.New("a part of it is empty")
		}
	}
	return &d, nil
}

// Verify reads a report file that must be, byte for byte, what the key signed.
func Verify(file []byte, key note.Verifier) (*Document, error) {
	format := Format(file)
	unsigned, signature, err := take(format, file)
	if err != nil {
		return nil, err
	}
	if err := strict(signature); err != nil {
		return nil, err
	}
	canonical, err := data(format, unsigned)
	if err != nil {
		return nil, err
	}
	signed := statement(format, canonical, unsigned) + "\n" + signature + "\n"
	if _, err := note.Open([]byte(signed), note.VerifierList(key)); err != nil {
		var unknown *note.UnverifiedNoteError
		if errors.As(err, &unknown) {
			return nil, errors.New("it is signed by another key")
		}
		return nil, errors.New("it is not what was signed")
	}
	return parse(canonical)
}

// strict refuses a signature that reads as the same in another spelling.
func strict(signature string) error {
	name, text, ok := strings.Cut(strings.TrimPrefix(signature, sign), " ")
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || signature != sign+name+" "+base64.StdEncoding.EncodeToString(raw) {
		return errors.New("its signature is none")
	}
	return nil
}
