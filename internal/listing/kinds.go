package listing

import "strings"

// kinds gives extensions the class that tints their badge: picture, film, sound, archive, document, program text.
// It is decoration: how a file is sent never depends on it.
var kinds = func() map[string]string {
	m := map[string]string{}
	for class, list := range map[string]string{
		" kp": "jpg jpeg png gif webp avif heic svg bmp ico tiff tif raw psd",
		" kv": "mp4 mkv webm mov avi m4v mpg mpeg",
		" ka": "mp3 flac ogg opus m4a wav aac mid",
		" kz": "zip gz tgz xz zst bz2 br tar 7z rar iso deb rpm jar apk dmg img",
		" kt": "pdf epub doc docx odt rtf md txt tex xls xlsx ods csv ppt pptx odp",
		" kc": "go py js ts c h cc cpp rs java rb php sh html css json xml yaml yml toml sql lua",
	} {
		for ext := range strings.FieldsSeq(list) {
			m[ext] = class
		}
	}
	return m
}()

// extension is what stands on the badge: up to four ASCII letters or digits after the last dot, in lower case; ""
// where there is nothing of the sort.
func extension(s string) string {
	i := strings.LastIndexByte(s, '.')
	if i <= 0 || len(s)-i-1 > 4 {
		return ""
	}
	ext := strings.ToLower(s[i+1:])
	for _, c := range []byte(ext) {
		if !isDigit(c) && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return ext
}
