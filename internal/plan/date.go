package plan

import (
	"strings"
	"time"
)

// The three forms of HTTP-date (5.6.7). Only the first is ever written.
const (
	imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	rfc850     = "Monday, 02-Jan-06 15:04:05 GMT"
	asctime    = "Mon Jan _2 15:04:05 2006"
)

// afterWeekday is the length of the rest of an RFC 850 date: the names of weekdays differ in length.
const afterWeekday = len(rfc850) - len("Monday")

// parseDate reads an HTTP-date. A day of the week that does not belong to the date is let pass, and so is the case of
// names: recipients are "encouraged to be robust". What has another shape is not a date. now decides the century of a
// two-digit year.
func parseDate(s string, now time.Time) (time.Time, bool) {
	s = trimOWS(s)
	var layout string
	switch {
	case len(s) == len(imfFixdate) && s[3] == ',':
		layout = imfFixdate
	case len(s) == len(asctime) && s[3] == ' ':
		layout = asctime
	case len(s) > afterWeekday && s[len(s)-afterWeekday] == ',':
		layout = rfc850
	default:
		return time.Time{}, false
	}
	s, leap := cutLeapSecond(s)
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}, false
	}
	if layout == rfc850 && !now.IsZero() {
		t = century(t, now)
	}
	return t.Add(leap), true
}

// cutLeapSecond reads a leap second, which the grammar has and package time has not, as the second before and one.
func cutLeapSecond(s string) (string, time.Duration) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || !strings.HasPrefix(s[i:], ":60") {
		return s, 0
	}
	return s[:i] + ":59" + s[i+len(":60"):], time.Second
}

// century moves a date to the latest year with its last two digits that is not more than 50 years ahead (5.6.7).
func century(t, now time.Time) time.Time {
	limit := now.UTC().AddDate(50, 0, 0)
	year := limit.Year()/100*100 + t.Year()%100
	for {
		moved := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		if !moved.After(limit) {
			return moved
		}
		year -= 100
	}
}
